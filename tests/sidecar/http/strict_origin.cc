#include "tests/sidecar/http/strict_origin.h"

#include <algorithm>
#include <charconv>

#include "sidecar/core/strings.h"

namespace weft::http::testing {

namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f;  // obs-text is negative or above
  });
}

bool is_value(std::string_view text) {
  return trim(text) == text && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\t') || byte == 0x7f;
         });
}

std::string shown(std::string_view body) {
  return body.size() > 200 ? std::to_string(body.size()) + " bytes" : escape(body, 4096);
}

}  // namespace

bool StrictOrigin::next(bool at_head) {
  while (!tunnel_ && problem_.empty()) {
    const std::size_t end = wire_.find("\r\n\r\n", at_);
    if (end == std::string::npos) return false;
    if (at_head && heads_read_ <= at_) {
      heads_read_ = end + 4;
      return true;
    }
    if (!read_one()) return false;
    if (!at_head) return true;
  }
  return false;
}

bool StrictOrigin::read_one() {
  const std::string_view rest = std::string_view(wire_).substr(at_);
  const std::size_t head_size = rest.find("\r\n\r\n") + 2;
  if (!read_head(rest.substr(0, head_size))) return false;
  std::string_view behind = rest.substr(head_size + 2);
  std::size_t used = 0;
  std::string body;
  if (chunked_) {
    if (!read_chunks(behind, used, body)) return false;
  } else if (!length_.empty()) {
    std::from_chars(length_.data(), length_.data() + length_.size(), used);
    if (behind.size() < used) return false;
    body = behind.substr(0, used);
  }
  if (!text_.empty()) text_ += " // ";
  text_ += line_;
  if (chunked_ || !length_.empty()) text_ += " {" + shown(body) + "}";
  at_ += head_size + 2 + used;
  ++requests_;
  return true;
}

bool StrictOrigin::read_head(std::string_view head) {
  line_.clear();
  length_.clear();
  chunked_ = false;
  std::size_t hosts = 0;
  for (bool first = true; !head.empty(); first = false) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    line_ += (first ? "" : " | ") + escape(line, 4096);
    if (first) {
      const std::size_t blank = line.find(' ');
      const std::size_t last = line.rfind(' ');
      if (blank == last || !is_token(line.substr(0, blank)) || line.substr(last) != " HTTP/1.1" ||
          !is_visible(line.substr(blank + 1, last - blank - 1)))
        complain("start line");
      continue;
    }
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
        !is_value(line.substr(colon + 2))) {
      complain("field line");
      continue;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 2);
    if (equals_ignore_case(name, "host")) ++hosts;
    if (equals_ignore_case(name, "content-length")) {
      if (!length_.empty() || value.find_first_not_of("0123456789") != std::string_view::npos ||
          value.empty() || (value.size() > 1 && value[0] == '0'))
        complain("content-length");
      length_ = value;
    } else if (equals_ignore_case(name, "transfer-encoding")) {
      if (chunked_ || value != "chunked") complain("transfer-encoding");
      chunked_ = true;
    }
  }
  if (hosts != 1) complain("not one host");
  if (chunked_ && !length_.empty()) complain("two kinds of length");
  return problem_.empty();
}

bool StrictOrigin::read_chunks(std::string_view wire, std::size_t& used, std::string& body) {
  const std::size_t all = wire.size();
  while (true) {
    const std::size_t end = wire.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view digits = wire.substr(0, end);
    std::size_t size = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (digits.empty() || read.ptr != digits.data() + digits.size() ||
        (digits[0] == '0' && digits.size() > 1)) {
      complain("chunk size");
      return false;
    }
    wire.remove_prefix(end + 2);
    if (size == 0) break;
    if (wire.size() < size + 2) return false;
    body += wire.substr(0, size);
    if (wire.substr(size, 2) != "\r\n") {
      complain("chunk end");
      return false;
    }
    wire.remove_prefix(size + 2);
  }
  while (true) {
    const std::size_t end = wire.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = wire.substr(0, end);
    wire.remove_prefix(end + 2);
    if (line.empty()) break;
    line_ += " | (trailer) " + escape(line, 4096);
    if (!is_token(line.substr(0, line.find(": ")))) complain("trailer");
  }
  used = all - wire.size();
  return true;
}

void StrictOrigin::complain(std::string_view what) {
  if (problem_.empty()) problem_ = std::string(what);
}

std::string StrictOrigin::report(bool closed) const {
  std::string text = text_;
  const std::string_view rest = std::string_view(wire_).substr(at_);
  if (!problem_.empty()) {
    text += " NOT CANONICAL (" + problem_ + "): " + escape(rest, 4096);
  } else if (tunnel_ && !rest.empty()) {
    text += " <" + shown(rest) + ">";
  } else if (!rest.empty() && !closed) {
    text += (text.empty() ? "" : " // ") + std::string("...");
  }
  if (closed && !text.empty()) text += " (closed)";
  return text;
}

}  // namespace weft::http::testing
