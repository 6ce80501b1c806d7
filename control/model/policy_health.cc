#include "control/model/policy_health.h"

#include <fmt/format.h>

#include "control/model/names.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr Duration kCheckShortest = std::chrono::milliseconds(10);
constexpr Duration kCheckLongest = std::chrono::hours(1);
constexpr std::uint32_t kChecksMax = 100;

void read_check_time(Reader& block, std::string_view key, Duration& out) {
  block.rule_of_duration(key, kCheckShortest, kCheckLongest);
  if (block.duration(key, out) && (out < kCheckShortest || out > kCheckLongest)) {
    block.refuse(key, fmt::format("want 10ms to 1h, found {}", format_duration(out)));
  }
}

}  // namespace

PolicyHealth read_health(Reader& block) {
  using enum PolicyHealth::How;
  PolicyHealth out;
  int found = 0;
  const auto how = [&](PolicyHealth::How value) {
    out.how = value;
    ++found;
  };
  block.object("http", [&](Reader& http) {
    how(kHttp);
    http.text("path", out.path, check_path);
    http.text("host", out.host, check_hostname);
  });
  block.object("grpc", [&](Reader& grpc) {
    how(kGrpc);
    grpc.text("service", out.service, check_header_value);
  });
  block.object("tcp", [&](Reader&) { how(kTcp); });
  bool enabled = true;
  block.boolean("enabled", enabled);
  if (!enabled) out.how = kNone;
  block.rule(
      "[has(self.http), has(self.grpc), has(self.tcp)].filter(x, x).size() == (has(self.enabled) "
      "&& !self.enabled ? 0 : 1)",
      "want one of http, grpc and tcp, or enabled: false alone");
  if (enabled ? found != 1 : found != 0) {
    block.refuse(enabled ? "want one of http, grpc and tcp" : "enabled: false says all there is");
  }
  read_check_time(block, "interval", out.interval);
  read_check_time(block, "timeout", out.timeout);
  block.integer("healthy", out.healthy, 1, kChecksMax);
  block.integer("unhealthy", out.unhealthy, 1, kChecksMax);
  return out;
}

std::string describe(const PolicyHealth& value) {
  std::string out;
  switch (value.how) {
    case PolicyHealth::How::kNone:
      return "none";
    case PolicyHealth::How::kHttp:
      out = "http " + escape(value.path, 128);
      break;
    case PolicyHealth::How::kGrpc:
      out = "grpc" + (value.service.empty() ? "" : " " + escape(value.service, 128));
      break;
    case PolicyHealth::How::kTcp:
      out = "tcp";
      break;
  }
  return fmt::format("{} each {} within {}, well after {}, ill after {}", out,
                     format_duration(value.interval), format_duration(value.timeout), value.healthy,
                     value.unhealthy);
}

}  // namespace weft::control
