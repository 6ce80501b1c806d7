#include "sidecar/http/http1_head_reader.h"

#include <algorithm>
#include <cstring>

#include "sidecar/http/http1_chars.h"

namespace weft::http {

namespace {

constexpr std::ptrdiff_t kStep = 32;

// Where one side takes a bare line feed for a line end and the other does not, requests are
// smuggled.
auto bare_line_feed() { return fail(Fault::kProtocol, "bare line feed"); }

// Which of the next 32 bytes, or of the fewer there are, are line feeds. Lines of a head are short,
// so a search for each would cost more than looking at all bytes once. A rest is looked at together
// with what stands before it, down to `begin`.
unsigned line_feeds(const char* begin, const char* at, const char* end) {
  unsigned found = 0;
#ifdef __SSE2__
  if (end - begin >= kStep) {
    const char* const from = std::min(at, end - kStep);
    const auto* pieces = reinterpret_cast<const __m128i*>(from);
    found = chars::mask_of(chars::equal(_mm_loadu_si128(pieces), '\n'));
    found |= chars::mask_of(chars::equal(_mm_loadu_si128(pieces + 1), '\n')) << 16;
    return found >> (at - from);
  }
#else
  static_cast<void>(begin);
#endif
  const std::ptrdiff_t size = std::min(end - at, kStep);
  for (std::ptrdiff_t i = 0; i < size; ++i) found |= static_cast<unsigned>(at[i] == '\n') << i;
  return found;
}

}  // namespace

Result<Http1HeadReader::Found> Http1HeadReader::read(Buffer& input) {
  while (!input.empty()) {
    const Bytes front = input.front();
    const std::string_view fresh = as_text(front);
    std::size_t taken = 0;
    Result<Found> found = Found::kMore;
    if (gathered_ == 0) {
      found = scan(fresh.data(), std::min(fresh.size(), bytes_max_));
    } else {
      // Line by line, so that nothing behind the head gets into the store.
      const char* const stop = fresh.data() + std::min(fresh.size(), bytes_max_ - gathered_);
      const void* const feed =
          std::memchr(fresh.data(), '\n', static_cast<std::size_t>(stop - fresh.data()));
      const char* const line_end = feed == nullptr ? stop : static_cast<const char*>(feed) + 1;
      taken = static_cast<std::size_t>(line_end - fresh.data());
      gather(front.first(taken));
      input.drain(taken);
      found = scan(reinterpret_cast<const char*>(store_->data()), gathered_);
    }
    if (!found) return found;
    if (*found == Found::kStartLine && line_end_ == 0) {
      // RFC 9112 section 2.2: one empty line before a request is forgiven; a sloppy client sends it
      // behind a body.
      if (kind_ != Kind::kRequest || empty_line_seen_)
        return fail(Fault::kProtocol, "empty line before the start line");
      empty_line_seen_ = true;
      if (gathered_ == 0) input.drain(2);
      gathered_ = 0;
      scanned_ = 0;
      continue;
    }
    if (*found != Found::kMore) return found;
    if (taken == 0) {
      gather(front.first(std::min(front.size(), bytes_max_)));
      input.drain(front.size());
    }
  }
  return Found::kMore;
}

// Goes on from where the last scan ended. What it says depends on the text alone, not on how it was
// cut.
Result<Http1HeadReader::Found> Http1HeadReader::scan(const char* text, std::size_t size) {
  text_ = text;
  const bool in_start_line = kind_ != Kind::kTrailers && line_end_ == 0;
  if (in_start_line && size != 0) {
    if (Status first = check_first_byte(text[0]); !first) return fail(std::move(first.error()));
  }
  const char* const end = text + size;
  if (in_start_line) {
    const std::size_t bound = std::min(size, start_line_max_);
    const void* const feed = std::memchr(text + scanned_, '\n', bound - scanned_);
    if (feed == nullptr) {
      scanned_ = bound;
      if (size < start_line_max_) return Found::kMore;
      return fail(Fault::kTargetTooLong, "start line too long");
    }
    const auto i = static_cast<std::size_t>(static_cast<const char*>(feed) - text);
    if (i == 0 || text[i - 1] != '\r') return bare_line_feed();
    line_end_ = i - 1;
    scanned_ = i + 1;
    return Found::kStartLine;
  }
  for (const char* at = text + scanned_; at < end; at += kStep) {
    for (unsigned feeds = line_feeds(text, at, end); feeds != 0; feeds &= feeds - 1) {
      const char* const feed = at + __builtin_ctz(feeds);
      if (feed == text || feed[-1] != '\r') return bare_line_feed();
      // Behind another line's end, or at the very beginning of trailers.
      if (feed == text + 1 || feed[-2] == '\n') {
        end_ = static_cast<std::size_t>(feed + 1 - text);
        return Found::kEnd;
      }
    }
  }
  scanned_ = size;
  if (size >= bytes_max_) return fail(Fault::kHeadTooLarge, "header bytes over the limit");
  return Found::kMore;
}

// A TLS hello or other noise is refused at once instead of being waited out.
Status Http1HeadReader::check_first_byte(char first) const {
  if (kind_ == Kind::kResponse) {
    if (first != 'H') return fail(Fault::kProtocol, "bad status line");
  } else if (!is_token_char(first) && first != '\r' && first != '\n') {
    return fail(Fault::kProtocol, "bad method");
  }
  return {};
}

void Http1HeadReader::gather(Bytes bytes) {
  const std::size_t size = gathered_ + bytes.size();
  if (!store_ || store_->capacity() < size) {
    // Doubled at least, so that bytes that come one by one are not copied again for each.
    BlockRef larger = BlockRef::make(store_ ? std::max(size, store_->capacity() * 2) : size);
    if (gathered_ != 0) std::memcpy(larger->data(), store_->data(), gathered_);
    store_ = std::move(larger);
  }
  std::memcpy(store_->data() + gathered_, bytes.data(), bytes.size());
  gathered_ = size;
}

void Http1HeadReader::finish(Buffer& input) {
  if (gathered_ == 0) input.drain(end_);
  store_ = BlockRef();
  gathered_ = 0;
  text_ = nullptr;
  scanned_ = 0;
  line_end_ = 0;
  end_ = 0;
  empty_line_seen_ = false;
}

}  // namespace weft::http
