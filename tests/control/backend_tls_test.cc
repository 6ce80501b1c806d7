// BackendTLSPolicy and the ConfigMaps it refers to: what is refused, what is said of what leads
// nowhere, and what sidecars and gRPC clients are told.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/tls.pb.h"

namespace weft::control {
namespace {

using testing::describe_conditions;
using testing::judge;
using testing::mesh_of;
using testing::mistakes_in;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

const std::string kBankCa =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bank-ca, namespace: shop}\ndata:\n"
    "  ca.crt: |\n"
    "    -----BEGIN CERTIFICATE-----\n"
    "    MIIBvjCCAWWgAwIBAgIUeGX6kpTl+UI3Cvg9g/oOl0A+Pp4wCgYIKoZIzj0EAwIw\n"
    "    LTENMAsGA1UECgwEU2hvcDEcMBoGA1UEAwwTbGVkZ2VyIGV4YW1wbGUgcm9vdDAe\n"
    "    Fw0yNjExMjExMDI5MjFaFw00NjExMTYxMDI5MjFaMC0xDTALBgNVBAoMBFNob3Ax\n"
    "    HDAaBgNVBAMME2xlZGdlciBleGFtcGxlIHJvb3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "    PQMBBwNCAAQGAj8Yp89TBMnQalwQlGwOD8pkUu1Efw9Bju0qnIEsvzmWtm/0qhPh\n"
    "    ccEVMNKD9q2TNM4ZykdY/Swtw0sJFB6eo2MwYTAdBgNVHQ4EFgQU00MmsQ72jcWm\n"
    "    mvt3an0VwdheGXEwHwYDVR0jBBgwFoAU00MmsQ72jcWmmvt3an0VwdheGXEwDwYD\n"
    "    VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDRwAwRAIg\n"
    "    GxBuFYbMf7tlU1Jc4pQAL2P64YkXYugtBSpNlXc023QCICX8gpwl/SfqhVo1FD+W\n"
    "    EThk/iaBnKJSCCo3H1JGRB06\n"
    "    -----END CERTIFICATE-----\n";

const std::string kBank =
    "apiVersion: v1\nkind: Service\nmetadata: {name: bank, namespace: shop}\nspec: {selector: "
    "{app: bank}, ports: [{name: http, port: 443}, {name: plain, port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: "
    "{app: web}, ports: [{name: http, port: 80}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: bank-a, namespace: shop, "
    "labels: {app: bank}}\nspec: {address: 127.5.1.1, sidecar: false, ports: [{name: http, port: "
    "443}, {name: plain, port: 80}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-a, namespace: shop, "
    "labels: {app: web}}\nspec: {address: 127.5.1.2, ports: [{name: http, port: 80, appPort: "
    "9001}]}\n---\n";

std::string tls_policy(const std::string& name, const std::string& target,
                       const std::string& validation, const std::string& created = "") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: " +
         name + ", namespace: shop" +
         (created.empty() ? "" : ", creationTimestamp: \"" + created + "\"") +
         "}\nspec:\n  targetRefs: [" + target + "]\n  validation: {" + validation + "}\n---\n";
}

const std::string kToBank = "{group: \"\", kind: Service, name: bank}";
const std::string kByCa =
    "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: bank-ca}]";

// ---- reading ----

TEST(BackendTlsPolicies, AreTakenInBothVersions) {
  EXPECT_EQ(mistakes_in(tls_policy("a", kToBank, kByCa)), "");
  std::string older =
      tls_policy("a", kToBank, "hostname: b.example, wellKnownCACertificates: System");
  older.replace(older.find("/v1\n"), 4, "/v1alpha3\n");
  EXPECT_EQ(mistakes_in(older), "");
  EXPECT_EQ(mistakes_in(tls_policy("a", kToBank,
                                   kByCa + ", subjectAltNames: [{type: Hostname, hostname: "
                                           "\"*.bank.example\"}, {type: URI, uri: "
                                           "\"spiffe://bank/ns/a/sa/b\"}]")),
            "");
  EXPECT_EQ(mistakes_in(kBankCa), "");
}

struct BadPolicy {
  std::string target;
  std::string validation;
  std::string mistakes;
};

