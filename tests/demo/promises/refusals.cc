// refusals: a strict port lets nobody in who cannot prove a name of the mesh, and a client talks to
// nobody who is not whom it wants.

#include <fmt/format.h>

#include "tests/demo/ask.h"
#include "tests/demo/impostor.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/promises/promises.h"
#include "tests/demo/scrape.h"

namespace weft::demo {

namespace {

constexpr std::string_view kHandshakes = "weft_handshakes_total";
constexpr std::chrono::seconds kCounted{3};

double count(const Instance& instance, const std::string& side, const std::string& reason) {
  return scrape(instance).sum(kHandshakes, {{"side", side}, {"reason", reason}});
}

// Whether the metric has grown by one at least.
bool counted(const Instance& instance, const std::string& side, const std::string& reason,
             double before) {
  return wait_until(kCounted, [&] { return count(instance, side, reason) >= before + 1; });
}

void knock(Scene& scene, std::string_view who, const std::string& reason,
           const TlsMaterial& material, Verdict& verdict) {
  const Instance& web = scene.shop().instance("web-a");
  const double before = count(web, "server", reason);
  const Result<Asked> asked = ask_secured(web.inbound(), material, {.target = "/hello"});
  const bool seen = counted(web, "server", reason, before);
  verdict.figure(
      fmt::format("{}: {}; weft_handshakes_total{{side=server,reason={}}} {}", who,
                  asked ? fmt::format("let in, status {}", asked->response.head.status) : "refused",
                  reason, seen ? "counts it" : "does not move"));
  verdict.expect(!asked, fmt::format("{} was let in", who));
  verdict.expect(seen, fmt::format("{} is not counted under {}", who, reason));
}

void knock_in_the_clear(Scene& scene, bool broken, Verdict& verdict) {
  const Instance& web = scene.shop().instance("web-a");
  const double before = count(web, "server", "plaintext");
  const bool let_in = broken ? false : ask(web.inbound(), {.target = "/hello"}).has_value();
  const bool seen = !broken && counted(web, "server", "plaintext", before);
  verdict.figure(fmt::format("plain HTTP: {}; reason=plaintext {}", let_in ? "let in" : "refused",
                             seen ? "counts it" : "does not move"));
  verdict.expect(!let_in && seen, "plain HTTP is not refused and counted");
}

// Somebody with a good certificate of the mesh, but not vault's, stands where vault should be.
void meet_an_impostor(Scene& scene, bool broken, Verdict& verdict) {
  Stage& stage = scene.stage();
  const Instance& visitor = scene.shop().visitor();
  const Result<TlsMaterial> badge = scene.badges().member(broken ? "vault" : "impostor");
  if (!badge) return verdict.expect(false, badge.error().detail);
  const Result<Child> impostor = start_impostor(stage, *badge);
  if (!impostor) return verdict.expect(false, impostor.error().detail);
  const double before = count(visitor, "client", "identity");
  (void)stage.write_config("vault.yaml", stage.shop().vault_yaml());
  std::uint16_t status = 0;
  // 404 as long as the visitor's sidecar has not heard of vault.
  wait_until(std::chrono::seconds(5), [&] {
    const Result<Asked> asked = ask(visitor.outbound(), {.authority = "vault", .target = "/hello"});
    status = asked ? asked->response.head.status : std::uint16_t{0};
    return status != 0 && status != 404;
  });
  const bool seen = counted(visitor, "client", "identity", before);
  verdict.figure(
      fmt::format("a server with another name of the mesh: the visitor gets {}; "
                  "weft_handshakes_total{{side=client,reason=identity}} {}",
                  status, seen ? "counts it" : "does not move"));
  verdict.expect(status == 503, "an impostor was believed");
  verdict.expect(seen, "an impostor is not counted");
  stage.remove_config("vault.yaml");
}

}  // namespace

void keep_refusals(Scene& scene, bool broken, Verdict& verdict) {
  const Badges& badges = scene.badges();
  const Result<TlsMaterial> member = badges.member("visitor");
  const Result<TlsMaterial> stranger = badges.stranger();
  const Result<TlsMaterial> misnamed = badges.misnamed();
  if (!member || !stranger || !misnamed) {
    return verdict.expect(false, "the certificates to be refused cannot be made");
  }
  knock(scene, "no certificate", "no_certificate", broken ? *member : badges.nobody(), verdict);
  knock(scene, "a certificate of another root", "unknown_authority", broken ? *member : *stranger,
        verdict);
  knock(scene, "a name of another trust domain", "identity", broken ? *member : *misnamed, verdict);
  knock_in_the_clear(scene, broken, verdict);
  meet_an_impostor(scene, broken, verdict);
  verdict.expect(scene.apply({}), "the route did not come back");
}

}  // namespace weft::demo
