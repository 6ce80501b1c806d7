#pragma once
// TraceTree: the spans of one trace as the sidecars' /traces pages have them, and whether they hang
// together. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace weft::demo {

struct SpanSeen {
  std::string instance;  // whose sidecar has it
  std::string id;
  std::string parent;
  std::string kind;  // "server", "client"
};

// Adds the spans of one trace from one sidecar's page; none when the page is no such page.
void read_spans(std::string_view traces_page, std::string_view trace_id, std::string_view instance,
                std::vector<SpanSeen>& out);

// From the span of ledger's sidecar up through the parents to the one whose parent nobody has:
// "visitor server > visitor client > web-a server > …". Empty when there is no span of `last`.
[[nodiscard]] std::string way_to(const std::vector<SpanSeen>& spans, std::string_view last);
// What a request from the visitor to ledger must look like: each app's sidecar has it coming in,
// going to the app, coming out of the app, and going on.
[[nodiscard]] std::string expected_way(const std::vector<std::string>& instances);
// Parents that no span has, other than `caller`, the span the client began with.
[[nodiscard]] std::size_t orphans(const std::vector<SpanSeen>& spans, std::string_view caller);

}  // namespace weft::demo
