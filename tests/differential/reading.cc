#include "tests/differential/reading.h"

#include <algorithm>
#include <cstring>

#include "sidecar/core/strings.h"
#include "sidecar/http/http1_body.h"
#include "sidecar/http/http1_grammar.h"
#include "sidecar/http/http1_parser.h"

namespace weft::differential {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return to_lower(c); });
  return result;
}

void refuse(Reading& reading, const Error& error) {
  reading.end = End::kRefused;
  reading.why = error.detail;
}

// The head as it stood in the text, by the functions that the parser itself uses.
void take_fields(std::string_view head, const http::Limits& limits, Message& message) {
  http::Headers headers;
  const std::string_view fields = headers.copy(head.substr(head.find("\r\n") + 2));
  if (!http::parse_fields(fields, limits.fields_max, headers)) return;
  for (const http::Field& field : headers) {
    std::string name = lower(field.name);
    std::string value = name == "transfer-encoding" ? lower(field.value) : std::string(field.value);
    message.fields.emplace_back(std::move(name), std::move(value));
  }
}

// Whether the last lines of a whole chunked message are trailers of such names.
bool has_framing_in_trailers(std::string_view text) {
  if (!text.ends_with("\r\n\r\n")) return false;
  text.remove_suffix(4);
  while (true) {
    const std::size_t end = text.rfind("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string line = lower(text.substr(end + 2));
    if (line.starts_with("content-length:") || line.starts_with("transfer-encoding:")) return true;
    if (line.find(':') == std::string::npos) return false;
    text.remove_suffix(text.size() - end);
  }
}

// The body of `message`; false when it did not come whole.
bool take_body(Buffer& input, const http::Http1Framing& framing, const http::Limits& limits,
               Message& message, Reading& reading) {
  if (framing.body == http::BodyKind::kTunnel) {
    message.tunnel = true;
    return true;
  }
  http::Http1BodyReader body(limits);
  body.begin(framing);
  Buffer piece;
  const Result<bool> ended = body.read(input, SIZE_MAX, piece);
  message.body = piece.to_string();
  message.persists = framing.keep_alive;
  if (!ended) {
    refuse(reading, ended.error());
    return false;
  }
  // Everything up to the end of the connection: nothing follows that could be read otherwise.
  if (framing.body == http::BodyKind::kUntilClose) return true;
  if (!*ended) reading.end = End::kInBody;
  return *ended;
}

struct Requests {
  http::Limits limits;
  http::NormalizeOptions normalize;
  http::Http1RequestParser parser{limits, normalize, false};
  http::Http1Framing framing;

  Result<bool> read(Buffer& input) {
    http::Http1Request request;
    Result<bool> read = parser.read(input, request);
    framing = request.framing;
    return read;
  }
  void take_start(std::string_view line, Message& message) const {
    const Result<http::RequestLine> start = http::parse_request_line(line, limits.target_bytes_max);
    if (!start) return;
    message.method = start->method;
    message.target = start->target;
    message.version = http::name_of(start->version).substr(5);
  }
};

struct Responses {
  http::Limits limits;
  http::Http1ResponseParser parser{limits};
  http::Http1Framing framing;

  Result<bool> read(Buffer& input) {
    http::Http1Response response;
    Result<bool> read = parser.read(input, {}, response);
    framing = response.framing;
    return read;
  }
  static void take_start(std::string_view line, Message& message) {
    const Result<http::StatusLine> start = http::parse_status_line(line);
    if (!start) return;
    message.method = std::to_string(start->status);
    message.version = http::name_of(start->version).substr(5);
  }
};

template <typename Messages>
Reading read_all(std::string_view text) {
  Reading reading;
  Buffer input(text);
  while (!input.empty()) {
    Messages messages;
    const std::string_view rest = text.substr(text.size() - input.size());
    const Result<bool> read = messages.read(input);
    if (!read) {
      refuse(reading, read.error());
      return reading;
    }
    if (!*read) {
      reading.end = End::kInHead;
      return reading;
    }
    std::string_view head = rest.substr(0, rest.size() - input.size());
    if (head.starts_with("\r\n")) head.remove_prefix(2);
    Message message;
    messages.take_start(head.substr(0, head.find("\r\n")), message);
    take_fields(head, messages.limits, message);
    if (!take_body(input, messages.framing, messages.limits, message, reading)) return reading;
    // What is said before the final answer says nothing about the connection.
    if (message.target.empty() && message.method < "200") message.persists = true;
    if (messages.framing.body == http::BodyKind::kChunked) {
      const std::size_t size = rest.size() - input.size();
      message.framing_in_trailers =
          has_framing_in_trailers(rest.substr(head.size(), size - head.size()));
    }
    const bool last = message.tunnel || !message.persists;
    reading.messages.push_back(std::move(message));
    if (last) return reading;
  }
  return reading;
}

constexpr std::string_view kBodyWhereNone = "the other reads a body where none may be";

// RFC 9110 section 6.4.1: such an answer has none, whatever its fields say.
bool may_have_no_body(const Message& message) {
  return message.target.empty() &&
         (message.method < "200" || message.method == "204" || message.method == "304");
}

std::string unlike(const Message& a, const Message& b) {
  if (a.method != b.method) return "another method or status";
  if (a.target != b.target) return "another target";
  if (a.version != b.version) return "another version";
  if (a.fields != b.fields) return "other fields";
  if (a.tunnel != b.tunnel) return a.tunnel ? "only weft switches" : "only the other switches";
  if (a.body != b.body && may_have_no_body(a)) return std::string(kBodyWhereNone);
  const bool chunked = std::find(a.fields.begin(), a.fields.end(),
                                 std::pair<std::string, std::string>("transfer-encoding",
                                                                     "chunked")) != a.fields.end();
  if (a.body != b.body && chunked && a.target.empty() && !b.persists)
    return "the other reads chunks to the connection's end";
  if (a.body != b.body) return "another body";
  if (a.persists != b.persists) return a.persists ? "only the other closes" : "only weft closes";
  return {};
}

void put(std::string& out, std::size_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  char bytes[4];
  std::memcpy(bytes, &value, 4);
  out.append(bytes, 4);
}
void put(std::string& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

}  // namespace

Reading read_by_weft(Kind kind, std::string_view text) {
  return kind == Kind::kRequests ? read_all<Requests>(text) : read_all<Responses>(text);
}

std::string difference(const Reading& weft, const Reading& theirs, std::string_view other) {
  const std::string them(other);
  for (std::size_t i = 0;; ++i) {
    const bool ours = i < weft.messages.size();
    const bool others = i < theirs.messages.size();
    if (ours && others) {
      const Message& message = weft.messages[i];
      if (std::string what = unlike(message, theirs.messages[i]); !what.empty()) return what;
      if (!message.persists || message.tunnel) return {};
      continue;
    }
    if (ours && may_have_no_body(weft.messages[i])) return std::string(kBodyWhereNone);
    const bool we_refuse = !ours && weft.end == End::kRefused;
    const bool they_refuse = !others && theirs.end == End::kRefused;
    if (we_refuse && they_refuse) return {};
    if (we_refuse) {
      if (!others && theirs.end == End::kInHead) return "weft refuses a head before its end";
      return "only weft refuses: " + weft.why;
    }
    if (they_refuse) {
      if (!ours && weft.end == End::kInHead) return them + " refuses a head before its end";
      if (!ours && weft.end == End::kInBody) return them + " refuses a body before its end";
      if (ours && weft.messages[i].framing_in_trailers)
        return them + " reads a field of the framing in trailers";
      return "only " + them + " refuses: " + theirs.why;
    }
    if (ours) return them + " waits for more of a message";
    if (others) return "weft waits for more of a message";
    return {};
  }
}

std::string encode(std::string_view text, const Reading& reading) {
  std::string out;
  put(out, text);
  put(out, static_cast<std::size_t>(reading.end));
  put(out, reading.why);
  put(out, reading.messages.size());
  for (const Message& message : reading.messages) {
    put(out, message.method);
    put(out, message.target);
    put(out, message.version);
    put(out, message.fields.size());
    for (const auto& [name, value] : message.fields) {
      put(out, name);
      put(out, value);
    }
    put(out, message.body);
    put(out, (message.persists ? 1U : 0U) + (message.tunnel ? 2U : 0U) +
                 (message.framing_in_trailers ? 4U : 0U));
  }
  std::string whole;
  put(whole, out);
  return whole;
}

}  // namespace weft::differential
