#include "tests/bench/message.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace weft::bench {
namespace {

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
bool parse(std::string_view digits, Number& number, int base) {
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  return error == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

void MessageReader::reset() {
  state_ = State::kHead;
  head_.clear();
  line_.clear();
  left_ = body_bytes_ = 0;
  status_ = 0;
  is_head_request_ = wants_close_ = has_length_ = is_chunked_ = false;
}

MessageReader::Progress MessageReader::feed(std::string_view& bytes) {
  while (true) {
    switch (state_) {
      case State::kHead: {
        const Progress progress = feed_head(bytes);
        if (progress != Progress::kDone) return progress;
        break;
      }
      case State::kLength:
      case State::kUntilClose:
        skip(bytes);
        if (state_ != State::kDone) return Progress::kMore;
        break;
      case State::kChunkSize:
      case State::kChunkData:
      case State::kChunkEnd:
      case State::kTrailers: {
        const Progress progress = feed_chunks(bytes);
        if (progress != Progress::kDone) return progress;
        break;
      }
      case State::kDone:
        return Progress::kDone;
    }
  }
}

MessageReader::Progress MessageReader::feed_head(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (head_.empty()) {
    const auto end = bytes.find(kEnd);
    if (end != std::string_view::npos) {
      const std::string_view head = bytes.substr(0, end + 2);
      bytes.remove_prefix(end + kEnd.size());
      return read_head(head) ? Progress::kDone : Progress::kMalformed;
    }
  }
  const std::size_t before = head_.size();
  head_.append(bytes.substr(0, kHeadMax + 1 - before));
  const auto end = head_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size());
  if (end == std::string::npos) {
    bytes = {};
    return head_.size() > kHeadMax ? Progress::kMalformed : Progress::kMore;
  }
  bytes.remove_prefix(end + kEnd.size() - before);
  head_.resize(end + 2);
  const bool ok = read_head(head_);
  head_.clear();
  return ok ? Progress::kDone : Progress::kMalformed;
}

// `head` holds whole lines, each with its CR LF.
bool MessageReader::read_head(std::string_view head) {
  bool first = true;
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (first) {
      if (!read_first_line(line)) return false;
      first = false;
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    if (!read_field(line.substr(0, colon), line.substr(colon + 1))) return false;
  }
  begin_body();
  return !first;
}

bool MessageReader::read_first_line(std::string_view line) {
  if (kind_ == Kind::kRequest) {
    is_head_request_ = line.starts_with("HEAD ");
    wants_close_ = line.ends_with(" HTTP/1.0");
    return wants_close_ || line.ends_with(" HTTP/1.1");
  }
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return false;
  wants_close_ = line[7] == '0';
  return parse(line.substr(9, 3), status_, 10) && status_ >= 100 && status_ < 600;
}

bool MessageReader::read_field(std::string_view name, std::string_view value) {
  if (name.empty()) return false;
  const char initial = static_cast<char>(name.front() | 0x20);
  if (initial == 'c') {
    if (same(name, "content-length")) {
      has_length_ = true;
      return parse(trim(value), left_, 10);
    }
    if (same(name, "connection")) {
      if (same(trim(value), "close")) wants_close_ = true;
      if (same(trim(value), "keep-alive")) wants_close_ = false;
    }
  } else if (initial == 't' && same(name, "transfer-encoding")) {
    is_chunked_ = same(trim(value), "chunked");
    return is_chunked_;
  }
  return true;
}

void MessageReader::begin_body() {
  if (kind_ == Kind::kAnswer && status_ < 200) {
    reset();  // An interim answer; the real one follows.
    return;
  }
  const bool never = kind_ == Kind::kAnswer && (status_ == 204 || status_ == 304);
  if (never) {
    state_ = State::kDone;
  } else if (is_chunked_) {
    state_ = State::kChunkSize;
  } else if (has_length_) {
    state_ = left_ == 0 ? State::kDone : State::kLength;
  } else {
    state_ = kind_ == Kind::kRequest ? State::kDone : State::kUntilClose;
  }
}

void MessageReader::skip(std::string_view& bytes) {
  if (state_ == State::kUntilClose) {
    body_bytes_ += bytes.size();
    bytes = {};
    return;
  }
  const std::uint64_t taken = std::min<std::uint64_t>(left_, bytes.size());
  bytes.remove_prefix(taken);
  body_bytes_ += taken;
  left_ -= taken;
  if (left_ == 0) state_ = State::kDone;
}

// Lines may arrive cut anywhere, so each is collected first; only chunk data is skipped in place.
MessageReader::Progress MessageReader::feed_chunks(std::string_view& bytes) {
  constexpr std::size_t kLineMax = 4096;
  while (!bytes.empty()) {
    if (state_ == State::kChunkData) {
      const std::uint64_t taken = std::min<std::uint64_t>(left_, bytes.size());
      bytes.remove_prefix(taken);
      body_bytes_ += taken;
      left_ -= taken;
      if (left_ == 0) state_ = State::kChunkEnd;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c != '\n') {
      if (line_.size() == kLineMax) return Progress::kMalformed;
      line_.push_back(c);
      continue;
    }
    if (line_.empty() || line_.back() != '\r') return Progress::kMalformed;
    line_.pop_back();
    if (state_ == State::kChunkEnd) {
      if (!line_.empty()) return Progress::kMalformed;
      state_ = State::kChunkSize;
    } else if (state_ == State::kChunkSize) {
      const std::string_view size = trim(std::string_view{line_}.substr(0, line_.find(';')));
      if (!parse(size, left_, 16)) return Progress::kMalformed;
      state_ = left_ == 0 ? State::kTrailers : State::kChunkData;
    } else if (line_.empty()) {
      state_ = State::kDone;
      return Progress::kDone;
    }
    line_.clear();
  }
  return Progress::kMore;
}

}  // namespace weft::bench
