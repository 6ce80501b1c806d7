// BackendTLSPolicy put to work: web calls a bank that has no sidecar and speaks TLS with a
// certificate of an authority of its own; who passes, who is refused, and for what cause.

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/mesh_control/whole_mesh.h"
#include "tests/support/tree_file.h"
#include "tls/issue.h"

namespace weft::mesh_test {
namespace {

// A plain authority, as a company has one: nothing of SPIFFE.
struct BankCa {
  BankCa() {
    const WallTime now = read_wall_clock();
    tls::CertificateSpec spec;
    spec.common_name = "bank root";
    spec.basic_constraints = "critical,CA:TRUE";
    spec.key_usage = "critical,keyCertSign,cRLSign";
    spec.not_before = now - std::chrono::hours(1);
    spec.not_after = now + std::chrono::hours(1);
    root = tls::build_certificate(spec, key, std::nullopt).value();
  }
  // For a server of that name.
  [[nodiscard]] TlsMaterial server(const std::string& name) const {
    const WallTime now = read_wall_clock();
    const tls::Key leaf = tls::Key::generate().value();
    tls::CertificateSpec spec;
    spec.dns_names = {name};
    spec.basic_constraints = "critical,CA:FALSE";
    spec.key_usage = "critical,digitalSignature";
    spec.extended_key_usage = "serverAuth";
    spec.not_before = now - std::chrono::hours(1);
    spec.not_after = now + std::chrono::hours(1);
    TlsMaterial out;
    out.version = name;
    out.chain_pem = tls::build_certificate(spec, leaf, tls::Issuer{key, root}).value();
    out.key_pem = leaf.private_pem();
    return out;
  }
  tls::Key key = tls::Key::generate().value();
  std::string root;
};

// The bank: TLS by a Proxy of ours, for those who ask for that name by SNI and nobody else.
config::ListenerConfig bank_door(const TlsMaterial& material, const std::string& name) {
  config::ListenerConfig out = http_listener("in", routes({to("/", "app")}));
  config::FilterChain& chain = out.chains.front();
  chain.match.server_names = {name};
  config::TlsReference tls;
  tls.inline_material = material;
  tls.settings.alpn = {"h2", "http/1.1"};
  tls.settings.verify_peer = false;
  chain.tls = tls;
  return out;
}

class BackendTls : public ::testing::Test {
 protected:
  BackendTls()
      : bank_({bank_door(ca_.server("bank.example"), "bank.example")},
              {cluster("app", {origin_.address()})}) {}
  void SetUp() override {
    mesh_.write("bank.yaml",
                "apiVersion: v1\nkind: Service\nmetadata: {name: bank, namespace: shop}\nspec: "
                "{selector: {app: bank}, ports: [{name: http, port: 443, targetPort: http}]}\n---\n"
                "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: bank-a, "
                "namespace: shop, labels: {app: bank}}\nspec: {address: 127.0.0.1, sidecar: false, "
                "ports: [{name: http, port: " +
                    std::to_string(bank_.port()) + "}]}\n");
    mesh_.start_control();
    ASSERT_TRUE(mesh_.control_is_there());
    web_ = mesh_.start_sidecar("web-a", "web");
    ASSERT_NE(web_, nullptr);
  }
  static std::string config_map(const std::string& pem) {
    std::string out =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: bank-ca, namespace: shop}\n"
        "data:\n  ca.crt: |\n";
    std::istringstream lines(pem);
    for (std::string line; std::getline(lines, line);) out += "    " + line + "\n";
    return out;
  }
  static std::string policy(const std::string& validation) {
    return "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: "
           "bank, namespace: shop}\nspec:\n  targetRefs: [{group: \"\", kind: Service, name: "
           "bank}]\n  validation: {" +
           validation + "}\n";
  }
  void apply(const std::string& text) {
    ASSERT_TRUE(mesh_.edit("policy.yaml", text, 1)) << mesh_.control_page("mesh");
  }
  [[nodiscard]] int ask_bank() {
    Wire wire = mesh_.call_from_web();
    if (!wire.send("GET / HTTP/1.1\r\nhost: bank.shop.svc.cluster.local:443\r\n\r\n")) return 0;
    return wire.read_message(true).status();
  }
  [[nodiscard]] bool failed_for(const std::string& cause) {
    return web_->metric_reaches(1, "weft_requests_total", {"cause=\"" + cause + "\""});
  }

