#include "tests/demo/trace_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace weft::demo {

namespace {

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || !at->is_string() ? std::string() : at->get<std::string>();
}

const nlohmann::json& list_of(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNone = nlohmann::json::array();
  if (!object.is_object()) return kNone;
  const auto at = object.find(key);
  return at == object.end() || !at->is_array() ? kNone : *at;
}

}  // namespace

void read_spans(std::string_view traces_page, std::string_view trace_id, std::string_view instance,
                std::vector<SpanSeen>& out) {
  const nlohmann::json page = nlohmann::json::parse(traces_page, nullptr, false);
  for (const nlohmann::json& trace : list_of(page, "traces")) {
    if (!trace.is_object() || text_of(trace, "trace_id") != trace_id) continue;
    for (const nlohmann::json& span : list_of(trace, "spans")) {
      if (!span.is_object()) continue;
      out.push_back({.instance = std::string(instance),
                     .id = text_of(span, "span_id"),
                     .parent = text_of(span, "parent_id"),
                     .kind = text_of(span, "kind")});
    }
  }
}

std::string way_to(const std::vector<SpanSeen>& spans, std::string_view last) {
  std::map<std::string_view, const SpanSeen*> by_id;
  for (const SpanSeen& span : spans) by_id.emplace(span.id, &span);
  // The deepest of its spans: the one that is nobody's parent.
  const SpanSeen* at = nullptr;
  for (const SpanSeen& span : spans) {
    if (span.instance == last &&
        std::ranges::find(spans, span.id, &SpanSeen::parent) == spans.end())
      at = &span;
  }
  std::string out;
  for (std::size_t steps = 0; at != nullptr && steps <= spans.size(); ++steps) {
    out = fmt::format("{} {}{}{}", at->instance, at->kind, out.empty() ? "" : " > ", out);
    const auto above = by_id.find(at->parent);
    at = above == by_id.end() ? nullptr : above->second;
  }
  return out;
}

std::string expected_way(const std::vector<std::string>& instances) {
  std::string out;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const bool first = i == 0;
    const bool last = i + 1 == instances.size();
    const std::string pair = fmt::format("{0} server > {0} client", instances[i]);
    out += (first ? "" : " > ") + pair;
    // In, and out again; the visitor only goes out, ledger only in.
    if (!first && !last) out += " > " + pair;
  }
  return out;
}

std::size_t orphans(const std::vector<SpanSeen>& spans, std::string_view caller) {
  return static_cast<std::size_t>(std::ranges::count_if(spans, [&](const SpanSeen& span) {
    return span.parent != caller &&
           std::ranges::find(spans, span.parent, &SpanSeen::id) == spans.end();
  }));
}

}  // namespace weft::demo
