// A sidecar that starts from its pod's environment, and what it can be told wrong.

#include "sidecar/pod_bootstrap.h"

#include <gtest/gtest.h>

#include <map>

#include "sidecar/bootstrap.h"

namespace weft::sidecar {
namespace {

using namespace std::chrono_literals;
using Variables = std::map<std::string, std::string>;

Environment from(const Variables& variables) {
  return [&variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

Variables of_a_pod() {
  return {
      {"WEFT_POD_NAME", "cart-7d9f-x2x"},
      {"WEFT_POD_NAMESPACE", "shop"},
      {"WEFT_POD_IPS", "10.1.2.3,fd00::7"},
      {"WEFT_SERVICE_ACCOUNT", "cart"},
      {"WEFT_CONTROL", "weft-control.weft-system.svc:15012"},
      {"WEFT_TRUST_DOMAIN", "cluster.local"},
      {"WEFT_ROOTS_SHA256", std::string(64, 'a') + "," + std::string(64, 'B')},
      {"WEFT_ZONE", "a"},
      {"WEFT_NODE", "node-1"},
      {"WEFT_CANONICAL_SERVICE", "cart"},
      {"WEFT_PROBES",
       R"({"/app-health/app/livez":{"httpGet":{"path":"/live","port":"http"},"port":8080,"timeoutSeconds":2}})"}};
}

TEST(PodBootstrap, AnswersDnsWhereItIsAskedTo) {
  const Variables variables = of_a_pod();
  const auto addresses = [&](Flags flags) {
    flags.mesh = true;
    flags.environment = from(variables);
    const Result<Start> start = load_start(flags);
    if (!start) return start.error().detail;
    std::string out;
    if (start->dns) {
      for (const SocketAddress& address : start->dns->addresses) out += address.to_string() + " ";
      out += start->dns->upstream.channel.resolv_conf;
    }
    return out;
  };
  EXPECT_EQ(addresses({}), "");
  EXPECT_EQ(addresses({.dns = true}), "127.0.0.1:15053 [::1]:15053 /etc/resolv.conf");
  EXPECT_EQ(addresses({.dns_addresses = {"127.0.0.9:53"}, .resolv_conf = "/x"}), "127.0.0.9:53 /x");
  EXPECT_TRUE(addresses({.dns_addresses = {"here"}}).starts_with("--dns-address: "));
}

TEST(PodBootstrap, BecomesAStartWithTheIdentityTheControlPlaneAndTheProbes) {
  const Variables variables = of_a_pod();
  const Result<Start> start = load_start({.mesh = true, .environment = from(variables)});
  ASSERT_TRUE(start) << start.error().detail;
  EXPECT_EQ(start->node_id, "sidecar~10.1.2.3~cart-7d9f-x2x.shop~shop.svc.cluster.local");
  EXPECT_EQ(start->node_cluster, "cart.shop");
  EXPECT_EQ(start->node_zone, "a");
  const Result<PodBootstrap> pod = read_pod_environment(from(variables));
  ASSERT_TRUE(pod);
  EXPECT_NE(pod->start_file.find("metadata: {weft: {node: \"node-1\"}}"), std::string::npos);
  EXPECT_EQ(start->workload, "cart-7d9f-x2x");
  EXPECT_EQ(start->service_name, "cart");
  EXPECT_EQ(start->admin.to_string(), "127.0.0.1:15000");
  ASSERT_TRUE(start->mesh);
  EXPECT_EQ(start->mesh->id.uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(start->mesh->token_file, "/var/run/secrets/weft.dev/token");
  EXPECT_EQ(start->mesh->trust_root_spki_sha256.size(), 2U);
  ASSERT_EQ(start->clusters.size(), 1U);
  EXPECT_EQ(start->clusters[0].discovery, config::ClusterConfig::Discovery::kStrictDns);
  ASSERT_TRUE(start->ads);
  ASSERT_TRUE(start->status);
  EXPECT_EQ(start->status->app.to_string(), "10.1.2.3");
  ASSERT_EQ(start->status->addresses.size(), 2U);
  EXPECT_EQ(start->status->addresses[1].to_string(), "[fd00::7]:15020");
  ASSERT_EQ(start->status->probes.size(), 1U);
  EXPECT_EQ(start->status->probes[0].port, 8080);
  EXPECT_EQ(start->status->probes[0].target, "/live");
  EXPECT_EQ(start->status->probes[0].timeout, 2s);
}

TEST(PodBootstrap, IsEnoughWithWhatEveryPodHas) {
  Variables variables = of_a_pod();
  for (const char* name :
       {"WEFT_ROOTS_SHA256", "WEFT_ZONE", "WEFT_NODE", "WEFT_CANONICAL_SERVICE", "WEFT_PROBES"})
    variables.erase(name);
  variables["WEFT_CONTROL"] = "[fd00::1]:15012";
  const Result<Start> start = load_start({.environment = from(variables)});
  ASSERT_TRUE(start) << start.error().detail;
  EXPECT_EQ(start->service_name, "cart-7d9f-x2x");
  EXPECT_EQ(start->clusters[0].discovery, config::ClusterConfig::Discovery::kStatic);
}

TEST(PodBootstrap, TellsEveryMistakeAtOnce) {
  const Variables variables = {{"WEFT_POD_NAME", "a b"},
                               {"WEFT_POD_IPS", "10.1.2.3,x"},
                               {"WEFT_SERVICE_ACCOUNT", "cart"},
                               {"WEFT_CONTROL", "weft-control"},
                               {"WEFT_TRUST_DOMAIN", ""},
                               {"WEFT_ROOTS_SHA256", "5f"},
                               {"WEFT_PROBES", "[]"}};
  const Result<PodBootstrap> pod = read_pod_environment(from(variables));
  ASSERT_FALSE(pod);
  EXPECT_EQ(pod.error().detail,
            "WEFT_POD_NAME: 'a b' is no name\n"
            "WEFT_POD_NAMESPACE: is not set\n"
            "WEFT_TRUST_DOMAIN: is not set\n"
            "WEFT_POD_IPS: 'x' is no address\n"
            "WEFT_CONTROL: want host:port, found 'weft-control'\n"
            "WEFT_ROOTS_SHA256: '5f' is no SHA-256 in hex\n"
            "WEFT_PROBES: want a map of paths to probes");
}

TEST(PodBootstrap, WithoutAFileAndWithoutAMeshIsAMistake) {
  const Variables variables;
  const Flags flags{.environment = from(variables)};
  EXPECT_FALSE(starts_from_environment(flags));
  EXPECT_FALSE(load_start(flags));
}

TEST(AppProbes, AreReadAsTheInjectorWritesThem) {
  const auto probes = read_app_probes(
      R"({"/app-health/a/readyz":{"httpGet":{"port":8443,"scheme":"HTTPS","httpHeaders":[)"
      R"({"name":"Host","value":"cart.example"},{"name":"X-Probe","value":"1"}]},"port":8443},)"
      R"("/app-health/a/livez":{"grpc":{"port":9000,"service":"cart.v1"},"port":9000},)"
      R"("/app-health/b/livez":{"tcpSocket":{"port":6379},"port":6379,"timeoutSeconds":5}})");
  ASSERT_TRUE(probes) << probes.error().detail;
  ASSERT_EQ(probes->size(), 3U);
  EXPECT_EQ((*probes)[0].kind, AppProbe::Kind::kGrpc);
  EXPECT_EQ((*probes)[0].service, "cart.v1");
  EXPECT_TRUE((*probes)[1].tls);
  EXPECT_EQ((*probes)[1].host, "cart.example");
  EXPECT_EQ((*probes)[1].fields.size(), 1U);
  EXPECT_EQ((*probes)[2].kind, AppProbe::Kind::kTcp);
  EXPECT_EQ((*probes)[2].timeout, 5s);
}

TEST(AppProbes, ThatCouldSmuggleSomethingAreRefused) {
  const auto probes =
      read_app_probes(R"({"/a":{"httpGet":{"path":"/x HTTP/1.1\r\nHost: y"},"port":80},)"
                      R"("/b":{"httpGet":{"httpHeaders":[{"name":"a b","value":"1"}]},"port":80},)"
                      R"("/c":{"tcpSocket":{},"port":0},"/d":{"exec":{},"port":1},)"
                      R"("/e":{"tcpSocket":{},"port":1,"timeoutSeconds":0}})");
  ASSERT_FALSE(probes);
  EXPECT_EQ(probes.error().detail,
            "/a: path cannot be asked for\n"
            "/b: httpHeaders has one that cannot be sent\n"
            "/c: port: want a number from 1 to 65535\n"
            "/d: want one of httpGet, tcpSocket, grpc\n"
            "/e: timeoutSeconds: want a number from 1 to 3600");
}

}  // namespace
}  // namespace weft::sidecar
