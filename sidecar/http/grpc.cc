#include "sidecar/http/grpc.h"

#include <algorithm>
#include <array>

#include "sidecar/core/strings.h"

namespace weft::http {

namespace {

constexpr std::size_t kPrefix = 5;

constexpr std::array<std::string_view, 17> kNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
constexpr std::array<std::string_view, 17> kNumbers{
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
constexpr std::array<std::uint16_t, 17> kHttp{200, 499, 500, 400, 504, 404, 409, 403, 429,
                                              400, 409, 400, 501, 500, 503, 500, 401};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return -1;
}

struct Unit {
  char letter;
  Duration size;
};
// From fine to coarse.
constexpr std::array<Unit, 6> kUnits{{{'n', std::chrono::nanoseconds(1)},
                                      {'u', std::chrono::microseconds(1)},
                                      {'m', std::chrono::milliseconds(1)},
                                      {'S', std::chrono::seconds(1)},
                                      {'M', std::chrono::minutes(1)},
                                      {'H', std::chrono::hours(1)}}};
constexpr std::int64_t kTimeoutNumberMax = 99'999'999;

void add_status(Headers& headers, GrpcStatus status, std::string_view message) {
  headers.add(HeaderId::kGrpcStatus, number_of(status));
  if (!message.empty())
    headers.add(HeaderId::kGrpcMessage, headers.copy(encode_grpc_message(message)));
}

std::optional<GrpcOutcome> outcome_in(const Headers& headers) {
  const std::optional<std::string_view> number = headers.find(HeaderId::kGrpcStatus);
  if (!number) return std::nullopt;
  GrpcOutcome outcome;
  // A number that nobody defined is UNKNOWN, as the specification asks.
  outcome.status = grpc_status_from(*number).value_or(GrpcStatus::kUnknown);
  outcome.message = decode_grpc_message(headers.find(HeaderId::kGrpcMessage).value_or(""));
  return outcome;
}

}  // namespace

std::string_view name_of(GrpcStatus status) { return kNames[static_cast<std::size_t>(status)]; }
std::string_view number_of(GrpcStatus status) { return kNumbers[static_cast<std::size_t>(status)]; }

std::optional<GrpcStatus> grpc_status_from(std::string_view number) {
  const auto* found = std::find(kNumbers.begin(), kNumbers.end(), number);
  if (found == kNumbers.end()) return std::nullopt;
  return static_cast<GrpcStatus>(found - kNumbers.begin());
}

GrpcStatus grpc_status_of_http(std::uint16_t http_status) {
  switch (http_status) {
    case 400:
      return GrpcStatus::kInternal;
    case 401:
      return GrpcStatus::kUnauthenticated;
    case 403:
      return GrpcStatus::kPermissionDenied;
    case 404:
      return GrpcStatus::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus::kUnavailable;
    default:
      return GrpcStatus::kUnknown;
  }
}

std::uint16_t http_status_of_grpc(GrpcStatus status) {
  return kHttp[static_cast<std::size_t>(status)];
}

std::string encode_grpc_message(std::string_view message) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string text;
  text.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      text += c;
    } else {
      text += '%';
      text += kHex[byte >> 4];
      text += kHex[byte & 0xf];
    }
  }
  return text;
}

std::string decode_grpc_message(std::string_view text) {
  std::string message;
  message.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        message += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    message += text[i];
  }
  return message;
}

ResponseHead make_grpc_head() {
  ResponseHead head;
  head.version = Version::kHttp2;
  head.headers.add(HeaderId::kContentType, "application/grpc");
  return head;
}

ResponseHead make_trailers_only(GrpcStatus status, std::string_view message) {
  ResponseHead head = make_grpc_head();
  add_status(head.headers, status, message);
  return head;
}

Headers make_grpc_trailers(GrpcStatus status, std::string_view message) {
  Headers trailers;
  add_status(trailers, status, message);
  return trailers;
}

GrpcOutcome read_grpc_outcome(const ResponseHead& head, const Headers* trailers) {
  if (trailers != nullptr) {
    if (std::optional<GrpcOutcome> outcome = outcome_in(*trailers)) return *std::move(outcome);
  }
  if (std::optional<GrpcOutcome> outcome = outcome_in(head.headers)) return *std::move(outcome);
  if (head.status == 200) return {GrpcStatus::kUnknown, "the answer carries no grpc-status"};
  return {grpc_status_of_http(head.status), "HTTP status " + std::to_string(head.status)};
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_u64(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.letter != text.back()) continue;
    // Compared before it is multiplied: eight digits of hours overflow 64 bits of nanoseconds.
    const auto count = static_cast<std::int64_t>(*number);
    if (count > kGrpcTimeoutMax / unit.size) return kGrpcTimeoutMax;
    return unit.size * count;
  }
  return std::nullopt;
}

std::string format_grpc_timeout(Duration timeout) {
  timeout = std::max(timeout, Duration(1));
  for (const Unit& unit : kUnits) {
    const std::int64_t count = timeout / unit.size;
    if (count <= kTimeoutNumberMax) return std::to_string(count) + unit.letter;
  }
  return std::to_string(kTimeoutNumberMax) + 'H';
}

void write_grpc_message(Buffer& out, std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  const std::array<std::uint8_t, kPrefix> prefix{
      0, static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
      static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  out.append(Bytes(prefix));
  out.append(payload);
}

Buffer make_grpc_message(std::string_view payload) {
  Buffer out;
  write_grpc_message(out, payload);
  return out;
}

Result<std::optional<Buffer>> GrpcReader::next() {
  if (pending_.size() < kPrefix) return std::nullopt;
  std::array<std::uint8_t, kPrefix> prefix{};
  pending_.copy_to(prefix);
  if (prefix[0] != 0)
    return fail(Fault::kProtocol, "a compressed gRPC message, which was not agreed on");
  const std::size_t size = (std::size_t{prefix[1]} << 24) | (std::size_t{prefix[2]} << 16) |
                           (std::size_t{prefix[3]} << 8) | std::size_t{prefix[4]};
  if (size > message_bytes_max_) {
    return fail(Fault::kBodyTooLarge, "a gRPC message of " + std::to_string(size) +
                                          " bytes; the limit is " +
                                          std::to_string(message_bytes_max_));
  }
  if (pending_.size() < kPrefix + size) return std::nullopt;
  pending_.drain(kPrefix);
  return pending_.split(size);
}

}  // namespace weft::http
