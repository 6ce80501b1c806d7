#pragma once
// HeaderId: a small integer for every field name that the mesh looks at or sees often, found by a
// perfect hash.
//
// Names are compared without regard to ASCII case. kOther stands for every other name. Adding a
// name means adding it here and to the table in header_id.cc, whose static_assert says when the
// hash needs new factors.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weft::http {

enum class HeaderId : std::uint8_t {
  kOther = 0,
  kHost,
  kConnection,
  kKeepAlive,
  kProxyConnection,
  kTe,
  kTransferEncoding,
  kUpgrade,
  kTrailer,
  kContentLength,
  kContentType,
  kContentEncoding,
  kAccept,
  kAcceptEncoding,
  kAcceptLanguage,
  kAuthorization,
  kCacheControl,
  kCookie,
  kSetCookie,
  kDate,
  kEtag,
  kExpect,
  kLocation,
  kServer,
  kUserAgent,
  kVia,
  kRetryAfter,
  kOrigin,
  kReferer,
  kRange,
  kVary,
  kLastModified,
  kIfNoneMatch,
  kIfModifiedSince,
  kXRequestId,
  kXForwardedFor,
  kXForwardedProto,
  kXForwardedHost,
  kXRealIp,
  kForwarded,
  kTraceparent,
  kTracestate,
  kB3,
  kXB3Traceid,
  kXB3Spanid,
  kXB3Parentspanid,
  kXB3Sampled,
  kXB3Flags,
  kGrpcStatus,
  kGrpcMessage,
  kGrpcTimeout,
  kGrpcEncoding,
  kGrpcAcceptEncoding,
  kGrpcRetryPushbackMs,
  kGrpcPreviousRpcAttempts,
  kXEnvoyExpectedRqTimeoutMs,
  kXEnvoyUpstreamRqTimeoutMs,
  kXEnvoyAttemptCount,
  kXEnvoyMaxRetries,
  kXEnvoyRetryOn,
  kXWeftCause,
  kXWeftPeer,
  kXWeftDeadline,
  kXWeftPriority,
  kXWeftAttempt,
  kXWeftRetry,
  kHttp2Settings,
  kProxyAuthorization,
  kProxyAuthenticate,
  kWwwAuthenticate,
  kAllow,
  kContentLanguage,
  kContentDisposition,
  kAccessControlAllowOrigin,
  kSecWebsocketKey,
  kSecWebsocketVersion,
  kSecWebsocketAccept,
  kSecWebsocketProtocol,
  kSecWebsocketExtensions,
  kStrictTransportSecurity,
  kXContentTypeOptions,
  kXFrameOptions,
  kLink,
  kAge,
  kExpires,
  kMaxForwards,
  kFrom,
  kAcceptCharset,
  kContentLocation,
  kContentRange,
  kAcceptRanges,
};

inline constexpr std::size_t kHeaderIds = 91;

[[nodiscard]] HeaderId header_id_of(std::string_view name);
// The canonical lower-case name; empty for kOther.
[[nodiscard]] std::string_view name_of(HeaderId id);

}  // namespace weft::http
