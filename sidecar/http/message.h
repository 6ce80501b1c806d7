#pragma once
// RequestHead and ResponseHead: what a codec reads and writes, the same for HTTP/1 and HTTP/2.
//
// Every codec delivers heads in one canonical shape, so that routing, authorization and the
// upstream see the same thing: hop-by-hop fields and those nominated by Connection are gone, Host
// is `authority` (lower-cased host, port kept), `te` is only "trailers", an upgrade is `protocol`,
// a length is `content_length`. Codecs that write add back what their version needs. Views point
// into `headers`' arena or into static storage.

#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/http/headers.h"

namespace weft::http {

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };
enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};

[[nodiscard]] Method method_of(std::string_view name);    // exact case: methods are case-sensitive
[[nodiscard]] std::string_view name_of(Method method);    // empty for kOther
[[nodiscard]] std::string_view name_of(Version version);  // "HTTP/1.1"
// RFC 9110 section 9.2.2.
[[nodiscard]] bool is_idempotent(Method method);

struct RequestHead {
  Headers headers;
  Method method = Method::kGet;
  Version version = Version::kHttp11;
  bool expects_continue = false;
  std::string_view method_name = "GET";
  std::string_view scheme = "http";
  std::string_view authority;  // "cart:8080"; empty only for HTTP/1.0 without Host
  std::string_view target;     // "/path?query", or "*" with OPTIONS; for CONNECT empty
  std::string_view protocol;   // lower-case upgrade asked for ("websocket"); RFC 8441 :protocol
  std::optional<std::uint64_t> content_length;

  [[nodiscard]] std::string_view path() const { return target.substr(0, target.find('?')); }
  // Without the '?'; empty when there is none.
  [[nodiscard]] std::string_view query() const {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  }
  // The authority without its port, and without the brackets of an IPv6 literal.
  [[nodiscard]] std::string_view host() const;
  [[nodiscard]] bool is_grpc() const;
  [[nodiscard]] RequestHead clone() const;
};

struct ResponseHead {
  Headers headers;
  std::uint16_t status = 200;
  Version version = Version::kHttp11;
  std::optional<std::uint64_t> content_length;

  [[nodiscard]] bool is_informational() const { return status >= 100 && status < 200; }
  [[nodiscard]] bool is_grpc() const;
};

// Whether a response to `method` with `status` has no body whatever its fields say (RFC 9110
// section 6.4.1).
[[nodiscard]] bool response_has_no_body(Method method, std::uint16_t status);

}  // namespace weft::http
