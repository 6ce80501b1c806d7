#include "control/kubernetes/kube_config.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/control/temporary_directory.h"

namespace weft::control::kube {
namespace {

std::function<std::optional<std::string>(const char*)> environment(
    std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(KubeConfig, IsWhatAPodIsGiven) {
  const auto config = in_cluster_config(
      environment({{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}}),
      "/account");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->authority(), "10.96.0.1:443");
  EXPECT_EQ(config->token_file, "/account/token");
  EXPECT_EQ(config->roots_file, "/account/ca.crt");
  EXPECT_EQ(in_cluster_config(environment({{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                           {"KUBERNETES_SERVICE_PORT", "6443"}}))
                ->authority(),
            "[fd00::1]:6443");
  EXPECT_FALSE(in_cluster_config(environment({})));
  EXPECT_FALSE(in_cluster_config(environment(
      {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "tcp://x"}})));
}

class Kubeconfig : public ::testing::Test {
 protected:
  Result<KubeConfig> read(const std::string& server, const std::string& user = "{token: t}",
                          const std::string& ca = "certificate-authority: ca.crt") {
    directory.write("config",
                    "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
                    "contexts: [{name: other, context: {}},"
                    " {name: here, context: {cluster: c, user: u}}]\n"
                    "clusters: [{name: c, cluster: {server: \"" +
                        server + "\", " + ca + "}}]\nusers: [{name: u, user: " + user + "}]\n");
    return read_kubeconfig(directory / "config");
  }
  std::string error(const std::string& server, const std::string& user = "{token: t}",
                    const std::string& ca = "certificate-authority: ca.crt") {
    const auto config = read(server, user, ca);
    if (config) return "";
    return config.error().detail.substr((directory / "config").size());
  }
  testing::TemporaryDirectory directory;
};

TEST_F(Kubeconfig, IsReadAsKubectlDoes) {
  const auto config = read("https://[::1]:6443/k8s/",
                           "{token: secret, client-certificate: c.crt, client-key-data: a2V5}");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->authority(), "[::1]:6443");
  EXPECT_EQ(config->base_path, "/k8s");
  EXPECT_EQ(config->token, "secret");
  EXPECT_EQ(config->roots_file, directory / "ca.crt");
  EXPECT_EQ(config->chain_file, directory / "c.crt");
  EXPECT_EQ(config->key_pem, "key");
  EXPECT_TRUE(read("http://127.0.0.1:8001", "{}", "tls-server-name: x")) << "kubectl proxy";
}

TEST_F(Kubeconfig, SaysWhatItCannotUse) {
  EXPECT_EQ(error("http://10.0.0.1"), ": server 'http://10.0.0.1': http is for this machine alone");
  EXPECT_EQ(error("10.0.0.1:6443"), ": server '10.0.0.1:6443': want https://HOST:PORT");
  EXPECT_EQ(error("https://a:0"), ": server 'https://a:0': '0' is no port");
  EXPECT_EQ(error("https://a", "{exec: {command: aws}}"), ": user: exec is not supported");
  EXPECT_EQ(error("https://a", "{token: t}", "insecure-skip-tls-verify: true"),
            ": insecure-skip-tls-verify is not supported");
  EXPECT_EQ(error("https://a", "{token: t}", "tls-server-name: b"),
            ": certificate-authority is required");
  EXPECT_EQ(error("https://a", "{client-key-data: '%'}"), ": client-key-data: not base64");
  directory.write("config", "current-context: none");
  EXPECT_FALSE(read_kubeconfig(directory / "config"));
  EXPECT_FALSE(read_kubeconfig(directory / "absent"));
}

}  // namespace
}  // namespace weft::control::kube
