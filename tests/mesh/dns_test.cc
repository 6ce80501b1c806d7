// A sidecar that is its pod's resolver: names of the mesh as the control plane tells them, all
// others from the pod's own servers, and what is kept when either is gone.

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "tests/mesh/control_plane.h"
#include "tests/mesh/mesh.h"
#include "tests/sidecar/dns/dns_messages.h"
#include "tests/sidecar/net/fake_dns.h"

namespace weft::mesh_test {
namespace {

using dns::testing::Message;
using dns::testing::question_of;

constexpr const char* kCartName = "cart.shop.svc.cluster.local";
constexpr const char* kZone = "shop.svc.cluster.local";

xds::Resource names_of_shop(const std::string& entries) {
  return resource(xds::kNameTableType, kZone,
                  "zone: " + std::string(kZone) + "\nentries: " + entries);
}

// The cluster's DNS, and a pod that asks its sidecar.
class PodWithDns {
 public:
  explicit PodWithDns(ControlPlane& control, bool delta = true) : control_(control) {
    servers_.answer = [](std::string_view query) {
      return net::DnsMessage::to(query).a("192.0.2.1", 60).wire();
    };
    sidecar::Start start = control.start();
    start.ads->delta = delta;
    start.dns.emplace();
    start.dns->addresses = {SocketAddress(IpAddress::v4(0x7f000001), 0)};
    start.dns->upstream.channel.servers = {servers_.address};
    proxy_.emplace(std::move(start));
    proxy_->on_loop(
        [&](sidecar::Sidecar& sidecar) { address_ = sidecar.dns_server()->addresses().front(); });
  }

  [[nodiscard]] std::string tell(std::vector<xds::Resource> resources) {
    std::string refused = control_.tell_and_settle(std::move(resources));
    EXPECT_TRUE(proxy_->ready());
    return refused;
  }
  // The answer's code and first address: "0 10.96.0.1".
  [[nodiscard]] std::string ask(std::string_view name, int type = SOCK_DGRAM) {
    const net::OwnedFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_storage native;
    const socklen_t length = address_.to_native(native);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length), 0);
    Message asked;
    if (type == SOCK_STREAM) asked.u16(static_cast<std::uint32_t>(question_of(name).bytes.size()));
    const Message question = question_of(name);
    asked.bytes.insert(asked.bytes.end(), question.bytes.begin(), question.bytes.end());
    EXPECT_EQ(::send(fd.get(), asked.bytes.data(), asked.bytes.size(), 0),
              static_cast<ssize_t>(asked.bytes.size()));
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      servers_.serve();
      pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 1) != 1) continue;
      char room[4096];
      const ssize_t count = ::recv(fd.get(), room, sizeof room, 0);
      return told(std::string(room, static_cast<std::size_t>(std::max<ssize_t>(count, 0))), type);
    }
    return "nothing";
  }
  void lose_servers() { servers_.answer = nullptr; }
  [[nodiscard]] net::FakeDns& servers() { return servers_; }
  [[nodiscard]] Proxy& proxy() { return *proxy_; }

 private:
  static std::string told(const std::string& answer, int type) {
    const std::string_view message = std::string_view(answer).substr(
        std::min<std::size_t>(type == SOCK_STREAM ? 2 : 0, answer.size()));
    if (message.size() < 12) return "nothing";
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(message[at]); };
    std::string out = std::to_string(byte(3) & 0x0fU);
    const std::size_t at = 12 + net::dns_name(net::dns_text(message)).size() + 4 + 12;
    if (byte(7) == 0 || at + 4 > message.size()) return out;
    for (std::size_t i = 0; i < 4; ++i) out += (i == 0 ? " " : ".") + std::to_string(byte(at + i));
    return out;
  }

  ControlPlane& control_;
  net::FakeDns servers_;
  std::optional<Proxy> proxy_;
  SocketAddress address_;
};

