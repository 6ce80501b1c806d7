#include "sidecar/identity.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/file.h"
#include "tls/certificate.h"
#include "tls/primitives.h"
#include "xds/join_token.h"

namespace weft::sidecar {

namespace {

// "AA:BB…" as tools print it, or plain hex.
std::string normal_digest(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ':') out += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

}  // namespace

Identity::Identity(Turn& turn, Connector& connector, Random& random, ClusterDialer::Find find,
                   Owner& owner, Options options)
    : turn_(turn),
      owner_(owner),
      options_(std::move(options)),
      find_(std::move(find)),
      dialer_(turn, connector, [this] { return find_ca(); }),
      look_timer_(turn.timers(), *this) {
  const xds::Bootstrap::Mesh& mesh = options_.mesh;
  if (mesh.ca_cluster.empty()) return;
  ca_ = std::make_unique<xds::CertificateClient>(
      turn, dialer_,
      xds::CertificateClient::Options{.authority = mesh.ca_cluster,
                                      .lifetime = mesh.certificate_lifetime,
                                      .token = [this] { return token_to_show(); }});
  rotator_ = std::make_unique<tls::Rotator>(
      turn, random, *ca_, *this,
      tls::Rotator::Options{
          .id = mesh.id, .key_type = mesh.key_type, .wall_clock = options_.wall_clock});
}

void Identity::start() {
  if (rotator_ != nullptr) return rotator_->start();
  read_files();
}

Identity::Stats Identity::stats() const {
  Stats stats{.renewals = renewals_,
              .failures = failures_,
              .not_after = not_after_,
              .roots_expire = roots_expire_,
              .last_error = last_error_};
  return stats;
}

// ---- the CA ----

bool Identity::can_prove_itself() const {
  return material_ != nullptr && options_.wall_clock() < not_after_;
}

Result<std::string> Identity::token() const {
  const xds::Bootstrap::Mesh& mesh = options_.mesh;
  if (!mesh.token.empty()) return mesh.token;
  if (mesh.token_file.empty()) return fail(Fault::kInvalid, "neither token_file nor token is set");
  Result<std::string> text = read_file(mesh.token_file);
  if (!text) return text;
  std::string_view trimmed = *text;
  while (!trimmed.empty() && static_cast<unsigned char>(trimmed.back()) <= ' ')
    trimmed.remove_suffix(1);
  if (trimmed.empty()) return fail(Fault::kInvalid, mesh.token_file + " is empty");
  return std::string(trimmed);
}

Result<std::string> Identity::token_to_show() const {
  if (can_prove_itself()) return std::string();
  Result<std::string> text = token();
  if (!text || !xds::is_join_token(*text)) return text;
  const Result<xds::UnverifiedJoinToken> read = xds::read_join_token(*text);
  if (!read) return fail(read.error());
  if (read->id != options_.mesh.id) {
    return fail(Fault::kDenied, "the join token is for " + read->id.uri() + ", this sidecar is " +
                                    options_.mesh.id.uri());
  }
  if (read->expires <= options_.wall_clock())
    return fail(Fault::kDenied, "the join token has expired");
  return text;
}

ClusterDialer::Target Identity::find_ca() {
  ClusterDialer::Target target = find_();
  if (target.config == nullptr) return target;
  if (!target.config->tls) {
    // A token in the clear is everybody's token.
    const auto is_local = [](const config::Endpoint& endpoint) {
      return endpoint.address.is_unix() ||
             (endpoint.address.is_ip() && endpoint.address.ip().is_loopback());
    };
    if (target.endpoints != nullptr && !std::all_of(target.endpoints->endpoints.begin(),
                                                    target.endpoints->endpoints.end(), is_local)) {
      target.problem = "cluster " + target.config->name +
                       " has no TLS; a token is not shown in the clear on a network";
    }
    return target;
  }
  auto context = context_for(*target.config->tls);
  if (context) {
    target.tls = std::move(*context);
  } else {
    target.problem = context.error().detail;
  }
  return target;
}

Result<std::shared_ptr<const tls::ClientContext>> Identity::context_for(
    const config::TlsReference& tls) const {
  const xds::Bootstrap::Mesh& mesh = options_.mesh;
  TlsMaterial material = tls.inline_material;
  TlsSettings settings = tls.settings;
  // Without roots and without a digest no context comes to be: nobody is believed unseen.
  settings.verify_peer = true;
  if (material_ != nullptr && material.roots_pem.empty()) material.roots_pem = material_->roots_pem;
  if (can_prove_itself()) {
    material.chain_pem = material_->chain_pem;
    material.key_pem = material_->key_pem;
  }
  if (material.roots_pem.empty() && !mesh.trust_root_file.empty()) {
    Result<std::string> roots = read_file(mesh.trust_root_file);
    if (!roots) return fail(roots.error());
    material.roots_pem = std::move(*roots);
  }
  if (material.roots_pem.empty()) {
    for (const std::string& digest : mesh.trust_root_spki_sha256)
      settings.root_spki_sha256.push_back(normal_digest(digest));
    const Result<std::string> text = token();
    if (text && xds::is_join_token(*text)) {
      if (const auto read = xds::read_join_token(*text); read)
        settings.root_spki_sha256.push_back(normal_digest(read->root_spki_sha256));
    }
    if (settings.root_spki_sha256.empty()) {
      return fail(Fault::kInvalid,
                  "no first trust: the start file names no root and the token is no join token");
    }
  }
  return tls::ClientContext::make(material, settings, options_.library);
}

void Identity::on_material(std::shared_ptr<const TlsMaterial> material) {
  material_ = std::move(material);
  if (rotator_ != nullptr) not_after_ = rotator_->not_after();
  ++renewals_;
  last_error_.clear();
  roots_expire_ = WallTime::max();
  if (const auto roots = tls::parse_certificates(material_->roots_pem, "roots"); roots) {
    for (const tls::Certificate& root : *roots)
      roots_expire_ = std::min(roots_expire_, root.not_after);
  }
  WEFT_LOG(kInfo, "identity {}: certificate {} for {}", options_.mesh.id.uri(), renewals_,
           format_duration(not_after_ - options_.wall_clock()));
  owner_.on_identity(*material_);
}

void Identity::on_rotation_failed(const Error& error, Duration left) {
  ++failures_;
  last_error_ = to_string(error);
  if (left <= Duration::zero()) {
    WEFT_LOG_LIMITED(kError, "identity {}: no certificate: {}", options_.mesh.id.uri(),
                     last_error_);
  } else {
    WEFT_LOG_LIMITED(kWarn, "identity {}: not renewed, the certificate lasts {} more: {}",
                     options_.mesh.id.uri(), format_duration(left), last_error_);
  }
}

// ---- files ----

void Identity::on_timer(Timer&) { read_files(); }

void Identity::read_files() {
  look_timer_.arm(options_.look_every);
  const xds::Bootstrap::Mesh& mesh = options_.mesh;
  const std::string stamps = file_stamp(mesh.certificate_file) + " " +
                             file_stamp(mesh.private_key_file) + " " +
                             file_stamp(mesh.trust_root_file);
  if (stamps == stamps_) return;
  Result<TlsMaterial> material = load_files();
  if (!material) {
    // Half written, perhaps: looked at again whatever the stamps say.
    const Duration left =
        material_ == nullptr ? Duration::zero() : not_after_ - options_.wall_clock();
    return on_rotation_failed(material.error(), left);
  }
  stamps_ = stamps;
  if (material_ != nullptr && material_->version == material->version) return;
  on_material(std::make_shared<const TlsMaterial>(std::move(*material)));
}

Result<TlsMaterial> Identity::load_files() {
  const xds::Bootstrap::Mesh& mesh = options_.mesh;
  Result<std::string> chain = read_file(mesh.certificate_file);
  if (!chain) return fail(chain.error());
  Result<std::string> key_pem = read_file(mesh.private_key_file);
  if (!key_pem) return fail(key_pem.error());
  Result<std::string> roots = read_file(mesh.trust_root_file);
  if (!roots) return fail(roots.error());
  const auto leaf = tls::parse_certificate(*chain, mesh.certificate_file);
  if (!leaf) return fail(leaf.error());
  const auto key = tls::Key::from_private_pem(*key_pem);
  if (!key) return fail(Fault::kInvalid, mesh.private_key_file + ": " + key.error().detail);
  if (!leaf->public_key.same_public_half(*key)) {
    return fail(Fault::kInvalid,
                mesh.private_key_file + " is not the key of " + mesh.certificate_file);
  }
  if (leaf->spiffe_id != mesh.id) {
    return fail(Fault::kTlsIdentity, mesh.certificate_file + " is for '" + leaf->spiffe_id.uri() +
                                         "', not '" + mesh.id.uri() + "'");
  }
  if (leaf->not_after <= options_.wall_clock())
    return fail(Fault::kTlsIdentity, mesh.certificate_file + " has expired");
  if (const auto parsed = tls::parse_certificates(*roots, mesh.trust_root_file); !parsed)
    return fail(parsed.error());
  not_after_ = leaf->not_after;
  TlsMaterial material;
  material.version = tls::sha256_hex(*chain + *roots).substr(0, 16);
  material.chain_pem = std::move(*chain);
  material.key_pem = std::move(*key_pem);
  material.roots_pem = std::move(*roots);
  return material;
}

}  // namespace weft::sidecar
