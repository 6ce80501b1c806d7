#include "sidecar/http/http1_parser.h"

#include <algorithm>

#include "sidecar/http/http1_grammar.h"

namespace weft::http {

namespace {

using Found = Http1HeadReader::Found;

// Method, blanks, version and line end.
constexpr std::size_t kStartLineExtra = kMethodBytesMax + 12;

}  // namespace

Http1RequestParser::Http1RequestParser(const Limits& limits, const NormalizeOptions& normalize,
                                       bool secured)
    : limits_(limits),
      normalize_(normalize),
      secured_(secured),
      reader_(Http1HeadReader::Kind::kRequest,
              std::min(limits.target_bytes_max + kStartLineExtra, limits.head_bytes_max),
              limits.head_bytes_max) {}

Result<bool> Http1RequestParser::read(Buffer& input, Http1Request& request) {
  while (true) {
    Result<Found> found = reader_.read(input);
    if (!found) return fail(std::move(found.error()));
    if (*found == Found::kMore) return false;
    if (*found == Found::kStartLine) {
      // Looked at as soon as it is there: a peer that speaks something else is not waited for.
      if (Status taken = take_start_line(request.head); !taken)
        return fail(std::move(taken.error()));
      continue;
    }
    if (Status taken = take_head(request); !taken) return fail(std::move(taken.error()));
    reader_.finish(input);
    return true;
  }
}

Status Http1RequestParser::take_start_line(RequestHead& head) {
  Result<RequestLine> line = parse_request_line(reader_.start_line(), limits_.target_bytes_max);
  if (!line) return fail(std::move(line.error()));
  method_size_ = line->method.size();
  target_size_ = line->target.size();
  head.version = line->version;
  return {};
}

Status Http1RequestParser::take_head(Http1Request& request) {
  RequestHead& head = request.head;
  const std::string_view text = head.headers.copy(reader_.text());
  head.method_name = text.substr(0, method_size_);
  head.target = text.substr(method_size_ + 1, target_size_);
  head.method = method_of(head.method_name);
  head.scheme = secured_ ? "https" : "http";
  const std::string_view fields = text.substr(reader_.fields_begin());
  if (Status parsed = parse_fields(fields, limits_.fields_max, head.headers); !parsed)
    return parsed;
  Result<Http1Framing> framing = frame_request(head);
  if (!framing) return fail(std::move(framing.error()));
  request.framing = *framing;
  return canonicalize(head, normalize_);
}

Http1ResponseParser::Http1ResponseParser(const Limits& limits)
    : limits_(limits),
      reader_(Http1HeadReader::Kind::kResponse, limits.head_bytes_max, limits.head_bytes_max) {}

Result<bool> Http1ResponseParser::read(Buffer& input, const Asked& asked, Http1Response& response) {
  while (true) {
    Result<Found> found = reader_.read(input);
    if (!found) return fail(std::move(found.error()));
    if (*found == Found::kMore) return false;
    ResponseHead& head = response.head;
    if (*found == Found::kStartLine) {
      Result<StatusLine> line = parse_status_line(reader_.start_line());
      if (!line) return fail(std::move(line.error()));
      head.status = line->status;
      head.version = line->version;
      continue;
    }
    const std::string_view text = head.headers.copy(reader_.text());
    const std::string_view fields = text.substr(reader_.fields_begin());
    if (Status parsed = parse_fields(fields, limits_.fields_max, head.headers); !parsed)
      return fail(parsed.error());
    Result<Http1Framing> framing = frame_response(head, asked);
    if (!framing) return fail(std::move(framing.error()));
    response.framing = *framing;
    reader_.finish(input);
    return true;
  }
}

}  // namespace weft::http
