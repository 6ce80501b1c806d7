#include "sidecar/http/hpack_static_table.h"

namespace weft::http {

namespace {

constexpr HpackField pseudo_entry(Pseudo pseudo, std::string_view name, std::string_view value) {
  return {.name = name, .value = value, .pseudo = pseudo};
}
constexpr HpackField entry(HeaderId id, std::string_view name, std::string_view value = {}) {
  return {.name = name, .value = value, .id = id};
}

}  // namespace

constexpr std::array<HpackField, kHpackStaticEntries> kHpackStaticTable = {
    pseudo_entry(Pseudo::kAuthority, ":authority", ""),
    pseudo_entry(Pseudo::kMethod, ":method", "GET"),
    pseudo_entry(Pseudo::kMethod, ":method", "POST"),
    pseudo_entry(Pseudo::kPath, ":path", "/"),
    pseudo_entry(Pseudo::kPath, ":path", "/index.html"),
    pseudo_entry(Pseudo::kScheme, ":scheme", "http"),
    pseudo_entry(Pseudo::kScheme, ":scheme", "https"),
    pseudo_entry(Pseudo::kStatus, ":status", "200"),
    pseudo_entry(Pseudo::kStatus, ":status", "204"),
    pseudo_entry(Pseudo::kStatus, ":status", "206"),
    pseudo_entry(Pseudo::kStatus, ":status", "304"),
    pseudo_entry(Pseudo::kStatus, ":status", "400"),
    pseudo_entry(Pseudo::kStatus, ":status", "404"),
    pseudo_entry(Pseudo::kStatus, ":status", "500"),
    entry(HeaderId::kAcceptCharset, "accept-charset"),
    entry(HeaderId::kAcceptEncoding, "accept-encoding", "gzip, deflate"),
    entry(HeaderId::kAcceptLanguage, "accept-language"),
    entry(HeaderId::kAcceptRanges, "accept-ranges"),
    entry(HeaderId::kAccept, "accept"),
    entry(HeaderId::kAccessControlAllowOrigin, "access-control-allow-origin"),
    entry(HeaderId::kAge, "age"),
    entry(HeaderId::kAllow, "allow"),
    entry(HeaderId::kAuthorization, "authorization"),
    entry(HeaderId::kCacheControl, "cache-control"),
    entry(HeaderId::kContentDisposition, "content-disposition"),
    entry(HeaderId::kContentEncoding, "content-encoding"),
    entry(HeaderId::kContentLanguage, "content-language"),
    entry(HeaderId::kContentLength, "content-length"),
    entry(HeaderId::kContentLocation, "content-location"),
    entry(HeaderId::kContentRange, "content-range"),
    entry(HeaderId::kContentType, "content-type"),
    entry(HeaderId::kCookie, "cookie"),
    entry(HeaderId::kDate, "date"),
    entry(HeaderId::kEtag, "etag"),
    entry(HeaderId::kExpect, "expect"),
    entry(HeaderId::kExpires, "expires"),
    entry(HeaderId::kFrom, "from"),
    entry(HeaderId::kHost, "host"),
    entry(HeaderId::kOther, "if-match"),
    entry(HeaderId::kIfModifiedSince, "if-modified-since"),
    entry(HeaderId::kIfNoneMatch, "if-none-match"),
    entry(HeaderId::kOther, "if-range"),
    entry(HeaderId::kOther, "if-unmodified-since"),
    entry(HeaderId::kLastModified, "last-modified"),
    entry(HeaderId::kLink, "link"),
    entry(HeaderId::kLocation, "location"),
    entry(HeaderId::kMaxForwards, "max-forwards"),
    entry(HeaderId::kProxyAuthenticate, "proxy-authenticate"),
    entry(HeaderId::kProxyAuthorization, "proxy-authorization"),
    entry(HeaderId::kRange, "range"),
    entry(HeaderId::kReferer, "referer"),
    entry(HeaderId::kOther, "refresh"),
    entry(HeaderId::kRetryAfter, "retry-after"),
    entry(HeaderId::kServer, "server"),
    entry(HeaderId::kSetCookie, "set-cookie"),
    entry(HeaderId::kStrictTransportSecurity, "strict-transport-security"),
    entry(HeaderId::kTransferEncoding, "transfer-encoding"),
    entry(HeaderId::kUserAgent, "user-agent"),
    entry(HeaderId::kVary, "vary"),
    entry(HeaderId::kVia, "via"),
    entry(HeaderId::kWwwAuthenticate, "www-authenticate"),
};

namespace {

template <std::size_t kKeys, typename KeyOf>
constexpr std::array<HpackStaticRun, kKeys> make_runs(KeyOf key_of) {
  std::array<HpackStaticRun, kKeys> runs{};
  for (std::size_t i = 0; i < kHpackStaticEntries; ++i) {
    const auto key = static_cast<std::size_t>(key_of(kHpackStaticTable[i]));
    if (key == 0) continue;  // HeaderId::kOther, Pseudo::kNone
    if (runs[key].count++ == 0) runs[key].first = static_cast<std::uint8_t>(i + 1);
  }
  return runs;
}

}  // namespace

constexpr std::array<HpackStaticRun, kHeaderIds> kHpackStaticRunsById =
    make_runs<kHeaderIds>([](const HpackField& field) { return field.id; });
constexpr std::array<HpackStaticRun, kPseudos> kHpackStaticRunsByPseudo =
    make_runs<kPseudos>([](const HpackField& field) { return field.pseudo; });

}  // namespace weft::http
