#include "tests/demo/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace weft::demo {

namespace {

constexpr std::string_view kRequests = "weft_requests_total";
constexpr std::string_view kDuration = "weft_request_duration_seconds";
const LabelFilter kAsCallee = {{"reporter", "destination"}};

// The sum over a page's samples of what was added since; a sidecar that started anew counts from
// zero.
double added(const MetricsText& before, const MetricsText& after, const LabelFilter& filter) {
  const double now = after.sum(kRequests, filter);
  const double then = before.sum(kRequests, filter);
  return now >= then ? now - then : now;
}

void add_callers(const MetricsText& before, const MetricsText& after, Row& row) {
  for (const Sample* sample : after.find(kRequests, kAsCallee)) {
    LabelFilter same(sample->labels.begin(), sample->labels.end());
    if (sample->value > before.sum(kRequests, same)) {
      row.callers.insert(short_principal(sample->label("source_principal")));
    }
  }
}

double errors_added(const MetricsText& before, const MetricsText& after) {
  std::set<std::string> codes;
  for (const Sample* sample : after.find(kRequests, kAsCallee)) {
    const std::string_view code = sample->label("response_code");
    if (code.starts_with('5')) codes.emplace(code);
  }
  double out = 0;
  for (const std::string& code : codes) {
    LabelFilter filter = kAsCallee;
    filter.emplace_back("response_code", code);
    out += added(before, after, filter);
  }
  return out;
}

void add_buckets(std::vector<Bucket> more, std::vector<Bucket>& sum) {
  if (sum.empty()) {
    sum = std::move(more);
    return;
  }
  for (std::size_t i = 0; i < std::min(sum.size(), more.size()); ++i) sum[i].count += more[i].count;
}

std::string milliseconds(double seconds) { return fmt::format("{:.1f}", seconds * 1000); }

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f} %", *value) : "";
}

}  // namespace

std::string short_principal(std::string_view principal) {
  const std::string prefix = principal_of("");
  if (principal.empty() || principal == "unknown") return "nobody";
  return std::string(principal.starts_with(prefix) ? principal.substr(prefix.size()) : principal);
}

std::vector<Row> make_rows(const Shop& shop, const Scrape& before, const Scrape& after,
                           const std::optional<Weights>& weights) {
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  std::vector<Row> rows;
  std::vector<std::vector<Bucket>> times;
  for (const Instance& instance : shop.instances()) {
    if (!instance.has_app()) continue;
    if (rows.empty() || rows.back().service != instance.service ||
        rows.back().version != instance.version) {
      rows.push_back({.service = instance.service, .version = instance.version});
      times.emplace_back();
    }
    Row& row = rows.back();
    const MetricsText& then = before.page(instance.name);
    const MetricsText& now = after.page(instance.name);
    row.rate += added(then, now, kAsCallee);
    row.errors += errors_added(then, now);
    add_callers(then, now, row);
    add_buckets(subtract(now.buckets(kDuration, kAsCallee), then.buckets(kDuration, kAsCallee)),
                times.back());
  }
  std::map<std::string, double> of_service;
  std::map<std::string, int> versions;
  for (const Row& row : rows) {
    of_service[row.service] += row.rate;
    ++versions[row.service];
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    row.p50 = bucket_percentile(times[i], 50);
    row.p99 = bucket_percentile(times[i], 99);
    if (versions[row.service] > 1) {
      const double all = of_service[row.service];
      row.share = all > 0 ? 100 * row.rate / all : 0;
      const int sum = weights ? weights->v1 + weights->v2 : 0;
      if (sum > 0) row.asked = 100.0 * (row.version == "v1" ? weights->v1 : weights->v2) / sum;
    }
    if (seconds > 0) {
      row.rate /= seconds;
      row.errors /= seconds;
    }
  }
  return rows;
}

std::string render(const std::vector<Row>& rows) {
  std::string out =
      fmt::format("{:<10}{:>10}{:>10}{:>10}{:>10}{:>11}{:>11}  {}\n", "SERVICE", "REQ/S", "ERR/S",
                  "P50 MS", "P99 MS", "MEASURED", "ASKED", "CALLED BY");
  for (const Row& row : rows) {
    out += fmt::format("{:<10}{:>10.0f}{:>10.0f}{:>10}{:>10}{:>11}{:>11}  {}\n",
                       row.service + " " + row.version, row.rate, row.errors, milliseconds(row.p50),
                       milliseconds(row.p99), percent(row.share), percent(row.asked),
                       fmt::join(row.callers, ", "));
  }
  return out;
}

std::optional<Weights> read_weights(std::string_view config_page) {
  const nlohmann::json page = nlohmann::json::parse(config_page, nullptr, false);
  const nlohmann::json::json_pointer backends("/document/spec/rules/0/backendRefs");
  if (!page.is_object() || !page.contains("objects")) return std::nullopt;
  for (const nlohmann::json& object : page["objects"]) {
    if (!object.is_object() || object.value("kind", "") != "HTTPRoute" ||
        object.value("name", "") != "cart" || !object.contains(backends)) {
      continue;
    }
    Weights out{.v1 = 0, .v2 = 0};
    for (const nlohmann::json& backend : object.at(backends)) {
      const int weight = backend.value("weight", 1);
      const std::string name = backend.value("name", "");
      if (name == "cart-v1") out.v1 += weight;
      if (name == "cart-v2") out.v2 += weight;
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace weft::demo
