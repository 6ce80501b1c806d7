#include "sidecar/proxy/replies.h"

#include <fmt/format.h>

#include <optional>

namespace weft::proxy {

namespace {

using telemetry::Cause;
using telemetry::Flag;

// gRPC status codes (grpc/status.h of every implementation).
constexpr std::int8_t kGrpcCancelled = 1;
constexpr std::int8_t kGrpcDeadlineExceeded = 4;
constexpr std::int8_t kGrpcPermissionDenied = 7;
constexpr std::int8_t kGrpcResourceExhausted = 8;
constexpr std::int8_t kGrpcUnimplemented = 12;
constexpr std::int8_t kGrpcInternal = 13;
constexpr std::int8_t kGrpcUnavailable = 14;

LocalReply answer(std::uint16_t status, std::int8_t grpc, Cause cause,
                  std::optional<Flag> flag = std::nullopt, bool unprocessed = false) {
  LocalReply reply{status, grpc, cause, {}, unprocessed};
  if (flag) reply.flags.set(*flag);
  return reply;
}

}  // namespace

LocalReply reply_for(const Error& error) {
  const bool client = error.side == Side::kDownstream;
  const bool upstream = error.side == Side::kUpstream;
  const LocalReply gone = answer(0, kGrpcCancelled, Cause::kClientGone, Flag::kDownstreamClosed);
  const LocalReply garbage =
      answer(502, kGrpcUnavailable, Cause::kUpstreamProtocol, Flag::kUpstreamProtocolError);
  switch (error.fault) {
    case Fault::kProtocol:
    case Fault::kFlood:
      if (!client) return garbage;
      return answer(400, kGrpcInternal, Cause::kMalformedRequest, Flag::kDownstreamProtocolError);
    case Fault::kHeadTooLarge:
      if (upstream) return garbage;
      return answer(431, kGrpcResourceExhausted, Cause::kHeadTooLarge,
                    Flag::kDownstreamProtocolError);
    case Fault::kTargetTooLong:
      return answer(414, kGrpcResourceExhausted, Cause::kTargetTooLong,
                    Flag::kDownstreamProtocolError);
    case Fault::kBodyTooLarge:
      return answer(413, kGrpcResourceExhausted, Cause::kBodyTooLarge,
                    Flag::kDownstreamProtocolError);
    case Fault::kMethodUnsupported:
      return answer(501, kGrpcUnimplemented, Cause::kMethodUnsupported,
                    Flag::kDownstreamProtocolError);
    case Fault::kVersionUnsupported:
      return answer(505, kGrpcUnimplemented, Cause::kVersionUnsupported,
                    Flag::kDownstreamProtocolError);
    case Fault::kMisdirected:
      return answer(421, kGrpcUnimplemented, Cause::kMisdirected);
    case Fault::kConnect:
    case Fault::kConnectTimeout:
      if (client) return gone;
      return answer(503, kGrpcUnavailable, Cause::kConnectFailure, Flag::kUpstreamConnectionFailure,
                    true);
    case Fault::kTlsHandshake:
    case Fault::kTlsTimeout:
      if (client) return gone;
      return answer(503, kGrpcUnavailable, Cause::kTlsFailure, Flag::kUpstreamConnectionFailure,
                    true);
    case Fault::kTlsIdentity:
      if (client) return gone;
      return answer(503, kGrpcUnavailable, Cause::kIdentityMismatch,
                    Flag::kUpstreamConnectionFailure, true);
    case Fault::kReset:
    case Fault::kClosed:
      if (client) return gone;
      return answer(503, kGrpcUnavailable, Cause::kUpstreamReset, Flag::kUpstreamClosed);
    case Fault::kRefused:
      if (client) return gone;
      return answer(503, kGrpcUnavailable, Cause::kUpstreamReset, Flag::kUpstreamRemoteReset, true);
    case Fault::kTimeout:
      if (client) return answer(408, kGrpcCancelled, Cause::kClientTimeout, Flag::kStreamIdle);
      return answer(504, kGrpcDeadlineExceeded, Cause::kUpstreamTimeout, Flag::kUpstreamTimeout);
    case Fault::kIdle:
      if (client) return answer(408, kGrpcCancelled, Cause::kClientTimeout, Flag::kStreamIdle);
      return answer(504, kGrpcDeadlineExceeded, Cause::kStreamIdle, Flag::kStreamIdle);
    case Fault::kNoRoute:
      return answer(404, kGrpcUnimplemented, Cause::kNoRoute, Flag::kNoRoute);
    case Fault::kNoCluster:
      return answer(503, kGrpcUnavailable, Cause::kNoCluster, Flag::kNoCluster, true);
    case Fault::kNoEndpoint:
      return answer(503, kGrpcUnavailable, Cause::kNoHealthyEndpoint, Flag::kNoHealthyUpstream,
                    true);
    case Fault::kNameNotResolved:
      return answer(503, kGrpcUnavailable, Cause::kNameNotResolved, Flag::kDnsFailure, true);
    case Fault::kLimit:
      return answer(503, kGrpcUnavailable, Cause::kBulkheadFull, Flag::kUpstreamOverflow, true);
    case Fault::kCircuitOpen:
      return answer(503, kGrpcUnavailable, Cause::kCircuitOpen, Flag::kUpstreamOverflow, true);
    case Fault::kOverload:
      return answer(503, kGrpcUnavailable, Cause::kOverload, Flag::kOverloadManager, true);
    case Fault::kRateLimited:
      return answer(429, kGrpcResourceExhausted, Cause::kRateLimited, Flag::kRateLimited, true);
    case Fault::kDenied:
      return answer(403, kGrpcPermissionDenied, Cause::kDenied);
    case Fault::kDraining:
      return answer(503, kGrpcUnavailable, Cause::kDraining, std::nullopt, true);
    case Fault::kCancelled:
      return gone;
    case Fault::kInvalid:
    case Fault::kInternal:
      return answer(500, kGrpcInternal, Cause::kInternal);
  }
  return answer(500, kGrpcInternal, Cause::kInternal);
}

std::string describe_replies() {
  std::string text;
  for (auto fault = static_cast<int>(Fault::kInternal);
       fault <= static_cast<int>(Fault::kCancelled); ++fault) {
    for (const Side side : {Side::kDownstream, Side::kUpstream, Side::kLocal}) {
      const LocalReply reply = reply_for(Error{static_cast<Fault>(fault), side, {}});
      text +=
          fmt::format("{} | {} | {} | {} | {} | {}{}\n", name_of(static_cast<Fault>(fault)),
                      name_of(side), reply.status, reply.grpc_status, reply.flags.to_string(),
                      telemetry::name_of(reply.cause), reply.unprocessed ? " | unprocessed" : "");
    }
  }
  return text;
}

}  // namespace weft::proxy