  static constexpr const char* kByMap =
      "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: bank-ca}]";
  BankCa ca_;
  Origin origin_{Origin::replies(200, "balance")};
  Proxy bank_;
  WholeMesh mesh_;
  std::unique_ptr<Proxy> web_;
};

TEST_F(BackendTls, TheRightAuthorityAndNamePass) {
  apply(policy(kByMap) + config_map(ca_.root));
  EXPECT_EQ(ask_bank(), 200) << web_->metrics();
  EXPECT_EQ(origin_.requests(), 1u);
  EXPECT_TRUE(bank_.metric_reaches(1, "weft_handshakes_total", {"side=\"server\"", "\"ok\""}));
  EXPECT_EQ(origin_.last().field("x-weft-peer"), "") << "the bank is told nothing of the mesh";
}

TEST_F(BackendTls, AnotherAuthorityIsRefusedAndNothingIsSent) {
  apply(policy(kByMap) + config_map(BankCa().root));
  EXPECT_EQ(ask_bank(), 503);
  EXPECT_EQ(origin_.requests(), 0u);
  EXPECT_TRUE(failed_for("tls_failure")) << web_->metrics();
}

TEST_F(BackendTls, AnotherNameIsRefusedAndNothingIsSent) {
  apply(policy(std::string(kByMap) +
               ", subjectAltNames: [{type: Hostname, hostname: other.example}]") +
        config_map(ca_.root));
  EXPECT_EQ(ask_bank(), 503);
  EXPECT_EQ(origin_.requests(), 0u);
  EXPECT_TRUE(failed_for("identity_mismatch")) << web_->metrics();
}

TEST_F(BackendTls, TheHostnameIsWhatTheServerIsAskedForBySni) {
  apply(policy("hostname: other.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: "
               "bank-ca}], subjectAltNames: [{type: Hostname, hostname: bank.example}]") +
        config_map(ca_.root));
  EXPECT_EQ(ask_bank(), 503) << "the bank knows no other.example";
  EXPECT_EQ(origin_.requests(), 0u);
}

TEST_F(BackendTls, WithoutItsCertificatesNobodyIsAskedInPlainText) {
  apply(policy(kByMap));
  EXPECT_EQ(ask_bank(), 503);
  EXPECT_EQ(origin_.requests(), 0u);
  EXPECT_TRUE(failed_for("tls_failure"));
  EXPECT_TRUE(mesh_.control_says("mesh", "InvalidCACertificateRef"));
  EXPECT_TRUE(mesh_.control_says("mesh", "NoValidCACertificate"));
  // They come later.
  ASSERT_TRUE(mesh_.edit("map.yaml", config_map(ca_.root), 1));
  EXPECT_EQ(ask_bank(), 200);
}

TEST_F(BackendTls, TheSystemsAuthoritiesAreThoseOfTheSidecarsSystem) {
  control::testing::TemporaryDirectory files;
  files.write("roots.pem", ca_.root);
  ::setenv("SSL_CERT_FILE", (files / "roots.pem").c_str(), 1);
  apply(policy("hostname: bank.example, wellKnownCACertificates: System"));
  EXPECT_EQ(ask_bank(), 200);
  ::unsetenv("SSL_CERT_FILE");
}

TEST_F(BackendTls, TheExampleHoldsWithAnAuthorityOfTheTest) {
  // Its Service and Workload are those of the test, and so is its authority.
  const std::string whole = testing::read_tree_text("k8s/examples/more/backend-tls.yaml");
  const std::size_t begin = whole.find("apiVersion: gateway.networking.k8s.io/v1");
  const std::size_t end = whole.find("---\n", begin);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  apply(whole.substr(begin, end - begin) + config_map(ca_.root));
  EXPECT_EQ(ask_bank(), 200);
}

}  // namespace
}  // namespace weft::mesh_test
