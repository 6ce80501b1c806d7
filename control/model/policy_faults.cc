#include "control/model/policy_faults.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>
#include <set>

#include "control/model/names.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Duration kDelayMax = hours(1);
constexpr std::int64_t kBytesMax = 1'000'000'000'000;

// "2026-12-01T00:00:00Z", whole seconds in UTC, a day that exists.
std::optional<WallTime> parse_time(std::string_view text) {
  static constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return std::nullopt;
  std::array<int, 6> parts{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0') {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      parts[part] = parts[part] * 10 + (text[i] - '0');
    } else {
      if (text[i] != kForm[i]) return std::nullopt;
      if (kForm[i] != 'Z') ++part;
    }
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  // The clock counts nanoseconds: until 2262.
  if (!day.ok() || parts[0] < 1970 || parts[0] > 2200) return std::nullopt;
  if (parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return std::nullopt;
  return WallTime(std::chrono::sys_days(day).time_since_epoch() + hours(parts[3]) +
                  std::chrono::minutes(parts[4]) + seconds(parts[5]));
}

std::string text_of_time(WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(
                         std::chrono::duration_cast<seconds>(time.time_since_epoch()).count())));
}

void read_headers(Reader& fault, PolicyFault& out) {
  fault.object("match", [&](Reader& match) {
    match.each("headers", PolicyFault::kHeadersMax, [&](Reader& header) {
      HeaderCondition read;
      header.choice("type", read.regex, {{"Exact", false}, {"RegularExpression", true}});
      if (header.require("name")) header.text("name", read.name, check_header_name);
      if (header.require("value")) {
        header.text("value", read.value, read.regex ? check_regex : check_header_value);
      }
      out.headers.push_back(std::move(read));
    });
  });
}

void read_delay(Reader& fault, PolicyFault& out) {
  fault.object("delay", [&](Reader& delay) {
    delay.require("fixed");
    delay.rule_of("fixed", "duration(self) > duration('0s') && duration(self) <= duration('1h')",
                  "want more than 0s, up to 1h");
    delay.rule("!has(self.jitter) || duration(self.jitter) <= duration(self.fixed)",
               "jitter must not be more than fixed: it is that much more or less");
    if (delay.duration("fixed", out.delay) &&
        (out.delay <= Duration::zero() || out.delay > kDelayMax)) {
      delay.refuse("fixed", "want more than 0s, up to 1h");
    }
    if (delay.duration("jitter", out.jitter) && out.jitter > out.delay) {
      delay.refuse("jitter", "must not be more than fixed: it is that much more or less");
    }
  });
}

// How the request ends, or how slowly; one of them at most.
int read_ending(Reader& fault, PolicyFault& out) {
  int endings = 0;
  fault.object("abort", [&](Reader& abort) {
    ++endings;
    std::uint32_t grpc = 0;
    const bool http = abort.has("status");
    abort.rule("has(self.status) != has(self.grpc)", "want one of status and grpc");
    abort.integer("status", out.http_status, 200, 599);
    if (abort.has("grpc") == http) abort.refuse("want one of status and grpc");
    if (abort.integer("grpc", grpc, 1, 16)) out.grpc_status = grpc;
  });
  fault.rule_of("reset", "self", "want true, or another one in its place");
  if (fault.boolean("reset", out.reset)) {
    ++endings;
    if (!out.reset) fault.refuse("reset", "want true, or another one in its place");
  }
  fault.object("slowBody", [&](Reader& slow) {
    ++endings;
    if (slow.require("bytesPerSecond")) {
      slow.integer("bytesPerSecond", out.bytes_per_second, 1, kBytesMax);
    }
  });
  return endings;
}

PolicyFault read_fault(Reader& fault) {
  PolicyFault out;
  if (fault.require("name")) fault.text("name", out.name, check_section_name);
  fault.rule_of("percent", "!self.matches('^0*([.]0*)?%$')",
                "want more than 0%; without the fault there is none");
  if (fault.percent("percent", out.percent) && out.percent <= 0) {
    fault.refuse("percent", "want more than 0%; without the fault there is none");
  }
  std::string until;
  fault.rule_of("until",
                "self.matches('^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-[0-3][0-9]T[0-2][0-9]:"
                "[0-5][0-9]:[0-5][0-9]Z$')",
                "want a time such as 2026-01-31T08:00:00Z");
  if (fault.require("until") && fault.text("until", until)) {
    const auto time = parse_time(until);
    if (!time) fault.refuse("until", "want a time such as \"2026-01-31T08:00:00Z\"");
    out.until = time.value_or(WallTime());
  }
  read_headers(fault, out);
  read_delay(fault, out);
  const int endings = read_ending(fault, out);
  fault.rule("[has(self.abort), has(self.reset), has(self.slowBody)].filter(x, x).size() <= 1",
             "want one of abort, reset, slowBody");
  fault.rule("has(self.delay) || has(self.abort) || has(self.reset) || has(self.slowBody)",
             "want delay, abort, reset or slowBody");
  if (endings > 1) fault.refuse("want one of abort, reset, slowBody");
  if (endings == 0 && out.delay == Duration::zero()) {
    fault.refuse("want delay, abort, reset or slowBody");
  }
  return out;
}

std::string describe_fault(const PolicyFault& fault) {
  std::string out = fmt::format("{} {}%", fault.name, fault.percent);
  for (const HeaderCondition& header : fault.headers) {
    out += fmt::format(" {}{}{}", header.name, header.regex ? "~" : "=", escape(header.value, 64));
  }
  if (fault.delay > Duration::zero()) out += " delay " + format_duration(fault.delay);
  if (fault.jitter > Duration::zero()) out += " ± " + format_duration(fault.jitter);
  if (fault.http_status != 0) out += fmt::format(" abort {}", fault.http_status);
  if (fault.grpc_status) out += fmt::format(" abort grpc {}", *fault.grpc_status);
  if (fault.reset) out += " reset";
  if (fault.bytes_per_second != 0) out += fmt::format(" {} bytes/s", fault.bytes_per_second);
  return out + " until " + text_of_time(fault.until);
}

}  // namespace

bool PolicyFault::ends_everything() const {
  return percent >= 100 && headers.empty() && (http_status >= 400 || grpc_status || reset);
}

PolicyFaults read_faults(Reader& spec) {
  PolicyFaults out;
  std::set<std::string> names;
  spec.keyed("faults", "name");
  spec.each("faults", PolicyFault::kMax, [&](Reader& fault) {
    out.push_back(read_fault(fault));
    if (!names.insert(out.back().name).second) {
      fault.refuse("name", "is another fault's name already");
    }
  });
  return out;
}

std::string describe(const PolicyFaults& value) {
  std::string out;
  for (const PolicyFault& fault : value) out += (out.empty() ? "" : "; ") + describe_fault(fault);
  return out.empty() ? "none" : out;
}

std::string objection_to_times(const PolicyFaults& faults, WallTime now) {
  for (std::size_t at = 0; at < faults.size(); ++at) {
    const WallTime until = faults[at].until;
    if (until <= now) {
      return fmt::format("spec.faults[{}].until: {} has passed", at, text_of_time(until));
    }
    if (until > now + PolicyFault::kAheadMax) {
      return fmt::format("spec.faults[{}].until: {} is more than 30 days away", at,
                         text_of_time(until));
    }
  }
  return {};
}

}  // namespace weft::control
