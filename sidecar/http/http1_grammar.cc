#include "sidecar/http/http1_grammar.h"

#include <algorithm>

#include "sidecar/http/http1_chars.h"

namespace weft::http {

namespace {

auto bad(std::string_view what) { return fail(Fault::kProtocol, std::string(what)); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/1.1" and "HTTP/1.0" exactly. Another well-formed version is one we do not speak; anything
// else is no HTTP.
Result<Version> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return Version::kHttp11;
  if (text == "HTTP/1.0") return Version::kHttp10;
  if (text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
      is_digit(text[7])) {
    return fail(Fault::kVersionUnsupported, "unsupported version");
  }
  return bad("bad version");
}

// Why the name that stops at `at` is none.
std::string_view name_problem(const char* begin, const char* at) {
  if (at == begin && is_blank(*at)) return "folded or indented header line";
  if (at == begin && *at == ':') return "empty header name";
  if (is_blank(*at)) return "blank in or after a header name";
  return "bad byte in a header name";
}

}  // namespace

Result<RequestLine> parse_request_line(std::string_view line, std::size_t target_bytes_max) {
  RequestLine result;
  std::size_t end = 0;
  while (end < line.size() && is_token_char(line[end])) ++end;
  if (end == 0) return bad("bad method");
  if (end > kMethodBytesMax) return fail(Fault::kMethodUnsupported, "method too long");
  if (end == line.size() || line[end] != ' ') return bad("bad method");
  result.method = line.substr(0, end);
  const std::size_t begin = ++end;
  const char* const line_end = line.data() + line.size();
  end = static_cast<std::size_t>(find_end_of_run<TargetChar>(line.data() + begin, line_end) -
                                 line.data());
  if (end - begin > target_bytes_max) return fail(Fault::kTargetTooLong, "target too long");
  if (end == begin) return bad("empty target");
  if (end == line.size()) return bad("request line without version");  // HTTP/0.9
  if (line[end] != ' ') return bad("bad byte in the target");
  result.target = line.substr(begin, end - begin);
  Result<Version> version = parse_version(line.substr(end + 1));
  if (!version) return fail(std::move(version.error()));
  result.version = *version;
  return result;
}

Result<StatusLine> parse_status_line(std::string_view line) {
  StatusLine result;
  if (line.size() < 12 || line[8] != ' ') return bad("bad status line");
  Result<Version> version = parse_version(line.substr(0, 8));
  // An origin that answers in a version nobody asked in breaks the protocol; 505 is for requests.
  if (!version) return bad(version.error().detail);
  result.version = *version;
  const std::string_view code = line.substr(9, 3);
  if (!std::all_of(code.begin(), code.end(), is_digit) || code[0] == '0')
    return bad("bad status code");
  result.status =
      static_cast<std::uint16_t>((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
  // The blank before an empty reason is often left out.
  if (line.size() > 12 && line[12] != ' ') return bad("bad status code");
  const char* end = line.data() + line.size();
  if (find_end_of_run<FieldValueChar>(line.data() + 12, end) != end)
    return bad("control byte in the reason phrase");
  return result;
}

Status parse_fields(std::string_view text, std::size_t fields_max, Headers& into) {
  const char* at = text.data();
  const char* const end = at + text.size();
  std::size_t count = 0;
  while (*at != '\r') {
    const char* const name = at;
    at = find_token_end(at);
    if (*at != ':' || at == name) return bad(name_problem(name, at));
    const std::string_view name_text(name, static_cast<std::size_t>(at - name));
    do ++at;
    while (is_blank(*at));
    const char* value_end = find_end_of_run<FieldValueChar>(at, end);
    // The scan stops at the line's '\r' unless something forbidden comes first; "\r\n" ends the
    // text, so it stops in it.
    if (*value_end != '\r' || value_end[1] != '\n') return bad("control byte in a header value");
    const char* const next = value_end + 2;
    while (value_end > at && is_blank(value_end[-1])) --value_end;
    if (++count > fields_max) return fail(Fault::kHeadTooLarge, "too many header fields");
    into.add(name_text, {at, static_cast<std::size_t>(value_end - at)});
    at = next;
    // The caller's text ends with an empty line; if it does not, the last line was the end.
    if (at == end) return bad("header lines without end");
  }
  if (end - at != 2) return bad("bare carriage return");
  return {};
}

}  // namespace weft::http
