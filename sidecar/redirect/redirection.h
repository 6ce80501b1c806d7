#pragma once
// Redirection: the rules of one network namespace, put in, compared and taken out by whichever tool
// works there: nft before iptables-nft before iptables-legacy.
//
// Rules of ours that another tool put there (an earlier image, a try that broke off) are found and
// removed as well, by apply and by remove. Thread: any one; each call runs programs and waits.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/redirect/loopback.h"
#include "sidecar/redirect/options.h"
#include "sidecar/redirect/policy_routing.h"
#include "sidecar/redirect/programs.h"
#include "sidecar/redirect/tool.h"

namespace weft::redirect {

class Redirection final {
 public:
  Redirection(Programs& programs, Loopback& loopback, PolicyRouting& routing, bool kernel_has_ipv6);

  // What was done, in one line. On an error of the tool that loads, nothing has changed.
  [[nodiscard]] Result<std::string> apply(const Options& options);
  // What is not as wanted; none when all is.
  [[nodiscard]] Result<std::vector<std::string>> check(const Options& options);
  // By every tool there is, whatever Options would name.
  [[nodiscard]] Result<std::string> remove();

 private:
  [[nodiscard]] Result<std::vector<Ruleset>> wanted(const Options& options) const;
  [[nodiscard]] std::vector<Ruleset> nothing() const;
  [[nodiscard]] Result<std::vector<Tool*>> usable_tools(Loader loader);
  [[nodiscard]] Result<bool> holds_anything(Tool& tool);
  [[nodiscard]] std::vector<Family> families() const;
  [[nodiscard]] bool routes_marked(const Options& options, Family family);
  [[nodiscard]] Status set_routing(const Options& options);
  [[nodiscard]] Status check_routing(const Options& options, std::vector<std::string>& lines);

  Loopback& loopback_;
  PolicyRouting& routing_;
  bool kernel_has_ipv6_;
  std::vector<std::unique_ptr<Tool>> tools_;
};

// Where the kernel has IPv6, used or not.
[[nodiscard]] bool kernel_has_ipv6();

}  // namespace weft::redirect
