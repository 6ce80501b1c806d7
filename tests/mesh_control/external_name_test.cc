// An ExternalName put to work: a sidecar that finds it by its own DNS, and what arrives there.

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/mesh_control/whole_mesh.h"
#include "tests/sidecar/net/fake_dns.h"

namespace weft::mesh_test {
namespace {

// The cluster's DNS, which knows rates.example only, on a thread of its own.
class RatesDns final {
 public:
  RatesDns() {
    dns_.answer = [](std::string_view query) {
      net::DnsMessage out = net::DnsMessage::to(query);
      const bool known = net::dns_text(query) == "rates.example";
      if (known && net::dns_type(query) == 1) return out.a("127.0.0.1").wire();
      if (!known) out.flags |= 3U;  // no such name
      return out.wire();
    };
    thread_ = std::thread([this] {
      while (!over_) {
        dns_.serve();
        ::poll(nullptr, 0, 1);
      }
    });
  }
  ~RatesDns() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const SocketAddress& address() const { return dns_.address; }
  // After stop().
  [[nodiscard]] const std::vector<std::string>& questions() const { return dns_.questions; }

 private:
  net::FakeDns dns_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

std::string external_example(std::uint16_t port) {
  std::ifstream file(WEFT_SOURCE_DIR "/k8s/examples/more/external-name.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  std::string out = text.str();
  const std::string old = "port: 80}";
  const std::string now = "port: " + std::to_string(port) + "}";
  for (std::size_t at = 0; (at = out.find(old, at)) != std::string::npos; at += now.size())
    out.replace(at, old.size(), now);
  return out;
}

TEST(ExternalNameInTheMesh, IsFoundByDnsAndHearsTheHostThatTheCallerWrote) {
  RatesDns dns;
  Origin rates(Origin::replies(200, "rates"));
  WholeMesh mesh;
  mesh.resolver.servers = {dns.address()};
  mesh.write("example.yaml", external_example(rates.port()));
  mesh.start_control();
  ASSERT_TRUE(mesh.control_is_there());
  const auto v1 = mesh.start_sidecar("cart-v1-a", "cart");
  const auto web = mesh.start_sidecar("web-a", "web");
  ASSERT_TRUE(v1 != nullptr && web != nullptr);
  Wire wire = mesh.call_from_web();

  const std::string host = "rates.shop:" + std::to_string(rates.port());
  ASSERT_TRUE(wire.send("GET /today HTTP/1.1\r\nhost: " + host + "\r\n\r\n"));
  EXPECT_EQ(wire.read_message(true).body, "rates");
  EXPECT_EQ(rates.last().field("host"), host) << "as with the CNAME that Kubernetes makes of it";
  EXPECT_EQ(rates.last().field("x-weft-peer"), "") << "a stranger hears nothing of the mesh";

  // A route of its namespace leads there too, under the name that is expected there.
  ASSERT_TRUE(wire.send("GET /rates/today HTTP/1.1\r\nhost: cart.shop\r\n\r\n"));
  EXPECT_EQ(wire.read_message(true).body, "rates");
  EXPECT_EQ(rates.last().field("host"), "rates.example");
  EXPECT_EQ(rates.requests(), 2u);
  EXPECT_EQ(web->metric("weft_requests_total", {"destination_service=\"rates.shop"}), 2);

  dns.stop();
  for (const std::string& question : dns.questions())
    EXPECT_EQ(question, "rates.example") << "no search domain is put behind it";
}

TEST(ExternalNameInTheMesh, WhoseNameIsUnknownAnswers503) {
  RatesDns dns;
  WholeMesh mesh;
  mesh.resolver.servers = {dns.address()};
  std::string text = external_example(80);
  text.replace(text.find("externalName: rates."), 20, "externalName: other.");
  mesh.write("example.yaml", text);
  mesh.start_control();
  ASSERT_TRUE(mesh.control_is_there());
  const auto web = mesh.start_sidecar("web-a", "web");
  ASSERT_TRUE(web != nullptr);
  Wire wire = mesh.call_from_web();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: rates.shop\r\n\r\n"));
  EXPECT_EQ(wire.read_message(true).status(), 503);
  EXPECT_EQ(web->metric("weft_requests_total", {"response_flags=\"DF\""}), 1);
}

}  // namespace
}  // namespace weft::mesh_test
