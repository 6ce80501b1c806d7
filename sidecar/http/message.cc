#include "sidecar/http/message.h"

#include <array>

namespace weft::http {

namespace {
constexpr std::array<std::string_view, 9> kMethodNames{
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

bool is_grpc_type(const Headers& headers) {
  const std::optional<std::string_view> type = headers.find(HeaderId::kContentType);
  constexpr std::string_view kGrpc = "application/grpc";
  if (!type || !type->starts_with(kGrpc)) return false;
  return type->size() == kGrpc.size() || (*type)[kGrpc.size()] == '+' ||
         (*type)[kGrpc.size()] == ';';
}
}  // namespace

Method method_of(std::string_view name) {
  for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
    if (kMethodNames[i] == name) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view name_of(Method method) {
  const auto index = static_cast<std::size_t>(method);
  return index < kMethodNames.size() ? kMethodNames[index] : std::string_view{};
}

std::string_view name_of(Version version) {
  switch (version) {
    case Version::kHttp10:
      return "HTTP/1.0";
    case Version::kHttp11:
      return "HTTP/1.1";
    case Version::kHttp2:
      return "HTTP/2";
  }
  return "HTTP/1.1";
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::kGet:
    case Method::kHead:
    case Method::kPut:
    case Method::kDelete:
    case Method::kOptions:
    case Method::kTrace:
      return true;
    case Method::kPost:
    case Method::kConnect:
    case Method::kPatch:
    case Method::kOther:
      return false;
  }
  return false;
}

std::string_view RequestHead::host() const {
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    return bracket == std::string_view::npos ? authority : authority.substr(1, bracket - 1);
  }
  return authority.substr(0, authority.rfind(':'));
}

bool RequestHead::is_grpc() const { return is_grpc_type(headers); }
bool ResponseHead::is_grpc() const { return is_grpc_type(headers); }

RequestHead RequestHead::clone() const {
  RequestHead other;
  other.headers = headers.clone();
  other.method = method;
  other.version = version;
  other.expects_continue = expects_continue;
  other.method_name = other.headers.copy(method_name);
  other.scheme = other.headers.copy(scheme);
  other.authority = other.headers.copy(authority);
  other.target = other.headers.copy(target);
  other.protocol = other.headers.copy(protocol);
  other.content_length = content_length;
  return other;
}

bool response_has_no_body(Method method, std::uint16_t status) {
  return method == Method::kHead || (status >= 100 && status < 200) || status == 204 ||
         status == 304;
}

}  // namespace weft::http
