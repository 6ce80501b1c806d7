#include "sidecar/http/http1_body.h"

#include <algorithm>
#include <limits>

#include "sidecar/http/http1_chars.h"
#include "sidecar/http/http1_grammar.h"
#include "sidecar/http/normalize.h"

namespace weft::http {

namespace {

constexpr std::uint32_t kSizeDigitsMax = 16;

auto bad(std::string_view what) { return fail(Fault::kProtocol, std::string(what)); }

}  // namespace

void move_bytes(Buffer& from, std::size_t count, Buffer& to) {
  while (count > 0) {
    const Bytes front = from.front();
    const std::size_t n = std::min(front.size(), count);
    if (n < Buffer::kShareMin) {
      to.append(front.first(n));
      from.drain(n);
    } else {
      to.append(from.split(n));
    }
    count -= n;
  }
}

Http1BodyReader::Http1BodyReader(const Limits& limits)
    : limits_(limits),
      trailer_reader_(Http1HeadReader::Kind::kTrailers, 0, limits.trailer_bytes_max) {}

void Http1BodyReader::begin(const Http1Framing& framing) {
  kind_ = framing.body;
  left_ = framing.length;
  line_ = Line::kSize;
  digits_ = 0;
  extension_bytes_ = 0;
  if (kind_ == BodyKind::kChunked) left_ = 0;
}

Result<bool> Http1BodyReader::read(Buffer& input, std::size_t room, Buffer& piece) {
  switch (kind_) {
    case BodyKind::kNone:
      return true;
    case BodyKind::kChunked:
      return read_chunked(input, room, piece);
    case BodyKind::kLength: {
      const std::size_t n = std::min(input.size(), room);
      const std::size_t taken = n < left_ ? n : static_cast<std::size_t>(left_);
      move_bytes(input, taken, piece);
      left_ -= taken;
      return left_ == 0;
    }
    case BodyKind::kUntilClose:
    case BodyKind::kTunnel:
      move_bytes(input, std::min(input.size(), room), piece);
      return false;
  }
  return true;
}

Result<bool> Http1BodyReader::read_chunked(Buffer& input, std::size_t room, Buffer& piece) {
  while (line_ != Line::kDone && !input.empty()) {
    if (line_ == Line::kData) {
      const std::size_t n = std::min(input.size(), room);
      const std::size_t taken = n < left_ ? n : static_cast<std::size_t>(left_);
      if (taken == 0) break;  // no room
      move_bytes(input, taken, piece);
      room -= taken;
      left_ -= taken;
      if (left_ == 0) line_ = Line::kDataReturn;
    } else if (line_ == Line::kTrailers) {
      if (Status read = read_trailers(input); !read) return fail(std::move(read.error()));
    } else {
      if (Status read = read_line(input); !read) return fail(std::move(read.error()));
    }
  }
  return line_ == Line::kDone;
}

// Steps through a size line or the end of a chunk's data, as far as the front goes.
Status Http1BodyReader::read_line(Buffer& input) {
  const std::string_view front = as_text(input.front());
  std::size_t i = 0;
  while (i < front.size() && line_ != Line::kData && line_ != Line::kTrailers) {
    Result<Line> next = step(front[i++]);
    if (!next) return fail(std::move(next.error()));
    line_ = *next;
  }
  input.drain(i);
  return {};
}

Result<Http1BodyReader::Line> Http1BodyReader::step(char c) {
  switch (line_) {
    case Line::kSize: {
      if (const int digit = hex_value(c); digit >= 0) {
        if (++digits_ > kSizeDigitsMax) return bad("chunk size too long");
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return Line::kSize;
      }
      if (digits_ == 0 || (c != '\r' && c != ';')) return bad("bad chunk size");
      if (left_ > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        return bad("chunk size too large");
      if (c == '\r') return Line::kSizeFeed;
      return step_extension(c);
    }
    case Line::kExtensionName:
    case Line::kExtensionValueBegin:
    case Line::kExtensionValue:
    case Line::kExtensionQuoted:
    case Line::kExtensionEscaped:
    case Line::kExtensionQuoteEnd:
      return step_extension(c);
    case Line::kSizeFeed:
      if (c != '\n') return bad("bare carriage return in a chunk size line");
      digits_ = 0;
      return left_ == 0 ? Line::kTrailers : Line::kData;
    case Line::kDataReturn:
      if (c != '\r') return bad("chunk data without its line end");
      return Line::kDataFeed;
    case Line::kDataFeed:
      if (c != '\n') return bad("chunk data without its line end");
      return Line::kSize;
    case Line::kData:
    case Line::kTrailers:
    case Line::kDone:
      break;
  }
  return line_;
}

// *( ";" token [ "=" ( token / quoted-string ) ] ); the blanks that RFC 9112 section 7.1.1 calls
// bad are refused.
Result<Http1BodyReader::Line> Http1BodyReader::step_extension(char c) {
  if (++extension_bytes_ > limits_.chunk_extension_bytes_max)
    return bad("chunk extensions over the limit");
  const auto refused = [] { return bad("bad chunk extension"); };
  const bool ends = c == ';' || c == '\r';
  if (line_ == Line::kExtensionQuoted || line_ == Line::kExtensionEscaped) {
    if (!chars::is(c, chars::kFieldValue)) return refused();
    if (line_ == Line::kExtensionEscaped) return Line::kExtensionQuoted;
    if (c == '"') return Line::kExtensionQuoteEnd;
    return c == '\\' ? Line::kExtensionEscaped : Line::kExtensionQuoted;
  }
  if (line_ == Line::kExtensionName) {
    if (is_token_char(c)) {
      name_begun_ = true;
      return Line::kExtensionName;
    }
    if (!name_begun_) return refused();
    if (c == '=') return Line::kExtensionValueBegin;
  } else if (line_ == Line::kExtensionValueBegin) {
    if (c == '"') return Line::kExtensionQuoted;
    return is_token_char(c) ? Result<Line>(Line::kExtensionValue) : refused();
  } else if (line_ == Line::kExtensionValue && is_token_char(c)) {
    return Line::kExtensionValue;
  }
  if (!ends) return refused();
  if (c == '\r') return Line::kSizeFeed;
  name_begun_ = false;
  return Line::kExtensionName;
}

Status Http1BodyReader::read_trailers(Buffer& input) {
  Result<Http1HeadReader::Found> found = trailer_reader_.read(input);
  if (!found) return fail(std::move(found.error()));
  if (*found == Http1HeadReader::Found::kMore) return {};
  const std::string_view section = trailer_reader_.text();
  if (section.size() > 2) {
    const std::string_view kept = trailers_.copy(section);
    if (Status parsed = parse_fields(kept, limits_.trailer_fields_max, trailers_); !parsed)
      return parsed;
    drop_forbidden_trailers(trailers_);
  }
  trailer_reader_.finish(input);
  line_ = Line::kDone;
  return {};
}

}  // namespace weft::http