TEST(BackendTlsPolicies, AreRefusedWithThePlaceOfTheMistake) {
  const std::vector<BadPolicy> cases = {
      {"{group: apps, kind: Deployment, name: bank}", kByCa,
       "5:24: spec.targetRefs[0].group: want \"\" for kind Service\n5:36: spec.targetRefs[0].kind: "
       "want Service, found 'Deployment'\n"},
      {kToBank, "wellKnownCACertificates: System", "6:15: spec.validation.hostname: is required\n"},
      {kToBank, "hostname: \"*.bank.example\", wellKnownCACertificates: System",
       "6:26: spec.validation.hostname: '*.bank.example' must be a host name in lower case\n"},
      {kToBank, "hostname: 10.0.0.1, wellKnownCACertificates: System",
       "6:26: spec.validation.hostname: '10.0.0.1' must be a host name, not an address\n"},
      {kToBank, "hostname: bank.example",
       "6:15: spec.validation: want one of caCertificateRefs and wellKnownCACertificates\n"},
      {kToBank,
       "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: "
       "bank-ca}], wellKnownCACertificates: System",
       "6:131: spec.validation.wellKnownCACertificates: must not be there: caCertificateRefs "
       "are\n"},
      {kToBank, "hostname: bank.example, wellKnownCACertificates: All",
       "6:65: spec.validation.wellKnownCACertificates: want System, found 'All'\n"},
      {kToBank,
       "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: Secret, name: bank-ca}]",
       "6:78: spec.validation.caCertificateRefs[0].kind: want ConfigMap, found 'Secret'\n"},
      {kToBank,
       "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: "
       "bank-ca}], subjectAltNames: [{type: URI, uri: bank}]",
       "6:141: spec.validation.subjectAltNames[0].uri: 'bank' must be an absolute URI, as "
       "spiffe://example.org/ns/shop/sa/ledger\n"},
      {kToBank,
       "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: "
       "bank-ca}], subjectAltNames: [{type: Hostname, uri: \"spiffe://a/b\"}]",
       "6:124: spec.validation.subjectAltNames[0].hostname: is required\n6:146: "
       "spec.validation.subjectAltNames[0].uri: is not for this type, hostname is\n"},
      {kToBank,
       "hostname: bank.example, caCertificateRefs: [{group: \"\", kind: ConfigMap, name: "
       "bank-ca}], subjectAltName: []",
       "6:106: spec.validation.subjectAltName: unknown field\n"},
  };
  for (const BadPolicy& one : cases) {
    EXPECT_EQ(mistakes_in(tls_policy("a", one.target, one.validation)), one.mistakes)
        << one.validation;
  }
  EXPECT_EQ(mistakes_in(tls_policy("a", "", kByCa)),
            "5:15: spec.targetRefs: want 1 to 16 targets\n");
}

TEST(ConfigMaps, NeedCertificatesWhereTheySayThereAreSome) {
  const std::string head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
  EXPECT_EQ(mistakes_in(head), "");
  EXPECT_EQ(mistakes_in(head + "immutable: true\nbinaryData: {a: AAAA}\ndata: {other: x}\n"), "");
  EXPECT_EQ(mistakes_in(head + "data: {ca.crt: nonsense, other: x}\n"),
            "4:16: data.ca.crt: want certificates in PEM: no certificate in it\n");
  std::string broken = kBankCa;
  broken.replace(broken.find("MIIB"), 4, "MIIC");
  EXPECT_NE(mistakes_in(broken).find("data.ca.crt: want certificates in PEM: "), std::string::npos)
      << mistakes_in(broken);
}

// ---- joining ----

TEST(BackendTlsPolicies, SayWhatLeadsNowhere) {
  EXPECT_EQ(describe_conditions(*mesh_of(kBank + kBankCa + "---\n" +
                                         tls_policy("a", "{kind: Service, name: nobody}", kByCa))),
            "BackendTLSPolicy shop/a Accepted TargetNotFound: there is no Service shop/nobody\n");
  EXPECT_EQ(
      describe_conditions(
          *mesh_of(kBank + kBankCa + "---\n" +
                   tls_policy("a", "{kind: Service, name: bank, sectionName: other}", kByCa))),
      "BackendTLSPolicy shop/a Accepted TargetNotFound: Service shop/bank has no port other\n");
  EXPECT_EQ(describe_conditions(*mesh_of(kBank + tls_policy("a", kToBank, kByCa))),
            "BackendTLSPolicy shop/a ResolvedRefs InvalidCACertificateRef: "
            "validation.caCertificateRefs[0]: there is no ConfigMap shop/bank-ca\n"
            "BackendTLSPolicy shop/a Accepted NoValidCACertificate: no certificate to judge by is "
            "there, so that nobody is let through\n");
  EXPECT_EQ(
      describe_conditions(*mesh_of(
          kBank +
          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bank-ca, namespace: shop}\ndata: "
          "{tls.crt: x}\n---\n" +
          tls_policy("a", kToBank, kByCa))),
      "BackendTLSPolicy shop/a ResolvedRefs InvalidCACertificateRef: "
      "validation.caCertificateRefs[0]: in ConfigMap shop/bank-ca there is no key ca.crt\n"
      "BackendTLSPolicy shop/a Accepted NoValidCACertificate: no certificate to judge by is "
      "there, so that nobody is let through\n");
}

TEST(BackendTlsPolicies, HaveNoEffectBetweenSidecarsAndSaySo) {
  const auto mesh =
      mesh_of(kBank + kBankCa + "---\n" + tls_policy("a", "{kind: Service, name: web}", kByCa));
  EXPECT_EQ(describe_conditions(*mesh),
            "BackendTLSPolicy shop/a Accepted TargetMeshed: has no effect at port 80 of Service "
            "shop/web: its instances have sidecars, which are spoken to by mTLS\n");
}

