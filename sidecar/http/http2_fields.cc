#include "sidecar/http/http2_fields.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "sidecar/core/slab.h"
#include "sidecar/core/strings.h"

namespace weft::http {

namespace {

// A block of more than so many times the limits is not read to its end.
constexpr std::size_t kHopeless = 2;

std::uint8_t* raw(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

// Unique or secret: they would only push useful entries out of the dynamic table.
bool is_never_indexed(const Field& field) {
  if (field.never_index) return true;
  switch (field.id) {
    case HeaderId::kAuthorization:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kTraceparent:
    case HeaderId::kTracestate:
    case HeaderId::kB3:
    case HeaderId::kXB3Traceid:
    case HeaderId::kXB3Spanid:
    case HeaderId::kXB3Parentspanid:
    case HeaderId::kXRequestId:
    case HeaderId::kGrpcTimeout:
    case HeaderId::kGrpcMessage:
    case HeaderId::kXWeftDeadline:
    case HeaderId::kXEnvoyExpectedRqTimeoutMs:
      return true;
    default:
      return false;
  }
}

// Fields of one hop, or said in another way here. A canonical head has none of them; an answer made
// by hand might.
bool is_left_out(const Field& field, bool trailers) {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kHttp2Settings:
    case HeaderId::kHost:
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
      return true;
    case HeaderId::kTe:
      return field.value != "trailers";
    default:
      return trailers && !allowed_in_trailers(field);
  }
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool has_upper(std::string_view text) { return std::any_of(text.begin(), text.end(), is_upper); }

std::string_view lowered(Headers& headers, std::string_view text) {
  if (!has_upper(text)) return text;
  const std::span<char> lower = headers.arena().text(text.size());
  std::transform(text.begin(), text.end(), lower.begin(), [](char c) { return to_lower(c); });
  return {lower.data(), lower.size()};
}

Http2Reader::Refusal refuse(std::string detail, std::uint16_t status = 400,
                            Fault fault = Fault::kProtocol) {
  return {Error{fault, Side::kLocal, std::move(detail)}, status};
}

}  // namespace

// ---- reading ----

void Http2Reader::begin(Kind kind) {
  kind_ = kind;
  headers_ = Headers();
  method_ = scheme_ = authority_ = path_ = protocol_ = host_ = status_ = {};
  content_length_.reset();
  expects_continue_ = false;
  count_ = 0;
  bytes_ = 0;
  refusal_.status = 0;
}

bool Http2Reader::add(std::string_view name, std::string_view value, bool never_index) {
  const bool trailers = kind_ == Kind::kTrailers;
  const std::size_t bytes_max = trailers ? limits_.trailer_bytes_max : limits_.head_bytes_max;
  const std::size_t count_max = trailers ? limits_.trailer_fields_max : limits_.fields_max;
  const bool pseudo = name.starts_with(':');
  bytes_ += name.size() + value.size() + 32;
  if (!pseudo) ++count_;
  if (over_limit() == nullptr) {
    if (count_ > count_max) {
      refusal_ = refuse("more than " + std::to_string(count_max) + " header fields", 431,
                        Fault::kHeadTooLarge);
    } else if (name == ":path" && value.size() > limits_.target_bytes_max) {
      refusal_ = refuse("target longer than " + std::to_string(limits_.target_bytes_max) + " bytes",
                        414, Fault::kTargetTooLong);
    } else if (bytes_ > bytes_max) {
      refusal_ = refuse("more than " + std::to_string(bytes_max) + " header bytes", 431,
                        Fault::kHeadTooLarge);
    }
  }
  // What is beyond the limit is counted, not kept: one byte on the wire may stand for a field of 4
  // KiB.
  if (over_limit() != nullptr)
    return count_ <= kHopeless * count_max && bytes_ <= kHopeless * bytes_max;
  if (pseudo) return add_pseudo(name, value);
  add_field(name, value, never_index);
  return true;
}

bool Http2Reader::add_pseudo(std::string_view name, std::string_view value) {
  const std::string_view copied = headers_.copy(value);
  if (name == ":method") method_ = copied;
  if (name == ":scheme") scheme_ = copied;
  if (name == ":authority") authority_ = copied;
  if (name == ":path") path_ = copied;
  if (name == ":protocol") protocol_ = copied;
  if (name == ":status") status_ = copied;
  return true;
}

void Http2Reader::add_field(std::string_view name, std::string_view value, bool never_index) {
  const HeaderId id = header_id_of(name);
  Field field{id == HeaderId::kOther ? headers_.copy(name) : name_of(id), {}, id, never_index};
  switch (id) {
    case HeaderId::kContentLength:
      content_length_ = parse_u64(value);
      return;
    case HeaderId::kHost:
      if (kind_ == Kind::kRequest) {
        host_ = headers_.copy(value);
        return;
      }
      break;
    case HeaderId::kTe:  // nghttp2 has seen to it that it is "trailers" in some spelling
      field.value = "trailers";
      headers_.add(field);
      return;
    case HeaderId::kExpect:
      if (kind_ == Kind::kRequest && equals_ignore_case(value, "100-continue")) {
        expects_continue_ = true;
        return;
      }
      break;
    default:
      break;
  }
  field.value = headers_.copy(value);
  headers_.add(field);
}

// RFC 9113 section 8.2.3.
void Http2Reader::join_cookies() {
  std::size_t crumbs = 0;
  std::size_t bytes = 0;
  bool never_index = false;
  for (const Field& field : headers_) {
    if (field.id != HeaderId::kCookie) continue;
    ++crumbs;
    bytes += field.value.size() + 2;
    never_index |= field.never_index;
  }
  if (crumbs < 2) return;
  const std::span<char> joined = headers_.arena().text(bytes - 2);
  char* at = joined.data();
  for (const Field& field : headers_) {
    if (field.id != HeaderId::kCookie) continue;
    if (at != joined.data()) {
      *at++ = ';';
      *at++ = ' ';
    }
    at = std::copy(field.value.begin(), field.value.end(), at);
  }
  headers_.set(HeaderId::kCookie, {joined.data(), joined.size()});
  for (Field& field : headers_.fields()) {
    if (field.id == HeaderId::kCookie) field.never_index = never_index;
  }
}

tl::expected<RequestHead, Http2Reader::Refusal> Http2Reader::take_request() {
  if (const Refusal* over = over_limit()) return tl::unexpected(*over);
  if (!protocol_.empty() || method_ != "CONNECT") {
    if (!equals_ignore_case(scheme_, "http") && !equals_ignore_case(scheme_, "https")) {
      return tl::unexpected(refuse("scheme is neither http nor https"));
    }
  }
  join_cookies();
  RequestHead head;
  head.version = Version::kHttp2;
  head.method = method_of(method_);
  head.method_name = head.method == Method::kOther ? method_ : name_of(head.method);
  head.scheme = scheme_.size() == 5 ? "https" : "http";
  // RFC 9113 section 8.3.1: the pseudo-field decides, a differing Host is dropped.
  head.authority = authority_.empty() ? host_ : authority_;
  head.target = path_;
  head.content_length = content_length_;
  head.expects_continue = expects_continue_;
  if (!protocol_.empty()) {
    // An upgrade looks the same whichever version brought it: RFC 8441 here, GET with Upgrade in
    // HTTP/1.
    head.protocol = lowered(headers_, protocol_);
    head.method = Method::kGet;
    head.method_name = name_of(Method::kGet);
  }
  head.headers = std::move(headers_);
  if (head.authority.empty()) return tl::unexpected(refuse("no authority"));
  if (Status canonical = canonicalize(head, normalize_); !canonical) {
    const std::uint16_t status = 400;
    return tl::unexpected(Refusal{std::move(canonical.error()), status});
  }
  return head;
}

tl::expected<ResponseHead, Http2Reader::Refusal> Http2Reader::take_response(bool extended) {
  if (const Refusal* over = over_limit()) return tl::unexpected(*over);
  const std::optional<std::uint64_t> status = parse_u64(status_);
  if (!status || *status < 100 || *status > 999)
    return tl::unexpected(refuse("status is no number from 100 to 999"));
  ResponseHead head;
  head.version = Version::kHttp2;
  head.status = static_cast<std::uint16_t>(*status);
  if (extended && head.status / 100 == 2) head.status = 101;
  head.content_length = content_length_;
  head.headers = std::move(headers_);
  return head;
}

tl::expected<Headers, Http2Reader::Refusal> Http2Reader::take_trailers() {
  if (const Refusal* over = over_limit()) return tl::unexpected(*over);
  drop_forbidden_trailers(headers_);
  return std::move(headers_);
}

// ---- writing ----

void Http2Writer::begin(const Headers& headers) {
  array_.clear();
  array_.reserve(headers.size() + 8);
  names_.clear();
  std::size_t bytes = 0;
  for (const Field& field : headers) bytes += field.name.size();
  names_.reserve(bytes);
}

void Http2Writer::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  array_.push_back({raw(name), raw(value), name.size(), value.size(), flags});
}

void Http2Writer::add_length(std::optional<std::uint64_t> length) {
  if (!length) return;
  const std::to_chars_result end =
      std::to_chars(digits_.data(), digits_.data() + digits_.size(), *length);
  add("content-length", {digits_.data(), static_cast<std::size_t>(end.ptr - digits_.data())});
}

void Http2Writer::add_fields(const Headers& headers, bool trailers, bool websocket) {
  for (const Field& field : headers) {
    if (is_left_out(field, trailers)) continue;
    // RFC 8441 section 5: the version proves by itself that the peer knows what it is asked.
    if (websocket && field.id == HeaderId::kSecWebsocketKey) continue;
    std::string_view name = field.name;
    if (field.id != HeaderId::kOther) {
      name = name_of(field.id);
    } else if (has_upper(name)) {
      const std::size_t begin = names_.size();
      for (const char c : name) names_ += to_lower(c);
      name = std::string_view(names_).substr(begin);
    }
    add(name, field.value,
        is_never_indexed(field) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  }
}

std::span<const nghttp2_nv> Http2Writer::request(const RequestHead& head) {
  begin(head.headers);
  const bool extended = !head.protocol.empty();
  const bool tunnel = head.method == Method::kConnect && !extended;
  add(":method", extended ? "CONNECT" : head.method_name);
  if (extended) add(":protocol", head.protocol);
  if (!tunnel) add(":scheme", head.scheme);
  if (!head.authority.empty()) add(":authority", head.authority);
  if (!tunnel) add(":path", head.target);
  add_length(head.content_length);
  if (head.expects_continue) add("expect", "100-continue");
  add_fields(head.headers, false, head.protocol == "websocket");
  return array_;
}

std::span<const nghttp2_nv> Http2Writer::response(const ResponseHead& head, bool extended) {
  begin(head.headers);
  unsigned status = head.status;
  if (extended && status == 101) {
    status = 200;
  } else if (extended && status / 100 == 2) {
    // A good answer to a request that should have become a tunnel would be read as one.
    status = 502;
  }
  status_ = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
             static_cast<char>('0' + status % 10)};
  add(":status", {status_.data(), 3});
  if (!head.is_informational()) add_length(head.content_length);
  add_fields(head.headers, false);
  return array_;
}

std::span<const nghttp2_nv> Http2Writer::trailers(const Headers& trailers) {
  begin(trailers);
  add_fields(trailers, true);
  return array_;
}

void Http2StoredFields::store(std::span<const nghttp2_nv> fields) {
  clear();
  std::size_t bytes = fields.size_bytes();
  for (const nghttp2_nv& field : fields) bytes += field.namelen + field.valuelen;
  memory_ = slab_malloc(std::max<std::size_t>(bytes, 1));
  count_ = fields.size();
  auto* array = static_cast<nghttp2_nv*>(memory_);
  auto* text = reinterpret_cast<std::uint8_t*>(array + fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    array[i] = fields[i];
    std::memcpy(text, fields[i].name, fields[i].namelen);
    array[i].name = text;
    text += fields[i].namelen;
    if (fields[i].valuelen != 0) std::memcpy(text, fields[i].value, fields[i].valuelen);
    array[i].value = text;
    text += fields[i].valuelen;
  }
}

void Http2StoredFields::clear() {
  slab_release(memory_);
  memory_ = nullptr;
  count_ = 0;
}

}  // namespace weft::http
