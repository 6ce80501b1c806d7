#include "control/model/istio_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::size_t kExportsMax = 64;

// Sums "1h", "1.5s", …; nothing when the text is no duration, or one too long to be meant.
std::optional<Duration> go_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  static constexpr std::array<Unit, 6> kUnits = {
      {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
  constexpr double kYear = 365.0 * 24 * 3600;
  if (text == "0") return Duration::zero();
  if (text.empty() || text.size() > 32) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = std::ranges::find(kUnits, text.substr(0, letters), &Unit::name);
    if (unit == kUnits.end()) return std::nullopt;
    sum += number * unit->seconds;
    text.remove_prefix(letters);
  }
  if (sum > kYear) return std::nullopt;
  return std::chrono::duration_cast<Duration>(
      std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(sum * 1000))));
}

std::string check_subset_name(std::string_view text) {
  return text.empty() ? "must not be empty" : check_label_value(text);
}

}  // namespace

bool Exports::visible_in(std::string_view name_space) const {
  return everywhere || std::ranges::find(namespaces, name_space) != namespaces.end();
}

void read_exports(Reader& spec, const ObjectName& object, Exports& out) {
  std::vector<std::string> names;
  const auto check = [](std::string_view text) {
    return text == "*" || text == "." || text == "~" ? std::string() : check_label_name(text);
  };
  if (!spec.texts("exportTo", names, kExportsMax, check) || names.empty()) return;
  out.everywhere = false;
  for (const std::string& name : names) {
    if (name == "*") {
      out.everywhere = true;
    } else if (name != "~") {
      out.namespaces.push_back(name == "." ? object.name_space : name);
    }
  }
  if (!out.everywhere && out.namespaces.empty()) {
    spec.note("exportTo", "exports to nobody, so that the object has no effect");
  }
}

std::optional<ObjectName> service_of_host(std::string_view host, std::string_view name_space) {
  constexpr std::string_view kDomain = ".svc.cluster.local";
  if (host.ends_with(kDomain)) {
    host.remove_suffix(kDomain.size());
  } else if (host.ends_with(".svc")) {
    host.remove_suffix(4);
  }
  const std::size_t dot = host.find('.');
  ObjectName out{std::string(name_space), std::string(host.substr(0, dot))};
  if (dot != std::string_view::npos) out.name_space = host.substr(dot + 1);
  const bool good = check_label_name(out.name).empty() && check_label_name(out.name_space).empty();
  return good ? std::optional(std::move(out)) : std::nullopt;
}

bool read_string_match(Reader& owner, std::string_view key, NamedMatch& out) {
  using enum NamedMatch::How;
  return owner.object(key, [&](Reader& match) {
    out.how = kPresent;
    int set = 0;
    for (const auto& [word, how] :
         {std::pair{"exact", kExact}, {"prefix", kPrefix}, {"regex", kRegex}}) {
      if (!match.has(word)) continue;
      ++set;
      match.text(word, out.value, how == kRegex ? check_regex : nullptr);
      out.how = how;
    }
    if (set > 1) match.refuse("want only one of exact, prefix and regex");
    if (out.how == kPrefix && out.value.empty()) out.how = kPresent;
  });
}

bool read_go_duration(Reader& owner, std::string_view key, Duration& out) {
  const config::Value* value = owner.find(key);
  if (value == nullptr) return false;
  if (value->is_scalar()) {
    if (const std::optional<Duration> read = go_duration(value->text())) {
      out = *read;
      return true;
    }
  }
  owner.refuse(key, "want a duration with its unit, as 250ms, 1.5s or 1h30m, of at most a year");
  return false;
}

bool read_percentage(Reader& owner, std::string_view key, std::uint32_t& per_million) {
  bool good = false;
  owner.object(key, [&](Reader& percentage) {
    const config::Value* value = percentage.find("value");
    const double read =
        value == nullptr || !value->is_scalar() ? 0 : value->as_double().value_or(-1);
    if (!(read >= 0 && read <= 100)) {
      percentage.refuse("value", "want a number from 0 to 100");
      return;
    }
    per_million = static_cast<std::uint32_t>(std::llround(read * 10'000));
    good = true;
  });
  return good;
}

BackendRef read_destination(Reader& destination, const ObjectName& object) {
  BackendRef out{.home = object.name_space};
  std::string host;
  if (destination.require("host") && destination.text("host", host)) {
    if (std::optional<ObjectName> service = service_of_host(host, object.name_space)) {
      out.service = *std::move(service);
    } else {
      destination.refuse("host", fmt::format("'{}' is no Service of the cluster; others are not "
                                             "supported yet",
                                             escape(host, 64)));
    }
  }
  destination.text("subset", out.subset, check_subset_name);
  destination.object("port", [&](Reader& port) {
    if (port.require("number")) port.integer("number", out.port, 1, 65535);
  });
  return out;
}

bool read_retry_words(Reader& retries, std::string_view key, RetryOn& out) {
  std::string text;
  if (!retries.text(key, text)) return false;
  static constexpr std::array<std::string_view, 3> kUnprocessed = {
      "connect-failure", "refused-stream", "reset-before-request"};
  std::array<bool, std::size(kRetryConditions)> seen{};
  for (std::string_view word : split(text, ',')) {
    // Which statuses is said by themselves, beside it.
    if (word.empty() || word == "retriable-status-codes") continue;
    if (const std::optional<std::uint64_t> code = parse_u64(word)) {
      if (*code < 400 || *code > 599) {
        retries.refuse(key, fmt::format("want statuses from 400 to 599, found {}", *code));
        return false;
      }
      out.codes.push_back(static_cast<std::uint16_t>(*code));
      continue;
    }
    if (std::ranges::find(kUnprocessed, word) != kUnprocessed.end()) word = "unprocessed";
    const auto* known = std::ranges::find(kRetryConditions, word, &RetryCondition::name);
    if (known == std::end(kRetryConditions)) {
      retries.refuse(key, fmt::format("'{}' is not supported yet", escape(word, 64)));
      return false;
    }
    seen[static_cast<std::size_t>(known - std::begin(kRetryConditions))] = true;
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) out.conditions.emplace_back(kRetryConditions[i].name);
  }
  std::ranges::sort(out.codes);
  out.codes.erase(std::unique(out.codes.begin(), out.codes.end()), out.codes.end());
  return !out.conditions.empty() || !out.codes.empty();
}

}  // namespace weft::control