TEST(BackendTlsPolicies, OfTwoTheOlderHoldsAndOneForAPortBeforeOneForAll) {
  const auto mesh =
      mesh_of(kBank + kBankCa + "---\n" +
              tls_policy("a", kToBank, "hostname: young.example, wellKnownCACertificates: System",
                         "2026-02-01T00:00:00Z") +
              tls_policy("b", kToBank, "hostname: old.example, wellKnownCACertificates: System",
                         "2026-01-01T00:00:00Z") +
              tls_policy("c", "{kind: Service, name: bank, sectionName: plain}",
                         "hostname: port.example, wellKnownCACertificates: System",
                         "2026-03-01T00:00:00Z"));
  EXPECT_EQ(describe_conditions(*mesh).substr(0, 66),
            "BackendTLSPolicy shop/a Accepted Conflicted: Service shop/bank: t.");
  EXPECT_EQ(mesh->backend_tls.find({"shop", "bank"}, 443)->policy->hostname, "old.example");
  EXPECT_EQ(mesh->backend_tls.find({"shop", "bank"}, 80)->policy->hostname, "port.example");
  EXPECT_EQ(mesh->backend_tls.find({"shop", "web"}, 80), nullptr);
}

// ---- telling ----

const Node kWebSidecar = Node::parse("sidecar~127.5.1.2~web-a.shop~shop.svc.cluster.local");

std::optional<tls_v3::UpstreamTlsContext> told_tls(const std::string& documents, const Node& node,
                                                   const std::string& port = "443") {
  const auto set = plan(mesh_of(kBank + documents), node);
  EXPECT_EQ(node.kind == Node::Kind::kSidecar ? judge(*set) : "", "");
  envoy::config::cluster::v3::Cluster cluster;
  cluster.ParseFromString(set->types.at("envoy.config.cluster.v3.Cluster")
                              ->resources.at("outbound|" + port + "||bank.shop.svc.cluster.local")
                              ->body.value());
  if (!cluster.has_transport_socket()) return std::nullopt;
  tls_v3::UpstreamTlsContext context;
  cluster.transport_socket().typed_config().UnpackTo(&context);
  return context;
}

TEST(BackendTlsPolicies, TellSidecarsNameAuthoritiesAndProtocol) {
  EXPECT_FALSE(told_tls("", kWebSidecar));
  const auto told = told_tls(kBankCa + "---\n" + tls_policy("a", kToBank, kByCa), kWebSidecar);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->sni(), "bank.example");
  const auto& common = told->common_tls_context();
  EXPECT_EQ(common.alpn_protocols(0), "http/1.1");
  const auto& validation = common.validation_context();
  EXPECT_NE(validation.trusted_ca().inline_string().find("BEGIN CERTIFICATE"), std::string::npos);
  ASSERT_EQ(validation.match_typed_subject_alt_names_size(), 1);
  EXPECT_EQ(validation.match_typed_subject_alt_names(0).san_type(),
            tls_v3::SubjectAltNameMatcher::DNS);
  EXPECT_EQ(validation.match_typed_subject_alt_names(0).matcher().exact(), "bank.example");
  EXPECT_EQ(common.tls_certificate_sds_secret_configs_size(), 0) << "the mesh's own identity";
}

TEST(BackendTlsPolicies, NamesReplaceTheHostsInTheCheckAndNotInTheSni) {
  const auto told = told_tls(
      tls_policy(
          "a", kToBank,
          "hostname: bank.example, wellKnownCACertificates: System, subjectAltNames: [{type: "
          "URI, uri: \"https://bank.example/a\"}, {type: Hostname, hostname: b.example}]"),
      kWebSidecar);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->sni(), "bank.example");
  const auto& validation = told->common_tls_context().validation_context();
  EXPECT_TRUE(validation.has_system_root_certs());
  ASSERT_EQ(validation.match_typed_subject_alt_names_size(), 2);
  EXPECT_EQ(validation.match_typed_subject_alt_names(0).san_type(),
            tls_v3::SubjectAltNameMatcher::URI);
  EXPECT_EQ(validation.match_typed_subject_alt_names(1).matcher().exact(), "b.example");
}

TEST(BackendTlsPolicies, WithoutCertificatesLetNobodyThrough) {
  const auto told = told_tls(tls_policy("a", kToBank, kByCa), kWebSidecar);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->common_tls_context().validation_context_sds_secret_config().name(),
            "no-usable-ca");
}

TEST(BackendTlsPolicies, TellGrpcClientsWhatTheyKnow) {
  const auto told =
      told_tls(kBankCa + "---\n" + tls_policy("a", kToBank, kByCa), Node::parse("grpc-client"));
  ASSERT_TRUE(told);
  const auto& validation = told->common_tls_context().validation_context();
  EXPECT_EQ(validation.ca_certificate_provider_instance().instance_name(), "default");
  EXPECT_EQ(validation.match_subject_alt_names(0).exact(), "bank.example");
  EXPECT_FALSE(validation.has_trusted_ca());
}

}  // namespace
}  // namespace weft::control
