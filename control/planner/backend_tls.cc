#include "control/planner/backend_tls.h"

namespace weft::control {

namespace {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

// A secret that no sidecar has, so that connections are refused (sidecar/publisher.h).
constexpr const char* kNoRoots = "no-usable-ca";

void set_names(const BackendTlsPolicy& policy, tls_v3::CertificateValidationContext& out) {
  const auto add = [&](bool uri, const std::string& value) {
    auto& name = *out.add_match_typed_subject_alt_names();
    name.set_san_type(uri ? tls_v3::SubjectAltNameMatcher::URI
                          : tls_v3::SubjectAltNameMatcher::DNS);
    name.mutable_matcher()->set_exact(value);
  };
  for (const BackendTlsPolicy::AltName& name : policy.alt_names) add(name.uri, name.value);
  if (policy.alt_names.empty()) add(false, policy.hostname);
}

// What gRPC looks at; it passes over the typed list.
void set_plain_names(const BackendTlsPolicy& policy, tls_v3::CertificateValidationContext& out) {
  for (const BackendTlsPolicy::AltName& name : policy.alt_names) {
    out.add_match_subject_alt_names()->set_exact(name.value);
  }
  if (policy.alt_names.empty()) out.add_match_subject_alt_names()->set_exact(policy.hostname);
}

}  // namespace

void set_backend_tls(const BackendTls& tls, std::string_view alpn, Audience audience,
                     envoy::config::cluster::v3::Cluster& out) {
  const BackendTlsPolicy& policy = *tls.policy;
  tls_v3::UpstreamTlsContext context;
  context.set_sni(policy.hostname);
  auto& common = *context.mutable_common_tls_context();
  if (!alpn.empty()) common.add_alpn_protocols(std::string(alpn));
  if (audience == Audience::kProxyless) {
    auto& validation = *common.mutable_validation_context();
    if (policy.system_ca) {
      validation.mutable_system_root_certs();
    } else {
      validation.mutable_ca_certificate_provider_instance()->set_instance_name("default");
    }
    set_plain_names(policy, validation);
  } else if (policy.system_ca || !tls.roots_pem.empty()) {
    auto& validation = *common.mutable_validation_context();
    if (policy.system_ca) {
      validation.mutable_system_root_certs();
    } else {
      validation.mutable_trusted_ca()->set_inline_string(tls.roots_pem);
    }
    set_names(policy, validation);
  } else {
    common.mutable_validation_context_sds_secret_config()->set_name(kNoRoots);
  }
  out.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  pack(*out.mutable_transport_socket()->mutable_typed_config(), context);
}

}  // namespace weft::control
