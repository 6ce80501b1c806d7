// The status port of a whole sidecar: the kubelet's questions about an app that itself takes
// nothing but mTLS from the network, and what a scraper without a certificate may read.

#include "sidecar/status_server.h"

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using sidecar::AppProbe;

// An app behind a strict inbound listener, and its sidecar's status port.
class StatusPort : public ::testing::Test {
 protected:
  void start(std::vector<AppProbe> probes) {
    sidecar::Start start =
        start_of({inbound(authority_.material("server"))}, {cluster("app", {app_.address()})});
    start.status =
        sidecar::StatusServer::Options{.addresses = {SocketAddress::parse("127.0.0.1:0").value()},
                                       .probes = std::move(probes),
                                       .app = IpAddress::parse("127.0.0.1").value()};
    proxy_.emplace(std::move(start));
    proxy_->on_loop([&](sidecar::Sidecar& sidecar) { port_ = sidecar.status_address().port(); });
  }
  [[nodiscard]] AppProbe http(std::string path, std::string target) {
    return {.path = std::move(path), .port = app_.port(), .target = std::move(target)};
  }
  // As the kubelet: a connection of its own each time, no certificate.
  [[nodiscard]] Wire::Message probe(const std::string& path) const {
    Wire wire = Wire::to(port_);
    return ask(wire, path, "user-agent: kube-probe/1.34\r\nconnection: close\r\n");
  }

  Authority authority_{"cluster.local"};
  Origin app_;
  std::optional<Proxy> proxy_;
  std::uint16_t port_ = 0;
};

TEST_F(StatusPort, AnswersTheKubeletWhileTheAppsOwnPortTakesOnlyMutualTls) {
  start({http("/app-health/app/livez", "/live?x=1")});
  ASSERT_TRUE(proxy_->ready());
  // In the clear there is nothing to be had where the mesh is.
  Wire plain = proxy_->dial();
  EXPECT_TRUE(ask(plain, "/live").status() != 200);
  EXPECT_EQ(app_.requests(), 0U);

  EXPECT_EQ(probe("/app-health/app/livez").status(), 200);
  EXPECT_EQ(app_.requests(), 1U);
  EXPECT_EQ(app_.last().target(), "/live?x=1");
  EXPECT_EQ(app_.last().field("user-agent"), "kube-probe/1.34");
  EXPECT_EQ(probe("/ready").status(), 200);
}

TEST_F(StatusPort, TellsWhatTheAppSaysWhenItIsNotWell) {
  Origin sick(Origin::replies(500, "no database"));
  AppProbe probe_of_sick = http("/app-health/app/readyz", "/");
  probe_of_sick.port = sick.port();
  start({probe_of_sick});
  const Wire::Message answer = probe("/app-health/app/readyz");
  EXPECT_EQ(answer.status(), 500);
  EXPECT_EQ(answer.body, "the app answers 500\nno database");
}

TEST_F(StatusPort, FollowsARedirectOfTheAppAndCountsOneToElsewhereAsAnAnswer) {
  Origin app([](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      origin.note(request);
      const std::string to = request.target() == "/old"    ? "/new"
                             : request.target() == "/away" ? "http://elsewhere.example/"
                                                           : "";
      if (!wire.send(to.empty() ? "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"
                                : "HTTP/1.1 302 Found\r\nlocation: " + to +
                                      "\r\ncontent-length: 0\r\n\r\n"))
        return;
    }
  });
  AppProbe old = http("/app-health/app/livez", "/old");
  AppProbe away = http("/app-health/app/readyz", "/away");
  old.port = away.port = app.port();
  start({old, away});
  EXPECT_EQ(probe("/app-health/app/livez").status(), 503);
  EXPECT_EQ(app.last().target(), "/new");
  EXPECT_EQ(probe("/app-health/app/readyz").status(), 200);
}

TEST_F(StatusPort, AsksOverTcpAndSaysWhyWhenNobodyListens) {
  const ClosedPort closed;
  AppProbe open = http("/app-health/app/livez", "/");
  open.kind = AppProbe::Kind::kTcp;
  AppProbe shut = open;
  shut.path = "/app-health/app/readyz";
  shut.port = closed.address().port();
  start({open, shut});
  EXPECT_EQ(probe(open.path).status(), 200);
  const Wire::Message answer = probe(shut.path);
  EXPECT_EQ(answer.status(), 503);
  EXPECT_NE(answer.body.find("connect"), std::string::npos) << answer.body;
}

TEST_F(StatusPort, GivesUpOnAnAppThatDoesNotAnswerWithinTheProbesTime) {
  Origin mute(Origin::never_answers());
  AppProbe slow = http("/app-health/app/livez", "/");
  slow.port = mute.port();
  slow.timeout = 100ms;
  start({slow});
  EXPECT_EQ(probe(slow.path).status(), 503);
}

TEST_F(StatusPort, ShowsTheAppsMetricsAfterItsOwn) {
  Origin app(Origin::replies(200, "process_cpu_seconds_total 7\norders_total 3\n"));
  AppProbe metrics = http("/metrics", "/stats");
  metrics.port = app.port();
  start({metrics});
  const std::string page = probe("/metrics").body;
  EXPECT_NE(page.find("\norders_total 3\n"), std::string::npos);
  EXPECT_NE(page.find("weft_build_info"), std::string::npos);
  const std::size_t first = page.find("\nprocess_cpu_seconds_total ");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(page.find("\nprocess_cpu_seconds_total ", first + 1), std::string::npos);
}

TEST_F(StatusPort, ShowsItsOwnMetricsWhenTheAppsAreNotToBeHad) {
  const ClosedPort closed;
  AppProbe metrics = http("/metrics", "/stats");
  metrics.port = closed.address().port();
  start({metrics});
  const Wire::Message page = probe("/metrics");
  EXPECT_EQ(page.status(), 200);
  EXPECT_NE(page.body.find("weft_build_info"), std::string::npos);
}

TEST_F(StatusPort, HasNoPageThatChangesOrShowsMore) {
  start({http("/app-health/app/livez", "/")});
  for (const char* path : {"/config_dump", "/certs", "/clusters", "/traces", "/drain", "/logging"})
    EXPECT_EQ(probe(path).status(), 404) << path;
  Wire wire = Wire::to(port_);
  EXPECT_EQ(ask(wire, "/app-health/app/livez", "", "POST").status(), 405);
}

}  // namespace
}  // namespace weft::mesh_test
