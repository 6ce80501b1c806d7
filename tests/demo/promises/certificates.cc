// certificates-renewed: certificates that live for seconds, and nobody notices.

#include <fmt/format.h>

#include "tests/demo/interrupt.h"
#include "tests/demo/judging.h"
#include "tests/demo/promises/promises.h"

namespace weft::demo {

namespace {

constexpr std::size_t kRenewals = 10;
// Ten half lives of the longest life that is worth waiting for, and some.
constexpr std::chrono::seconds kPatience{200};
// Longer than a certificate lives when this is broken on purpose (once.cc).
constexpr std::chrono::seconds kLifetimeWhenBroken{20};

}  // namespace

void keep_certificates_renewed(Scene& scene, bool broken, Verdict& verdict) {
  if (broken) scene.stage().kill("control");
  scene.begin();
  if (broken) {
    pause_for(kLifetimeWhenBroken);
  } else {
    wait_until(kPatience, [&] { return scene.watch().report().renewals_min() >= kRenewals; });
  }
  const Joined joined = scene.join(scene.end());
  const CertificateWatch::Report report = scene.watch().report();
  judge_clean(joined, verdict);
  std::string counts;
  for (const auto& [sidecar, count] : report.sidecars) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", sidecar, count.renewals());
  }
  verdict.figure("renewals since the start: " + counts);
  verdict.figure(fmt::format("new handshakes meanwhile: {}, refused {}", report.handshakes,
                             report.refusals.size()));
  for (std::size_t i = 0; i < std::min<std::size_t>(3, report.refusals.size()); ++i) {
    verdict.figure("refused: " + report.refusals[i]);
  }
  verdict.expect(report.renewals_min() >= kRenewals,
                 fmt::format("only {} renewals at the slowest sidecar", report.renewals_min()));
  verdict.expect(report.refusals.empty(), "new handshakes were refused");
  if (broken) (void)scene.stage().start("control");
}

}  // namespace weft::demo
