#include "sidecar/http/header_id.h"

#include <array>
#include <cstring>

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
  // All characters of known names have the bit that makes a letter lower-case, so setting it costs
  // no comparison.
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(name[i] | 0x20));
  };
  const std::size_t n = name.size();
  return (n * 41 + at(0) * 28 + at(n - 1) * 11 + at(n / 2) * 806 + at(n / 3) * 1007) % kSlots;
}

constexpr std::array<std::uint8_t, kSlots> make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 0; i < kKnown.size(); ++i)
    slots[slot_of(kKnown[i].name)] = static_cast<std::uint8_t>(i + 1);
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

// A known name as it is compared: by words, with the bit set that makes its letters (and only
// those) lower-case.
struct Spelling {
  static constexpr std::size_t kBytesMax = 32;
  std::array<char, kBytesMax> text{};
  std::array<char, kBytesMax> case_bits{};
  std::size_t size = 0;

  template <typename Word>
  [[nodiscard]] bool word_is(const char* name, std::size_t at) const {
    Word word;
    Word bits;
    Word wanted;
    std::memcpy(&word, name + at, sizeof word);
    std::memcpy(&bits, case_bits.data() + at, sizeof bits);
    std::memcpy(&wanted, text.data() + at, sizeof wanted);
    return (word | bits) == wanted;
  }
  // REQUIRES: `name` has `size` characters. The last word overlaps the one before.
  [[nodiscard]] bool is(const char* name) const {
    if (size >= 8) {
      for (std::size_t i = 0; i + 8 < size; i += 8) {
        if (!word_is<std::uint64_t>(name, i)) return false;
      }
      return word_is<std::uint64_t>(name, size - 8);
    }
    if (size >= 4) return word_is<std::uint32_t>(name, 0) && word_is<std::uint32_t>(name, size - 4);
    for (std::size_t i = 0; i < size; ++i) {
      if (!word_is<std::uint8_t>(name, i)) return false;
    }
    return true;
  }
};

constexpr auto make_spellings() {
  std::array<Spelling, kKnown.size()> spellings{};
  for (std::size_t i = 0; i < kKnown.size(); ++i) {
    spellings[i].size = kKnown[i].name.size();
    for (std::size_t j = 0; j < kKnown[i].name.size(); ++j) {
      const char c = kKnown[i].name[j];
      spellings[i].text[j] = c;
      spellings[i].case_bits[j] = c >= 'a' && c <= 'z' ? ' ' : '\0';
    }
  }
  return spellings;
}
constexpr auto kSpellings = make_spellings();

}  // namespace

HeaderId header_id_of(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  const std::uint8_t index = kSlotTable[slot_of(name)];
  if (index == 0) return HeaderId::kOther;
  const Spelling& known = kSpellings[index - 1U];
  if (known.size != name.size() || !known.is(name.data())) return HeaderId::kOther;
  return static_cast<HeaderId>(index);
}

std::string_view name_of(HeaderId id) {
  const auto index = static_cast<std::size_t>(id);
  return index == 0 || index > kKnown.size() ? std::string_view{} : kKnown[index - 1].name;
}

}  // namespace weft::http
