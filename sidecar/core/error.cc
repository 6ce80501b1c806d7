#include "sidecar/core/error.h"

namespace weft {

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::kInternal:
      return "internal";
    case Fault::kInvalid:
      return "invalid";
    case Fault::kProtocol:
      return "protocol";
    case Fault::kFlood:
      return "flood";
    case Fault::kHeadTooLarge:
      return "head too large";
    case Fault::kTargetTooLong:
      return "target too long";
    case Fault::kBodyTooLarge:
      return "body too large";
    case Fault::kMethodUnsupported:
      return "method unsupported";
    case Fault::kVersionUnsupported:
      return "version unsupported";
    case Fault::kMisdirected:
      return "misdirected";
    case Fault::kConnect:
      return "connect";
    case Fault::kConnectTimeout:
      return "connect timeout";
    case Fault::kTlsHandshake:
      return "tls handshake";
    case Fault::kTlsTimeout:
      return "tls timeout";
    case Fault::kTlsIdentity:
      return "tls identity";
    case Fault::kReset:
      return "reset";
    case Fault::kRefused:
      return "refused";
    case Fault::kClosed:
      return "closed";
    case Fault::kTimeout:
      return "timeout";
    case Fault::kIdle:
      return "idle";
    case Fault::kNoRoute:
      return "no route";
    case Fault::kNoCluster:
      return "no cluster";
    case Fault::kNoEndpoint:
      return "no endpoint";
    case Fault::kNameNotResolved:
      return "name not resolved";
    case Fault::kLimit:
      return "limit";
    case Fault::kCircuitOpen:
      return "circuit open";
    case Fault::kOverload:
      return "overload";
    case Fault::kRateLimited:
      return "rate limited";
    case Fault::kDenied:
      return "denied";
    case Fault::kDraining:
      return "draining";
    case Fault::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view name_of(Side side) {
  switch (side) {
    case Side::kDownstream:
      return "downstream";
    case Side::kUpstream:
      return "upstream";
    case Side::kLocal:
      return "local";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text;
  if (error.side != Side::kLocal) {
    text += name_of(error.side);
    text += ' ';
  }
  text += name_of(error.fault);
  if (!error.detail.empty()) {
    text += ": ";
    text += error.detail;
  }
  return text;
}

}  // namespace weft