TEST(PodDns, NamesOfTheMeshAreAnsweredHereAllOthersByThePodsServers) {
  ControlPlane control;
  PodWithDns pod(control);
  EXPECT_EQ(pod.ask(kCartName), "0 192.0.2.1") << "before anything is known";
  EXPECT_EQ(pod.tell({names_of_shop("[{name: cart, addresses: [10.96.0.1, 'fd96::1']}]")}), "");
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.1");
  EXPECT_EQ(pod.ask(kCartName, SOCK_STREAM), "0 10.96.0.1");
  EXPECT_EQ(pod.ask("example.org"), "0 192.0.2.1");
  EXPECT_EQ(pod.ask("example.org", SOCK_STREAM), "0 192.0.2.1");
  EXPECT_EQ(pod.servers().questions, (std::vector<std::string>{kCartName, "example.org"}));
  EXPECT_EQ(pod.proxy().metric("weft_dns_queries_total", {R"(outcome="mesh")"}), 2);
  EXPECT_EQ(pod.proxy().metric("weft_dns_queries_total", {R"(outcome="forwarded")"}), 2);
  EXPECT_EQ(pod.proxy().metric("weft_dns_queries_total", {R"(outcome="cache")"}), 1);
  EXPECT_EQ(pod.proxy().metric("weft_dns_upstream_total", {R"(result="answered")"}), 2);
  EXPECT_EQ(pod.proxy().metric("weft_dns_names"), 1);
  EXPECT_EQ(pod.proxy().metric("weft_dns_cache_entries"), 2);
}

TEST(PodDns, ServesFromItsCacheWhileTheServersAreAway) {
  ControlPlane control;
  PodWithDns pod(control);
  EXPECT_EQ(pod.ask("example.org"), "0 192.0.2.1");
  pod.lose_servers();
  EXPECT_EQ(pod.ask("example.org"), "0 192.0.2.1");
  EXPECT_EQ(pod.servers().questions.size(), 1U);
}

class PodDnsVariants : public ::testing::TestWithParam<bool> {};

TEST_P(PodDnsVariants, ATableIsReplacedRefusedByItsFieldAndGone) {
  ControlPlane control;
  PodWithDns pod(control, GetParam());
  const xds::Resource good = names_of_shop("[{name: cart, addresses: [10.96.0.1]}]");
  EXPECT_EQ(pod.tell({good}), "");
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.1");

  EXPECT_EQ(pod.tell({names_of_shop("[{name: cart, addresses: [10.96.0.2]}]")}), "");
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.2");

  const std::string refused =
      pod.tell({names_of_shop("[{name: web, addresses: [10.96.0.3]}, {name: cart, addresses: "
                              "[10.96.0.4, 'ten']}]")});
  EXPECT_NE(refused.find("entries[1].addresses[1]: 'ten' is no address of a machine"),
            std::string::npos)
      << refused;
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.2") << "the last good one stays";

  control.go_away();
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.2");
  control.come_back();

  EXPECT_EQ(pod.tell({}), "");
  EXPECT_EQ(pod.ask(kCartName), "0 192.0.2.1") << "no longer ours to answer";
}

INSTANTIATE_TEST_SUITE_P(Xds, PodDnsVariants, ::testing::Values(true, false));

TEST(PodDns, IsAnsweredWhileTheSidecarDrains) {
  Origin origin(Origin::never_answers());
  ControlPlane control;
  PodWithDns pod(control);
  EXPECT_EQ(pod.tell({names_of_shop("[{name: cart, addresses: [10.96.0.1]}]"),
                      dynamic_listener("in", "80"), dynamic_routes("80", "cart"),
                      dynamic_cluster("cart"), dynamic_endpoints("cart", {origin.address()})}),
            "");
  Wire kept = pod.proxy().dial();
  ASSERT_TRUE(kept.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  ASSERT_TRUE(origin.wait_for(1));
  pod.proxy().on_loop([](sidecar::Sidecar& sidecar) { sidecar.begin_drain(); });
  EXPECT_EQ(pod.ask(kCartName), "0 10.96.0.1");
}

}  // namespace
}  // namespace weft::mesh_test
