#include "sidecar/http/http2_fields.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "sidecar/core/slab.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/http1_chars.h"

namespace weft::http {

namespace {

// A block of more than so many times the limits is not read to its end.
constexpr std::size_t kHopeless = 2;

using Indexing = HpackEncoder::Indexing;

constexpr std::size_t kGuessable = 20;

// Unique or secret: they would only push useful entries out of the dynamic table.
Indexing indexing_of(const Field& field) {
  if (field.never_index) return Indexing::kNever;
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
      return Indexing::kNever;
    case HeaderId::kCookie:
      // RFC 7541 section 7.1.3: a short one could be guessed by what a table answers.
      return field.value.size() < kGuessable ? Indexing::kNever : Indexing::kIncremental;
    case HeaderId::kAge:
    case HeaderId::kContentRange:
    case HeaderId::kEtag:
    case HeaderId::kIfModifiedSince:
    case HeaderId::kIfNoneMatch:
    case HeaderId::kLastModified:
    case HeaderId::kLocation:
    case HeaderId::kRange:
    case HeaderId::kSetCookie:
      return Indexing::kWithout;
    default:
      return Indexing::kIncremental;
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
  has_host_ = has_regular_ = expects_continue_ = false;
  count_ = 0;
  bytes_ = 0;
  refusal_.status = 0;
  refusal_.malformed = false;
}

bool Http2Reader::add(const HpackField& field) {
  const bool trailers = kind_ == Kind::kTrailers;
  const std::size_t bytes_max = trailers ? limits_.trailer_bytes_max : limits_.head_bytes_max;
  const std::size_t count_max = trailers ? limits_.trailer_fields_max : limits_.fields_max;
  const bool pseudo = field.pseudo != Pseudo::kNone;
  bytes_ += field.name.size() + field.value.size() + 32;
  if (!pseudo) ++count_;
  if (over_limit() == nullptr) {
    if (!field.valid) {
      malformed("a field has bytes that no field may have");
    } else if (count_ > count_max) {
      refusal_ = refuse("more than " + std::to_string(count_max) + " header fields", 431,
                        Fault::kHeadTooLarge);
    } else if (field.pseudo == Pseudo::kPath && field.value.size() > limits_.target_bytes_max) {
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
  if (pseudo) {
    add_pseudo(field);
  } else {
    has_regular_ = true;
    add_field(field);
  }
  return true;
}

// RFC 9113 section 8.1.1.
void Http2Reader::malformed(const char* why) {
  if (refusal_.malformed) return;
  refusal_ = refuse(why);
  refusal_.malformed = true;
}

// RFC 9113 section 8.3.
void Http2Reader::add_pseudo(const HpackField& field) {
  if (has_regular_) return malformed("a pseudo-field behind a field");
  std::string_view* target = nullptr;
  if (kind_ == Kind::kRequest) {
    switch (field.pseudo) {
      case Pseudo::kMethod:
        target = &method_;
        break;
      case Pseudo::kScheme:
        target = &scheme_;
        break;
      case Pseudo::kAuthority:
        target = &authority_;
        break;
      case Pseudo::kPath:
        target = &path_;
        break;
      case Pseudo::kProtocol:
        target = &protocol_;
        break;
      default:
        break;
    }
  } else if (kind_ == Kind::kResponse && field.pseudo == Pseudo::kStatus) {
    target = &status_;
  }
  if (target == nullptr) return malformed("a pseudo-field that this message cannot have");
  if (!target->empty()) return malformed("a pseudo-field twice");
  if (field.value.empty()) return malformed("an empty pseudo-field");
  *target = headers_.copy(field.value);
}

void Http2Reader::add_field(const HpackField& in) {
  Field field{in.id == HeaderId::kOther ? headers_.copy(in.name) : name_of(in.id),
              {},
              in.id,
              in.never_index};
  switch (in.id) {
    // RFC 9113 section 8.2.2.
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return malformed("a field that belongs to HTTP/1 connections");
    case HeaderId::kTe:
      if (!equals_ignore_case(in.value, "trailers")) return malformed("te is not trailers");
      field.value = "trailers";
      headers_.add(field);
      return;
    case HeaderId::kContentLength:
      return add_length(in.value);
    case HeaderId::kHost:
      if (kind_ != Kind::kRequest) break;
      if (std::exchange(has_host_, true)) return malformed("host twice");
      if (in.value.empty()) return malformed("an empty host");
      host_ = headers_.copy(in.value);
      return;
    case HeaderId::kExpect:
      if (kind_ == Kind::kRequest && equals_ignore_case(in.value, "100-continue")) {
        expects_continue_ = true;
        return;
      }
      break;
    default:
      break;
  }
  field.value = headers_.copy(in.value);
  headers_.add(field);
}

void Http2Reader::add_length(std::string_view value) {
  if (kind_ == Kind::kTrailers) return;  // no field of framing (RFC 9110 section 6.5.1)
  const std::optional<std::uint64_t> length = parse_u64(value);
  if (!length) return malformed("content-length is no number");
  if (content_length_) return malformed("content-length twice");
  content_length_ = length;
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

// RFC 9113 sections 8.1.1, 8.3.1 and 8.5; RFC 8441 section 4.
void Http2Reader::check_request(bool end) {
  const bool connect = method_ == "CONNECT";
  if (method_.empty()) return malformed("no :method");
  if (!is_token(method_)) return malformed("a :method that is no token");
  if (connect && protocol_.empty()) {
    if (!scheme_.empty() || !path_.empty()) return malformed("CONNECT with :scheme or :path");
    if (authority_.empty()) return malformed("CONNECT without :authority");
  } else {
    if (scheme_.empty()) return malformed("no :scheme");
    if (path_.empty()) return malformed("no :path");
    if (!protocol_.empty() && (!connect || authority_.empty()))
      return malformed(":protocol without CONNECT and :authority");
    if (path_.front() != '/' && !(path_ == "*" && method_ == "OPTIONS"))
      return malformed("a :path that does not begin with a slash");
    if (path_.find_first_of(" \t\x7f") != std::string_view::npos)
      return malformed("a :path with bytes that no path may have");
  }
  if (end && content_length_.value_or(0) != 0) return malformed("content-length and no content");
}

tl::expected<RequestHead, Http2Reader::Refusal> Http2Reader::take_request(bool end) {
  if (over_limit() == nullptr) check_request(end);
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

tl::expected<ResponseHead, Http2Reader::Refusal> Http2Reader::take_response(bool extended,
                                                                            bool tunnel) {
  const std::optional<std::uint64_t> status = parse_u64(status_);
  if (status_.size() != 3 || !status || *status < 100) malformed("no :status from 100 to 999");
  if (status == 101) malformed("a :status that HTTP/2 does not have");  // RFC 9113 section 8.6
  // RFC 9110 section 8.6: what cannot have content has no length; a 204 with "0" does no harm.
  if (status && content_length_ && (*status < 200 || (*status == 204 && *content_length_ != 0)))
    malformed("content-length of a response that has no content");
  if (const Refusal* over = over_limit()) return tl::unexpected(*over);
  if (*status < 200 || *status == 204 || (tunnel && *status < 300)) content_length_.reset();
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
  for (const Field& field : headers) {
    if (field.id == HeaderId::kOther) bytes += field.name.size();
  }
  names_.reserve(bytes);
}

void Http2Writer::add(Pseudo name, std::string_view value, Indexing indexing) {
  array_.push_back({{}, value, HeaderId::kOther, name, indexing});
}

void Http2Writer::add_length(std::optional<std::uint64_t> length) {
  if (!length) return;
  const std::to_chars_result end =
      std::to_chars(digits_.data(), digits_.data() + digits_.size(), *length);
  const std::string_view digits{digits_.data(), static_cast<std::size_t>(end.ptr - digits_.data())};
  array_.push_back({name_of(HeaderId::kContentLength), digits, HeaderId::kContentLength,
                    Pseudo::kNone, Indexing::kWithout});
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
    array_.push_back({name, field.value, field.id, Pseudo::kNone, indexing_of(field)});
  }
}

std::span<const Http2Field> Http2Writer::request(const RequestHead& head) {
  begin(head.headers);
  const bool extended = !head.protocol.empty();
  const bool tunnel = head.method == Method::kConnect && !extended;
  add(Pseudo::kMethod, extended ? "CONNECT" : head.method_name);
  if (extended) add(Pseudo::kProtocol, head.protocol);
  if (!tunnel) add(Pseudo::kScheme, head.scheme);
  if (!head.authority.empty()) add(Pseudo::kAuthority, head.authority);
  // Methods of gRPC are few and come again; other targets would push out what does.
  if (!tunnel)
    add(Pseudo::kPath, head.target, head.is_grpc() ? Indexing::kIncremental : Indexing::kWithout);
  add_length(head.content_length);
  if (head.expects_continue) {
    array_.push_back({name_of(HeaderId::kExpect), "100-continue", HeaderId::kExpect, Pseudo::kNone,
                      Indexing::kIncremental});
  }
  add_fields(head.headers, false, head.protocol == "websocket");
  return array_;
}

std::span<const Http2Field> Http2Writer::response(const ResponseHead& head, bool extended) {
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
  add(Pseudo::kStatus, {status_.data(), 3});
  if (!head.is_informational()) add_length(head.content_length);
  add_fields(head.headers, false);
  return array_;
}

std::span<const Http2Field> Http2Writer::trailers(const Headers& trailers) {
  begin(trailers);
  add_fields(trailers, true);
  return array_;
}

void Http2StoredFields::store(std::span<const Http2Field> fields) {
  clear();
  std::size_t bytes = fields.size_bytes();
  for (const Http2Field& field : fields) bytes += field.name.size() + field.value.size();
  memory_ = slab_malloc(std::max<std::size_t>(bytes, 1));
  count_ = fields.size();
  auto* array = static_cast<Http2Field*>(memory_);
  auto* text = reinterpret_cast<char*>(array + fields.size());
  const auto keep = [&text](std::string_view from) {
    const std::string_view kept(text, from.size());
    text = std::copy(from.begin(), from.end(), text);
    return kept;
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    Http2Field& stored = *std::construct_at(array + i, fields[i]);
    stored.name = keep(fields[i].name);
    stored.value = keep(fields[i].value);
  }
}

void Http2StoredFields::clear() {
  slab_release(memory_);
  memory_ = nullptr;
  count_ = 0;
}

}  // namespace weft::http
