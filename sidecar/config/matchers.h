#pragma once
// Matchers: how text, paths, headers and query parameters are compared. Data first, then the
// compiled form that matches.
//
// A Text matcher compiles its regular expression once (RE2, linear time; the whole value must
// match, as xDS says). Compiled matchers are immutable and shared by all workers. After
// envoy.type.matcher.v3.StringMatcher and envoy.config.route.v3.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/http/message.h"

namespace re2 {
class RE2;
}

namespace weft::config {

struct TextMatch {
  enum class How : std::uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  How how = How::kExact;
  std::string value;
  bool ignore_case = false;               // not with kRegex
  std::shared_ptr<const re2::RE2> regex;  // set by compile()

  // Bounds a regular expression's size and keeps it; REQUIRED before matches() when how is kRegex.
  Status compile();
  [[nodiscard]] bool matches(std::string_view text) const;
  // Every match of the regular expression replaced; `\\1` in the substitution is a group. REQUIRES
  // a compiled kRegex.
  [[nodiscard]] std::string replace_all(std::string_view text,
                                        const std::string& substitution) const;
};

struct HeaderMatch {
  enum class How : std::uint8_t { kText, kPresent, kRange };
  std::string
      name;  // lower case; ":method", ":authority", ":scheme", ":path" are the head's own parts
  http::HeaderId id = http::HeaderId::kOther;
  How how = How::kText;
  TextMatch text;
  std::int64_t range_start = 0;  // kRange: start <= value < end
  std::int64_t range_end = 0;
  bool present = true;  // kPresent: present or absent
  bool invert = false;
  bool missing_is_empty = false;

  // Several lines of one name are joined with ',' before they are compared.
  [[nodiscard]] bool matches(const http::RequestHead& head) const;
  // What it compares; absent when there is no such header. `joined` holds several lines together.
  [[nodiscard]] std::optional<std::string_view> value_in(const http::RequestHead& head,
                                                         std::string& joined) const;
};

struct QueryMatch {
  std::string name;
  bool present_only = false;
  TextMatch text;

  // The first parameter of that name decides. Not percent-decoded, as Envoy does.
  [[nodiscard]] bool matches(std::string_view query) const;
};

struct PathMatch {
  enum class How : std::uint8_t {
    kExact,
    kPrefix,
    kSegmentPrefix,  // "/api" matches "/api" and "/api/x", not "/apix" (path_separated_prefix)
    kRegex,
    kConnect,  // CONNECT requests only
  };
  How how = How::kPrefix;
  TextMatch text;  // how of the text follows from How above
  bool ignore_case = false;

  [[nodiscard]] bool matches(const http::RequestHead& head) const;
};

}  // namespace weft::config
