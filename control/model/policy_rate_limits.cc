#include "control/model/policy_rate_limits.h"

#include <fmt/format.h>

#include <set>

#include "control/model/names.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using Key = PolicyRateLimit::Key;

constexpr std::uint32_t kRateMax = 1'000'000'000;
constexpr Duration kRateShortest = std::chrono::milliseconds(1);
constexpr Duration kRateLongest = std::chrono::hours(24);

std::string_view limit_word_of(Key key) {
  switch (key) {
    case Key::kRoute:
      return "Route";
    case Key::kIdentity:
      return "Identity";
    case Key::kHeader:
      return "Header";
    case Key::kPath:
      return "Path";
  }
  return {};
}

PolicyRateLimit read_rate_limit(Reader& limit) {
  PolicyRateLimit out;
  if (limit.require("name")) limit.text("name", out.name, check_section_name);
  limit.choice("key", out.key,
               {{"Route", Key::kRoute},
                {"Identity", Key::kIdentity},
                {"Header", Key::kHeader},
                {"Path", Key::kPath}});
  limit.text("header", out.header, check_header_name);
  limit.rule("(has(self.key) && self.key == 'Header') == has(self.header)",
             "header goes with key: Header, and only with it");
  limit.rule_of("rate", "self.matches('^0*[1-9][0-9]{0,9}/([0-9]{1,5}(h|m|s|ms)){1,4}$')",
                "want a rate with its time, as 100/1s");
  if ((out.key == Key::kHeader) == out.header.empty()) {
    limit.refuse("header",
                 out.header.empty() ? "is required by key: Header" : "is for key: Header");
  }
  std::string text;
  if (limit.require("rate") && limit.text("rate", text)) {
    const std::optional<Rate> rate = parse_rate(text);
    if (!rate || rate->count > kRateMax || rate->per < kRateShortest || rate->per > kRateLongest) {
      limit.refuse("rate", fmt::format("want a rate with its time, as 100/1s, found '{}'",
                                       escape(text, 64)));
    } else if (rate->count == 0) {
      limit.refuse("rate", "would let nobody in; without the limit there is none");
    } else {
      out.requests = static_cast<std::uint32_t>(rate->count);
      out.interval = rate->per;
    }
  }
  limit.choice("algorithm", out.sliding, {{"TokenBucket", false}, {"SlidingWindow", true}});
  limit.integer("burst", out.burst, 1, kRateMax);
  limit.rule("!has(self.burst) || !has(self.algorithm) || self.algorithm == 'TokenBucket'",
             "burst is for algorithm: TokenBucket");
  if (out.sliding && out.burst != 0) {
    limit.refuse("burst", "is for algorithm: TokenBucket; a window saves nothing up");
  }
  return out;
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint64_t> count = parse_u64(text.substr(0, slash));
  const Result<Duration> per = parse_duration(text.substr(slash + 1));
  if (!count || !per) return std::nullopt;
  return Rate{.count = *count, .per = *per};
}

PolicyRateLimits read_rate_limits(Reader& inbound) {
  PolicyRateLimits out;
  std::set<std::string> names;
  inbound.keyed("rateLimits", "name");
  inbound.each("rateLimits", PolicyRateLimit::kMax, [&](Reader& limit) {
    out.push_back(read_rate_limit(limit));
    if (!names.insert(out.back().name).second) {
      limit.refuse("name", "is another limit's name already");
    }
  });
  return out;
}

std::string describe(const PolicyRateLimits& value) {
  std::string out;
  for (const PolicyRateLimit& limit : value) {
    out += fmt::format("{}{} {}/{} by {}", out.empty() ? "" : "; ", limit.name, limit.requests,
                       format_duration(limit.interval), limit_word_of(limit.key));
    if (limit.key == Key::kHeader) out += " " + escape(limit.header, 64);
    if (limit.sliding) out += " in a sliding window";
    if (limit.burst != 0) out += fmt::format(" burst {}", limit.burst);
  }
  return out.empty() ? "none" : out;
}

}  // namespace weft::control
