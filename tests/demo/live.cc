#include "tests/demo/live.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/load.h"
#include "tests/demo/scrape.h"
#include "tests/demo/table.h"

namespace weft::demo {

namespace {

constexpr std::chrono::seconds kEvery{1};
constexpr std::chrono::seconds kEveryOnPaper{5};
constexpr std::chrono::seconds kComesBackAfter{10};
constexpr std::chrono::seconds kWindow{5};  // what the table looks back on
constexpr std::string_view kClear = "\x1b[H\x1b[2J";

std::string line(std::string_view what, std::string_view how) {
  return fmt::format("  {:<24}{}\n", what, how);
}

// Shorter where it is below the present directory.
std::string from_here(const std::string& path) {
  std::error_code error;
  const std::filesystem::path here = std::filesystem::current_path(error);
  const std::string prefix = here.string() + "/";
  return !error && path.starts_with(prefix) ? path.substr(prefix.size()) : path;
}

// The picture's lower half. Commands stand on lines of their own, ready to be copied.
std::string what_to_try(const Stage& stage) {
  const Shop& shop = stage.shop();
  const std::string control =
      shop.is_usual() ? "" : " --control " + shop.control_admin().to_string();
  const std::string weft = from_here(stage.program("weft"));
  std::string out = "Try, in another terminal:\n";
  out += line("move the canary", "change a weight and save: " + stage.config_file("canary.yaml"));
  out += line("make a mistake there", fmt::format("and ask: {} status{}", weft, control));
  out +=
      line("kill an instance", fmt::format("kill -9 {}        (cart-v1-a; its sidecar: {})",
                                           stage.pid("cart-v1-a"), stage.pid("cart-v1-a/sidecar")));
  out += line("kill the control plane",
              fmt::format("kill -9 {}        (the shop goes on)", stage.pid("control")));
  out += line("make ledger slow, wrong",
              fmt::format("curl -X POST 'http://{}/behave?latency=50ms&errors=5'",
                          shop.instance("ledger-a").app().to_string()));
  out += line("go shopping yourself", fmt::format("curl -i -H 'Host: web' http://{}/shop",
                                                  shop.visitor().outbound().to_string()));
  out += line("see traces", fmt::format("{} traces{}", weft, control));
  if (!stage.collector().empty()) {
    out += line("", "or http://127.0.0.1:16686, where the collector's spans are");
  }
  out += line("stop everything", "Ctrl-C");
  return out;
}

// Starts again what has been dead for a while; says in words what is dead.
class Caretaker final {
 public:
  explicit Caretaker(Stage& stage) : stage_(stage) {}
  [[nodiscard]] std::string look() {
    std::string out;
    const TimePoint now = read_monotonic_clock();
    for (const std::string& part : stage_.parts()) {
      if (stage_.alive(part)) {
        dead_since_.erase(part);
        continue;
      }
      const TimePoint since = dead_since_.try_emplace(part, now).first->second;
      if (now - since >= kComesBackAfter) {
        (void)stage_.start(part);
        out += part + " is coming back\n";
      } else {
        out += fmt::format("{} is dead, and back in {:.0f} s\n", part,
                           std::chrono::duration<double>(kComesBackAfter - (now - since)).count());
      }
    }
    return out;
  }

 private:
  Stage& stage_;
  std::map<std::string, TimePoint> dead_since_;
};

std::string customers(const Load::Progress& before, const Load::Progress& now, double seconds) {
  return fmt::format("customers: {:.0f} answers a second, {} failed so far, {} in flight\n",
                     static_cast<double>(now.answered - before.answered) / seconds, now.failed,
                     now.in_flight + now.waiting);
}

}  // namespace

int run_live(Stage& stage, const LiveOptions& options) {
  const Shop& shop = stage.shop();
  Load load({.address = shop.visitor().outbound(), .host = shop.visitor().next});
  Caretaker caretaker(stage);
  std::vector<Scrape> scrapes = {scrape(shop)};
  load.begin({.rate = options.rate});
  Load::Progress before;
  TimePoint looked = read_monotonic_clock();
  std::optional<Weights> weights;
  const Duration every = options.terminal ? kEvery : kEveryOnPaper;
  while (!interrupted()) {
    pause_for(every);
    scrapes.push_back(scrape(shop));
    if (scrapes.back().at - scrapes.front().at > kWindow + kEvery) scrapes.erase(scrapes.begin());
    // The last word of the control plane holds while it is away.
    if (const Result<std::string> page = get(shop.control_admin(), "/config")) {
      weights = read_weights(*page);
    }
    const Load::Progress now = load.progress();
    const TimePoint looked_before = std::exchange(looked, read_monotonic_clock());
    fmt::print(
        "{}visitor -> web -> cart v1 (two instances), v2 (one) -> ledger; every arrow is "
        "mTLS between two sidecars\n\n{}\n{}{}\n{}\n",
        options.terminal ? kClear : std::string_view{},
        render(make_rows(shop, scrapes.front(), scrapes.back(), weights)),
        customers(before, now, std::chrono::duration<double>(looked - looked_before).count()),
        caretaker.look(), what_to_try(stage));
    std::fflush(stdout);
    before = now;
  }
  (void)load.end();
  return 0;
}

}  // namespace weft::demo
