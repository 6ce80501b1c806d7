#include "sidecar/http/header_id.h"

#include <array>

#include "sidecar/core/strings.h"

namespace weft::http {

namespace {

struct Known {
  HeaderId id;
  std::string_view name;
};

constexpr auto kKnown = std::to_array<Known>({
    {HeaderId::kHost, "host"},
    {HeaderId::kConnection, "connection"},
    {HeaderId::kKeepAlive, "keep-alive"},
    {HeaderId::kProxyConnection, "proxy-connection"},
    {HeaderId::kTe, "te"},
    {HeaderId::kTransferEncoding, "transfer-encoding"},
    {HeaderId::kUpgrade, "upgrade"},
    {HeaderId::kTrailer, "trailer"},
    {HeaderId::kContentLength, "content-length"},
    {HeaderId::kContentType, "content-type"},
    {HeaderId::kContentEncoding, "content-encoding"},
    {HeaderId::kAccept, "accept"},
    {HeaderId::kAcceptEncoding, "accept-encoding"},
    {HeaderId::kAcceptLanguage, "accept-language"},
    {HeaderId::kAuthorization, "authorization"},
    {HeaderId::kCacheControl, "cache-control"},
    {HeaderId::kCookie, "cookie"},
    {HeaderId::kSetCookie, "set-cookie"},
    {HeaderId::kDate, "date"},
    {HeaderId::kEtag, "etag"},
    {HeaderId::kExpect, "expect"},
    {HeaderId::kLocation, "location"},
    {HeaderId::kServer, "server"},
    {HeaderId::kUserAgent, "user-agent"},
    {HeaderId::kVia, "via"},
    {HeaderId::kRetryAfter, "retry-after"},
    {HeaderId::kOrigin, "origin"},
    {HeaderId::kReferer, "referer"},
    {HeaderId::kRange, "range"},
    {HeaderId::kVary, "vary"},
    {HeaderId::kLastModified, "last-modified"},
    {HeaderId::kIfNoneMatch, "if-none-match"},
    {HeaderId::kIfModifiedSince, "if-modified-since"},
    {HeaderId::kXRequestId, "x-request-id"},
    {HeaderId::kXForwardedFor, "x-forwarded-for"},
    {HeaderId::kXForwardedProto, "x-forwarded-proto"},
    {HeaderId::kXForwardedHost, "x-forwarded-host"},
    {HeaderId::kXRealIp, "x-real-ip"},
    {HeaderId::kForwarded, "forwarded"},
    {HeaderId::kTraceparent, "traceparent"},
    {HeaderId::kTracestate, "tracestate"},
    {HeaderId::kB3, "b3"},
    {HeaderId::kXB3Traceid, "x-b3-traceid"},
    {HeaderId::kXB3Spanid, "x-b3-spanid"},
    {HeaderId::kXB3Parentspanid, "x-b3-parentspanid"},
    {HeaderId::kXB3Sampled, "x-b3-sampled"},
    {HeaderId::kXB3Flags, "x-b3-flags"},
    {HeaderId::kGrpcStatus, "grpc-status"},
    {HeaderId::kGrpcMessage, "grpc-message"},
    {HeaderId::kGrpcTimeout, "grpc-timeout"},
    {HeaderId::kGrpcEncoding, "grpc-encoding"},
    {HeaderId::kGrpcAcceptEncoding, "grpc-accept-encoding"},
    {HeaderId::kGrpcRetryPushbackMs, "grpc-retry-pushback-ms"},
    {HeaderId::kGrpcPreviousRpcAttempts, "grpc-previous-rpc-attempts"},
    {HeaderId::kXEnvoyExpectedRqTimeoutMs, "x-envoy-expected-rq-timeout-ms"},
    {HeaderId::kXEnvoyUpstreamRqTimeoutMs, "x-envoy-upstream-rq-timeout-ms"},
    {HeaderId::kXEnvoyAttemptCount, "x-envoy-attempt-count"},
    {HeaderId::kXEnvoyMaxRetries, "x-envoy-max-retries"},
    {HeaderId::kXEnvoyRetryOn, "x-envoy-retry-on"},
    {HeaderId::kXWeftCause, "x-weft-cause"},
    {HeaderId::kXWeftPeer, "x-weft-peer"},
    {HeaderId::kXWeftDeadline, "x-weft-deadline"},
    {HeaderId::kXWeftPriority, "x-weft-priority"},
    {HeaderId::kXWeftAttempt, "x-weft-attempt"},
    {HeaderId::kXWeftRetry, "x-weft-retry"},
    {HeaderId::kHttp2Settings, "http2-settings"},
    {HeaderId::kProxyAuthorization, "proxy-authorization"},
    {HeaderId::kProxyAuthenticate, "proxy-authenticate"},
    {HeaderId::kWwwAuthenticate, "www-authenticate"},
    {HeaderId::kAllow, "allow"},
    {HeaderId::kContentLanguage, "content-language"},
    {HeaderId::kContentDisposition, "content-disposition"},
    {HeaderId::kAccessControlAllowOrigin, "access-control-allow-origin"},
    {HeaderId::kSecWebsocketKey, "sec-websocket-key"},
    {HeaderId::kSecWebsocketVersion, "sec-websocket-version"},
    {HeaderId::kSecWebsocketAccept, "sec-websocket-accept"},
    {HeaderId::kSecWebsocketProtocol, "sec-websocket-protocol"},
    {HeaderId::kSecWebsocketExtensions, "sec-websocket-extensions"},
    {HeaderId::kStrictTransportSecurity, "strict-transport-security"},
    {HeaderId::kXContentTypeOptions, "x-content-type-options"},
    {HeaderId::kXFrameOptions, "x-frame-options"},
    {HeaderId::kLink, "link"},
    {HeaderId::kAge, "age"},
    {HeaderId::kExpires, "expires"},
    {HeaderId::kMaxForwards, "max-forwards"},
    {HeaderId::kFrom, "from"},
    {HeaderId::kAcceptCharset, "accept-charset"},
    {HeaderId::kContentLocation, "content-location"},
    {HeaderId::kContentRange, "content-range"},
    {HeaderId::kAcceptRanges, "accept-ranges"},
});

// Length and four characters tell all known names apart with these factors (found by search).
constexpr std::size_t kSlots = 1024;
constexpr std::size_t slot_of(std::string_view name) {
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(to_lower(name[i]))); };
  const std::size_t n = name.size();
  return (n * 41 + at(0) * 28 + at(n - 1) * 11 + at(n / 2) * 806 + at(n / 3) * 1007) % kSlots;
}

constexpr std::array<std::uint8_t, kSlots> make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 0; i < kKnown.size(); ++i) slots[slot_of(kKnown[i].name)] = static_cast<std::uint8_t>(i + 1);
  return slots;
}
constexpr auto kSlotTable = make_slots();

constexpr bool every_name_has_its_own_slot() {
  for (std::size_t i = 0; i < kKnown.size(); ++i) {
    if (kSlotTable[slot_of(kKnown[i].name)] != i + 1) return false;
    if (static_cast<std::size_t>(kKnown[i].id) != i + 1) return false;
  }
  return kKnown.size() + 1 == kHeaderIds;
}
static_assert(every_name_has_its_own_slot());

}  // namespace

HeaderId header_id_of(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  const std::uint8_t index = kSlotTable[slot_of(name)];
  if (index == 0) return HeaderId::kOther;
  const Known& known = kKnown[index - 1U];
  return equals_ignore_case(known.name, name) ? known.id : HeaderId::kOther;
}

std::string_view name_of(HeaderId id) {
  const auto index = static_cast<std::size_t>(id);
  return index == 0 || index > kKnown.size() ? std::string_view{} : kKnown[index - 1].name;
}

}  // namespace weft::http
