// identities: who called whom, as certificates proved it and metrics say it, over the whole run.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/demo/ask.h"
#include "tests/demo/promises/promises.h"
#include "tests/demo/scrape.h"
#include "tests/demo/table.h"

namespace weft::demo {

namespace {

constexpr std::uint64_t kRequests = 1'000;

// How many requests each principal is named in. What failed may not have got as far as a name.
using Named = std::map<std::string, double>;
Named named(const MetricsText& page, const std::string& reporter, std::string_view label) {
  Named out;
  for (const Sample* sample :
       page.find("weft_requests_total", {{"reporter", reporter}, {"response_code", "200"}})) {
    if (sample->value > 0) out[short_principal(sample->label(label))] += sample->value;
  }
  return out;
}

std::string text_of(const Named& names) {
  std::string out;
  for (const auto& [name, count] : names) {
    out += fmt::format("{}{} ({:.0f} requests)", out.empty() ? "" : ", ", name, count);
  }
  return out.empty() ? "nobody" : out;
}

void expect_only(const std::string& what, const Named& found, const std::set<std::string>& wanted,
                 Verdict& verdict) {
  verdict.figure(fmt::format("{} {}", what, text_of(found)));
  const bool right = !found.empty() && std::ranges::all_of(found, [&](const auto& one) {
    return wanted.contains(one.first);
  });
  verdict.expect(
      right, fmt::format("{} {}, and not only {}", what, text_of(found), fmt::join(wanted, ", ")));
}

const Instance* instance_of(const Shop& shop, const std::string& service) {
  const auto found = std::ranges::find(shop.instances(), service, &Instance::service);
  return found == shop.instances().end() ? nullptr : &*found;
}

}  // namespace

void keep_identities(Scene& scene, bool broken, Verdict& verdict) {
  const Shop& shop = scene.shop();
  if (broken) {
    if (const Result<TlsMaterial> badge = scene.badges().member("intruder")) {
      (void)ask_secured(shop.instance("web-a").inbound(), *badge, {.target = "/hello"});
    }
  }
  // Every instance has its share of the calls.
  verdict.expect(scene.wait_for_healthy(), "an instance is still held for broken from before");
  const Joined joined = scene.join(scene.send(kRequests));
  verdict.figure(joined.text());
  verdict.expect(joined.failed == 0, "requests failed");
  const Scrape all = scrape(shop);
  for (const Instance& callee : shop.instances()) {
    std::set<std::string> callers;
    for (const Instance& caller : shop.instances()) {
      if (caller.next == callee.service) callers.insert(caller.account);
    }
    const MetricsText& page = all.page(callee.name);
    if (!callers.empty()) {
      expect_only(callee.name + " was called by", named(page, "destination", "source_principal"),
                  callers, verdict);
    }
    if (const Instance* next = callee.next.empty() ? nullptr : instance_of(shop, callee.next)) {
      expect_only(callee.name + " called", named(page, "source", "destination_principal"),
                  {next->account}, verdict);
    }
  }
}

}  // namespace weft::demo
