// trace: one request, one tree of spans, from the visitor's sidecar to ledger's.

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"
#include "tests/demo/app.h"
#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/promises/promises.h"
#include "tests/demo/trace_tree.h"

namespace weft::demo {

namespace {

constexpr std::string_view kCallerSpan = "00f067aa0ba902b7";
constexpr std::chrono::seconds kPatience{5};

// Different in every run.
std::string make_trace_id() {
  const auto now = read_wall_clock().time_since_epoch().count();
  return fmt::format("{:016x}{:016x}", 0x776566740000d390ULL, now);
}

std::vector<SpanSeen> collect(const Shop& shop, std::string_view trace_id) {
  std::vector<SpanSeen> spans;
  for (const Instance& instance : shop.instances()) {
    if (const Result<std::string> page = get(instance.admin(), "/traces")) {
      read_spans(*page, trace_id, instance.name, spans);
    }
  }
  return spans;
}

void forget(Scene& scene, std::string_view what) {
  for (const Instance& instance : scene.shop().instances()) {
    if (instance.service != "cart") continue;
    (void)post(instance.app(), fmt::format("/behave?forget={}", what));
  }
}

}  // namespace

void keep_trace(Scene& scene, bool broken, Verdict& verdict) {
  if (broken) forget(scene, "trace");
  const Shop& shop = scene.shop();
  const std::string trace_id = make_trace_id();
  const Result<Asked> asked =
      ask(shop.visitor().outbound(),
          {.method = "POST",
           .authority = shop.visitor().next,
           .target = "/shop",
           .fields = {{"traceparent", fmt::format("00-{}-{}-01", trace_id, kCallerSpan)}}});
  const std::string way(asked ? asked->response.head.headers.find(kWayHeader).value_or("") : "");
  verdict.expect(asked && asked->response.head.status == 200, "the request was not answered");

  std::vector<std::string> instances = {shop.visitor().name};
  for (const std::string_view step : split(way, '>')) instances.emplace_back(step);
  const std::string wanted = expected_way(instances);
  std::vector<SpanSeen> spans;
  std::string found;
  wait_until(kPatience, [&] {
    spans = collect(shop, trace_id);
    found = way_to(spans, instances.back());
    return found == wanted;
  });
  verdict.figure(fmt::format("trace {}: {} spans, {} without their parent", trace_id, spans.size(),
                             orphans(spans, kCallerSpan)));
  verdict.figure(found.empty() ? "no span of " + instances.back() : found);
  verdict.expect(found == wanted, "the way should be " + wanted);
  verdict.expect(orphans(spans, kCallerSpan) == 0, "spans have lost their parents");
  if (!scene.stage().collector().empty()) {
    verdict.figure("in Jaeger: http://127.0.0.1:16686/trace/" + trace_id);
  }
  if (broken) forget(scene, "nothing");
}

}  // namespace weft::demo
