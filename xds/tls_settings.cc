#include "xds/tls_settings.h"

#include <fmt/format.h>

#include "sidecar/config/system_roots.h"
#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/raw_buffer.pb.h"
#include "xds/resource.h"

namespace weft::xds {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
namespace core = envoy::config::core::v3;

namespace {

constexpr std::string_view kUpstream =
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
constexpr std::string_view kDownstream =
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
constexpr std::string_view kRawBuffer =
    "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";

bool looks_like_pem(std::string_view text) {
  return text.find("-----BEGIN ") != std::string_view::npos;
}

void must_be_pem(std::string_view text, const FieldPath& path, Reading& in) {
  if (!text.empty() && !looks_like_pem(text)) in.refuse(path, "is not PEM");
}

// Older protocols are not spoken; as a lower bound they only mean that the author accepts more than
// we do.
TlsSettings::Version lowest(int protocol) {
  return protocol == tls_v3::TlsParameters::TLSv1_3    ? TlsSettings::Version::kTls13
         : protocol == tls_v3::TlsParameters::TLS_AUTO ? TlsSettings::Version::kAuto
                                                       : TlsSettings::Version::kTls12;
}

TlsSettings::Version highest(int protocol, const FieldPath& path, Reading& in) {
  switch (protocol) {
    case tls_v3::TlsParameters::TLSv1_0:
    case tls_v3::TlsParameters::TLSv1_1:
      in.refuse(path, "TLS before 1.2 is not supported");
      return TlsSettings::Version::kTls12;
    case tls_v3::TlsParameters::TLSv1_2:
      return TlsSettings::Version::kTls12;
    case tls_v3::TlsParameters::TLSv1_3:
      return TlsSettings::Version::kTls13;
    default:
      return TlsSettings::Version::kAuto;
  }
}

// "[A|B]" is a group of equal preference; one order inside it is as good as another.
void add_ciphers(std::string_view text, std::vector<std::string>& out) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  for (const auto name : split(text, '|')) out.emplace_back(name);
}

void read_parameters(const tls_v3::TlsParameters& parameters, const FieldPath& path, Reading& in,
                     TlsSettings& out) {
  out.version_min = lowest(parameters.tls_minimum_protocol_version());
  out.version_max =
      highest(parameters.tls_maximum_protocol_version(), path / "tls_maximum_protocol_version", in);
  if (out.version_min == TlsSettings::Version::kTls13 &&
      out.version_max == TlsSettings::Version::kTls12) {
    in.refuse(path / "tls_maximum_protocol_version", "is lower than tls_minimum_protocol_version");
  }
  for (const auto& suite : parameters.cipher_suites()) add_ciphers(suite, out.cipher_suites);
  out.curves.assign(parameters.ecdh_curves().begin(), parameters.ecdh_curves().end());
}

SanMatcher::How how_of(config::TextMatch::How how) {
  switch (how) {
    case config::TextMatch::How::kExact:
      return SanMatcher::How::kExact;
    case config::TextMatch::How::kPrefix:
      return SanMatcher::How::kPrefix;
    case config::TextMatch::How::kSuffix:
      return SanMatcher::How::kSuffix;
    case config::TextMatch::How::kContains:
      return SanMatcher::How::kContains;
    case config::TextMatch::How::kRegex:
      return SanMatcher::How::kRegex;
  }
  return SanMatcher::How::kExact;
}

SanMatcher san_matcher(SanMatcher::Type type, const config::TextMatch& text) {
  return {
      .type = type, .how = how_of(text.how), .value = text.value, .ignore_case = text.ignore_case};
}

void read_san(const tls_v3::SubjectAltNameMatcher& matcher, const FieldPath& path, Reading& in,
              std::vector<SanMatcher>& out) {
  const auto text = in.text(matcher.matcher(), path / "matcher");
  switch (matcher.san_type()) {
    case tls_v3::SubjectAltNameMatcher::URI:
      out.push_back(san_matcher(SanMatcher::Type::kUri, text));
      return;
    case tls_v3::SubjectAltNameMatcher::DNS:
      out.push_back(san_matcher(SanMatcher::Type::kDns, text));
      return;
    case tls_v3::SubjectAltNameMatcher::IP_ADDRESS:
      out.push_back(san_matcher(SanMatcher::Type::kIp, text));
      return;
    case tls_v3::SubjectAltNameMatcher::EMAIL:
      out.push_back(san_matcher(SanMatcher::Type::kEmail, text));
      return;
    case tls_v3::SubjectAltNameMatcher::OTHER_NAME:
      in.refuse(path / "san_type", "OTHER_NAME is not supported");
      return;
    default:
      return;  // refused by the walk
  }
}

void read_sds(const tls_v3::SdsSecretConfig& config, const FieldPath& path, Reading& in,
              std::string& name, bool& from_sds) {
  name = config.name();
  from_sds = config.has_sds_config();
  if (from_sds) in.must_be_ads(config.sds_config(), path / "sds_config");
}

void read_own_certificate(const tls_v3::CommonTlsContext& context, const FieldPath& path,
                          Reading& in, config::TlsReference& out) {
  const int sources =
      context.tls_certificates_size() + context.tls_certificate_sds_secret_configs_size();
  if (sources > 1) {
    in.refuse(path, fmt::format("has {} certificates, one is supported", sources));
  }
  if (context.tls_certificates_size() > 0) {
    read_certificate(context.tls_certificates(0), path.at("tls_certificates", 0), in,
                     out.inline_material);
  } else if (context.tls_certificate_sds_secret_configs_size() > 0) {
    read_sds(context.tls_certificate_sds_secret_configs(0),
             path.at("tls_certificate_sds_secret_configs", 0), in, out.certificate_secret,
             out.certificate_from_sds);
  }
}

void read_trust(const tls_v3::CertificateValidationContext& context, const FieldPath& path,
                Reading& in, TlsMaterial& out, std::vector<SanMatcher>& peer_names) {
  if (context.has_trusted_ca()) {
    const auto at = path / "trusted_ca";
    out.roots_pem = in.data(context.trusted_ca(), at);
    must_be_pem(out.roots_pem, at, in);
  }
  if (context.trust_chain_verification() ==
      tls_v3::CertificateValidationContext::ACCEPT_UNTRUSTED) {
    in.refuse(path / "trust_chain_verification", "ACCEPT_UNTRUSTED is not supported");
  }
  for (int at = 0; at < context.match_typed_subject_alt_names_size(); ++at) {
    read_san(context.match_typed_subject_alt_names(at),
             path.at("match_typed_subject_alt_names", at), in, peer_names);
  }
  // The older list speaks of names of any type.
  for (int at = 0; at < context.match_subject_alt_names_size(); ++at) {
    const auto text =
        in.text(context.match_subject_alt_names(at), path.at("match_subject_alt_names", at));
    using enum SanMatcher::Type;
    for (const auto type : {kUri, kDns, kIp, kEmail}) peer_names.push_back(san_matcher(type, text));
  }
}

void read_judgement(const tls_v3::CommonTlsContext& context, const FieldPath& path, Reading& in,
                    config::TlsReference& out) {
  switch (context.validation_context_type_case()) {
    case tls_v3::CommonTlsContext::kValidationContext: {
      const auto at = path / "validation_context";
      const auto& validation = context.validation_context();
      read_trust(validation, at, in, out.inline_material, out.settings.peer_names);
      if (!validation.has_system_root_certs()) break;
      if (validation.has_trusted_ca()) in.refuse(at / "system_root_certs", "trusted_ca is there");
      out.validation_secret = config::kSystemRoots;
      break;
    }
    case tls_v3::CommonTlsContext::kValidationContextSdsSecretConfig:
      read_sds(context.validation_context_sds_secret_config(),
               path / "validation_context_sds_secret_config", in, out.validation_secret,
               out.validation_from_sds);
      break;
    case tls_v3::CommonTlsContext::kCombinedValidationContext: {
      const auto at = path / "combined_validation_context";
      const auto& combined = context.combined_validation_context();
      read_validation(combined.default_validation_context(), at / "default_validation_context", in,
                      out.inline_material, out.settings.peer_names);
      read_sds(combined.validation_context_sds_secret_config(),
               at / "validation_context_sds_secret_config", in, out.validation_secret,
               out.validation_from_sds);
      break;
    }
    case tls_v3::CommonTlsContext::kValidationContextCertificateProvider:
    case tls_v3::CommonTlsContext::kValidationContextCertificateProviderInstance:
    case tls_v3::CommonTlsContext::VALIDATION_CONTEXT_TYPE_NOT_SET:
      break;
  }
  out.settings.verify_peer =
      !out.inline_material.roots_pem.empty() || !out.validation_secret.empty();
  if (!out.settings.verify_peer && !out.settings.peer_names.empty()) {
    in.refuse(path, "names of the peer are matched, but trusted_ca is missing");
  }
}

config::TlsReference read_common(const tls_v3::CommonTlsContext& context, const FieldPath& path,
                                 Reading& in) {
  config::TlsReference out;
  read_parameters(context.tls_params(), path / "tls_params", in, out.settings);
  read_own_certificate(context, path, in, out);
  read_judgement(context, path, in, out);
  out.settings.alpn.assign(context.alpn_protocols().begin(), context.alpn_protocols().end());
  for (int at = 0; at < context.alpn_protocols_size(); ++at) {
    const auto bytes = context.alpn_protocols(at).size();
    // RFC 7301 3.1: a length byte, and no empty names.
    if (bytes == 0 || bytes > 255) {
      in.refuse(path.at("alpn_protocols", at), "must have 1 to 255 bytes");
    }
  }
  auto& material = out.inline_material;
  material.version = version_of(material.chain_pem + material.key_pem + material.roots_pem);
  return out;
}

bool is_plain(const core::TransportSocket& socket, std::string_view type, const FieldPath& path,
              Reading& in) {
  // A transport socket without a configuration goes by its name.
  if (type.empty() && socket.name() == "envoy.transport_sockets.raw_buffer") return true;
  if (type != kRawBuffer) return false;
  envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer raw;
  in.unpack(socket.typed_config(), path / "typed_config", raw);
  return true;
}

void refuse_type(std::string_view type, const FieldPath& path, Reading& in) {
  if (type.empty()) {
    in.refuse(path / "typed_config", "is required");
  } else {
    in.refuse(path / "typed_config", fmt::format("unknown transport socket {}", escape(type)));
  }
}

}  // namespace

