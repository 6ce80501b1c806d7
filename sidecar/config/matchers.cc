#include "sidecar/config/matchers.h"

#include <re2/re2.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::config {

namespace {

// A hostile expression may ask for much memory; RE2 refuses beyond this.
constexpr std::int64_t kRegexBytesMax = 1024 * 1024;
constexpr std::size_t kRegexTextMax = 4096;

bool starts_with(std::string_view text, std::string_view prefix, bool ignore_case) {
  if (text.size() < prefix.size()) return false;
  const std::string_view head = text.substr(0, prefix.size());
  return ignore_case ? equals_ignore_case(head, prefix) : head == prefix;
}

bool contains_ignore_case(std::string_view text, std::string_view wanted) {
  if (wanted.size() > text.size()) return false;
  for (std::size_t i = 0; i + wanted.size() <= text.size(); ++i) {
    if (equals_ignore_case(text.substr(i, wanted.size()), wanted)) return true;
  }
  return false;
}

}  // namespace

Status TextMatch::compile() {
  if (how != How::kRegex || regex != nullptr) return {};
  if (value.size() > kRegexTextMax) {
    return fail(Fault::kInvalid,
                "regular expression longer than " + std::to_string(kRegexTextMax) + " bytes");
  }
  RE2::Options options;
  options.set_max_mem(kRegexBytesMax);
  options.set_log_errors(false);
  auto compiled = std::make_shared<RE2>(value, options);
  if (!compiled->ok()) {
    return fail(Fault::kInvalid,
                "bad regular expression '" + escape(value, 64) + "': " + compiled->error());
  }
  regex = std::move(compiled);
  return {};
}

bool TextMatch::matches(std::string_view text) const {
  switch (how) {
    case How::kExact:
      return ignore_case ? equals_ignore_case(text, value) : text == value;
    case How::kPrefix:
      return starts_with(text, value, ignore_case);
    case How::kSuffix:
      return text.size() >= value.size() &&
             starts_with(text.substr(text.size() - value.size()), value, ignore_case);
    case How::kContains:
      return ignore_case ? contains_ignore_case(text, value)
                         : text.find(value) != std::string_view::npos;
    case How::kRegex:
      WEFT_ASSERT(regex != nullptr);
      return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex);
  }
  return false;
}

std::string TextMatch::replace_all(std::string_view text, const std::string& substitution) const {
  WEFT_ASSERT(regex != nullptr);
  std::string replaced(text);
  RE2::GlobalReplace(&replaced, *regex, substitution);
  return replaced;
}

std::optional<std::string_view> HeaderMatch::value_in(const http::RequestHead& head,
                                                      std::string& joined) const {
  if (name.starts_with(':')) {
    if (name == ":method") return head.method_name;
    if (name == ":path") return head.target;
    if (name == ":authority") return head.authority;
    if (name == ":scheme") return head.scheme;
    return std::nullopt;
  }
  std::optional<std::string_view> found;
  for (const http::Field& field : head.headers) {
    const bool same = id != http::HeaderId::kOther ? field.id == id
                                                   : field.id == http::HeaderId::kOther &&
                                                         equals_ignore_case(field.name, name);
    if (!same) continue;
    if (!found) {
      found = field.value;
      continue;
    }
    if (joined.empty()) joined = *found;
    joined += ',';
    joined += field.value;
    found = joined;
  }
  return found;
}

namespace {

bool in_range(std::string_view text, std::int64_t start, std::int64_t end) {
  const bool negative = text.starts_with('-');
  const std::optional<std::uint64_t> magnitude = parse_u64(negative ? text.substr(1) : text);
  if (!magnitude || *magnitude > static_cast<std::uint64_t>(INT64_MAX)) return false;
  const auto value =
      negative ? -static_cast<std::int64_t>(*magnitude) : static_cast<std::int64_t>(*magnitude);
  return value >= start && value < end;
}

}  // namespace

bool HeaderMatch::matches(const http::RequestHead& head) const {
  std::string joined;
  std::optional<std::string_view> value = value_in(head, joined);
  if (how == How::kPresent) return (value.has_value() == present) != invert;
  if (!value) {
    // A header that is not there matches nothing, and its inversion does not make it match either,
    // unless it counts as empty.
    if (!missing_is_empty) return false;
    value = std::string_view{};
  }
  const bool matched =
      how == How::kText ? text.matches(*value) : in_range(*value, range_start, range_end);
  return matched != invert;
}

bool QueryMatch::matches(std::string_view query) const {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name) {
      if (present_only) return true;
      return text.matches(equals == std::string_view::npos ? std::string_view{}
                                                           : pair.substr(equals + 1));
    }
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
  }
  return false;
}

bool PathMatch::matches(const http::RequestHead& head) const {
  if (how == How::kConnect) return head.method == http::Method::kConnect;
  const std::string_view path = head.path();
  switch (how) {
    case How::kExact:
      return ignore_case ? equals_ignore_case(path, text.value) : path == text.value;
    case How::kPrefix:
      return starts_with(path, text.value, ignore_case);
    case How::kSegmentPrefix:
      return starts_with(path, text.value, ignore_case) &&
             (path.size() == text.value.size() || path[text.value.size()] == '/');
    case How::kRegex:
      return text.matches(path);
    case How::kConnect:
      break;
  }
  return false;
}

}  // namespace weft::config