void read_certificate(const tls_v3::TlsCertificate& certificate, const FieldPath& path, Reading& in,
                      TlsMaterial& out) {
  const auto chain = path / "certificate_chain";
  const auto key = path / "private_key";
  if (!certificate.has_certificate_chain()) in.refuse(chain, "is required");
  if (!certificate.has_private_key()) in.refuse(key, "is required");
  out.chain_pem = in.data(certificate.certificate_chain(), chain);
  out.key_pem = in.data(certificate.private_key(), key);
  must_be_pem(out.chain_pem, chain, in);
  must_be_pem(out.key_pem, key, in);
}

void read_validation(const tls_v3::CertificateValidationContext& context, const FieldPath& path,
                     Reading& in, TlsMaterial& out, std::vector<SanMatcher>& peer_names) {
  if (context.has_system_root_certs())
    in.refuse(path / "system_root_certs", "is not supported here");
  read_trust(context, path, in, out, peer_names);
}

std::optional<config::TlsReference> read_upstream_tls(const core::TransportSocket& socket,
                                                      const FieldPath& path, Reading& in) {
  const auto type = type_of(socket.typed_config());
  if (is_plain(socket, type, path, in)) return std::nullopt;
  if (type != kUpstream) {
    refuse_type(type, path, in);
    return std::nullopt;
  }
  const auto at = path / "typed_config";
  tls_v3::UpstreamTlsContext context;
  if (!in.unpack(socket.typed_config(), at, context)) return std::nullopt;
  auto out = read_common(context.common_tls_context(), at / "common_tls_context", in);
  out.settings.server_name = context.sni();
  return out;
}

std::optional<config::TlsReference> read_downstream_tls(const core::TransportSocket& socket,
                                                        const FieldPath& path, Reading& in) {
  const auto type = type_of(socket.typed_config());
  if (is_plain(socket, type, path, in)) return std::nullopt;
  if (type != kDownstream) {
    refuse_type(type, path, in);
    return std::nullopt;
  }
  const auto at = path / "typed_config";
  tls_v3::DownstreamTlsContext context;
  if (!in.unpack(socket.typed_config(), at, context)) return std::nullopt;
  const auto common = at / "common_tls_context";
  auto out = read_common(context.common_tls_context(), common, in);
  if (out.inline_material.chain_pem.empty() && out.certificate_secret.empty() &&
      context.common_tls_context().tls_certificates_size() == 0) {
    in.refuse(common, "needs a certificate");
  }
  out.settings.require_peer_certificate = context.require_client_certificate().value();
  if (out.settings.require_peer_certificate && !out.settings.verify_peer) {
    in.refuse(at / "require_client_certificate", "needs a trusted_ca to judge by");
  }
  return out;
}

}  // namespace weft::xds
