#include "control/authority.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/files.h"
#include "sidecar/core/strings.h"
#include "tls/csr.h"
#include "tls/issue.h"
#include "tls/primitives.h"

namespace weft::control {

namespace {

constexpr std::size_t kRootBytesMax = 64 * 1024;

tl::unexpected<SigningError> refuse(Signing what, std::string detail) {
  return tl::unexpected<SigningError>(SigningError{what, std::move(detail)});
}

std::string root_path(const std::string& state_dir) {
  return state_dir + "/" + Authority::kRootFile;
}

bool is_own(const SpiffeId& id) {
  return id.name_space() == Authority::kOwnNamespace &&
         id.service_account() == Authority::kOwnAccount;
}

Status make_root_file(const std::string& path, const Authority::Options& options) {
  Result<std::string> pem = Authority::make_root_pem(options);
  if (!pem) return fail(pem.error());
  Status made = create_file(path, *pem, 0600);
  tls::wipe(*pem);
  // Somebody else was first: theirs is loaded.
  if (!made && file_exists(path)) return {};
  return made;
}

}  // namespace

std::string_view name_of(Signing signing) {
  switch (signing) {
    case Signing::kSigned:
      return "signed";
    case Signing::kNoCredentials:
      return "no_credentials";
    case Signing::kBadToken:
      return "bad_token";
    case Signing::kExpiredToken:
      return "expired_token";
    case Signing::kWrongIdentity:
      return "wrong_identity";
    case Signing::kBadRequest:
      return "bad_request";
    case Signing::kBusy:
      return "busy";
    case Signing::kInternal:
      return "internal";
  }
  return {};
}

bool Authority::has_root(const std::string& state_dir) { return file_exists(root_path(state_dir)); }

Result<std::string> Authority::make_root_pem(const Options& options) {
  const Result<tls::Key> key = tls::Key::generate();
  if (!key) return fail(key.error());
  const Result<std::string> root =
      tls::make_root(*key, {.trust_domain = options.trust_domain, .now = options.wall_clock()});
  if (!root) return fail(root.error());
  return key->private_pem() + *root;
}

Result<Authority> Authority::from_pem(std::string_view pem, WallTime (*wall_clock)()) {
  Authority authority;
  authority.wall_clock_ = wall_clock;
  if (Status loaded = authority.load_pem(pem); !loaded) return fail(loaded.error());
  return authority;
}

Result<Authority> Authority::open(const Options& options) {
  if (Status made = make_directory(options.state_dir); !made) return fail(made.error());
  const std::string path = root_path(options.state_dir);
  if (!file_exists(path)) {
    if (Status made = make_root_file(path, options); !made) return fail(made.error());
  }
  Authority authority;
  authority.wall_clock_ = options.wall_clock;
  if (Status loaded = authority.load(path); !loaded) {
    return fail(Fault::kInvalid, fmt::format("{}: {}", path, loaded.error().detail));
  }
  return authority;
}

Status Authority::load(const std::string& path) {
  Result<std::string> pem = read_private_file(path, kRootBytesMax);
  if (!pem) return fail(pem.error());
  Status loaded = load_pem(*pem);
  tls::wipe(*pem);
  return loaded;
}

Status Authority::load_pem(std::string_view pem) {
  const Result<tls::Key> key = tls::Key::from_private_pem(pem);
  Result<tls::Certificate> root = tls::parse_certificate(pem, "root");
  if (!key) return fail(key.error());
  if (!root) return fail(root.error());
  if (!root->is_ca || !key->same_public_half(root->public_key)) {
    return fail(Fault::kInvalid, "the certificate is not the key's root");
  }
  if (root->spiffe_id.empty()) {
    return fail(Fault::kInvalid, "the root names no trust domain");
  }
  if (root->not_after <= wall_clock_()) return fail(Fault::kInvalid, "the root has expired");
  trust_domain_ = root->spiffe_id.trust_domain();
  key_ = *key;
  root_ = std::move(*root);
  return {};
}

Result<std::string> Authority::make_token(std::string_view name_space,
                                          std::string_view service_account,
                                          Duration lifetime) const {
  const Result<SpiffeId> id = SpiffeId::make(trust_domain_, name_space, service_account);
  if (!id) return fail(id.error());
  if (is_own(*id)) return fail(Fault::kInvalid, id->uri() + " is the control plane's own");
  if (lifetime < kLifetimeMin || lifetime > kTokenLifetimeMax) {
    return fail(Fault::kInvalid,
                fmt::format("a token lasts {} to {}, not {}", format_duration(kLifetimeMin),
                            format_duration(kTokenLifetimeMax), format_duration(lifetime)));
  }
  const WallTime now = wall_clock_();
  return sign_join_token(
      {.id = *id, .issued = now, .expires = now + lifetime, .root_spki_sha256 = root_spki_sha256()},
      key_);
}

tl::expected<SpiffeId, SigningError> Authority::identify(const Asker& asker) const {
  if (!asker.peer.empty()) {
    if (asker.peer.trust_domain() != trust_domain_ || asker.peer.service_account().empty()) {
      return refuse(Signing::kWrongIdentity,
                    fmt::format("{} is no workload of {}", asker.peer.uri(), trust_domain_));
    }
    return asker.peer;
  }
  if (asker.token.empty()) {
    return refuse(Signing::kNoCredentials, "neither a certificate nor a join token was shown");
  }
  const Result<JoinToken> token = verify_join_token(asker.token, key_, wall_clock_());
  if (!token) {
    const bool late = token.error().fault == Fault::kTimeout;
    return refuse(late ? Signing::kExpiredToken : Signing::kBadToken, token.error().detail);
  }
  return token->id;
}

tl::expected<Authority::Issued, SigningError> Authority::judge(std::string_view csr_pem,
                                                               Duration wanted,
                                                               const Asker& asker) const {
  // Who asks comes first: a stranger's request is not even parsed.
  tl::expected<SpiffeId, SigningError> id = identify(asker);
  if (!id) return tl::unexpected<SigningError>(std::move(id).error());
  if (is_own(*id)) {
    return refuse(Signing::kWrongIdentity, id->uri() + " is the control plane's own");
  }
  const Result<tls::CsrInfo> csr = tls::parse_csr(csr_pem);
  if (!csr) return refuse(Signing::kBadRequest, csr.error().detail);
  if (Status names = tls::check_csr_names(*csr, *id); !names) {
    return refuse(Signing::kWrongIdentity, names.error().detail);
  }
  const Duration lifetime =
      wanted <= Duration::zero()
          ? leaf_lifetime_max_
          : std::clamp(wanted, kLifetimeMin, std::max(kLifetimeMin, leaf_lifetime_max_));
  const Result<std::string> leaf = tls::sign_leaf(
      {key_, root_.pem}, csr->public_key, {.id = *id, .lifetime = lifetime, .now = wall_clock_()});
  if (!leaf) return refuse(Signing::kInternal, leaf.error().detail);
  return Issued{
      .id = *id, .leaf_pem = *leaf, .expires = std::min(wall_clock_() + lifetime, root_.not_after)};
}

tl::expected<Authority::Issued, SigningError> Authority::sign(std::string_view csr_pem,
                                                              Duration wanted, const Asker& asker) {
  tl::expected<Issued, SigningError> issued = judge(csr_pem, wanted, asker);
  count(issued ? Signing::kSigned : issued.error().what);
  return issued;
}

Result<TlsMaterial> Authority::make_own_material(Duration lifetime,
                                                 const std::string& service) const {
  const Result<tls::Key> key = tls::Key::generate();
  const Result<SpiffeId> id = SpiffeId::make(trust_domain_, kOwnNamespace, kOwnAccount);
  if (!key) return fail(key.error());
  if (!id) return fail(id.error());
  std::vector<std::string> names = {
      std::string(kOwnAccount), fmt::format("{}.{}.svc", kOwnAccount, kOwnNamespace), "localhost"};
  if (service != kOwnAccount) {
    names.push_back(service);
    names.push_back(fmt::format("{}.{}.svc", service, kOwnNamespace));
  }
  Result<std::string> leaf = tls::sign_leaf(
      {key_, root_.pem}, *key,
      {.id = *id, .dns_names = std::move(names), .lifetime = lifetime, .now = wall_clock_()});
  if (!leaf) return fail(leaf.error());
  return TlsMaterial{.version = tls::sha256_hex(*leaf),
                     .chain_pem = *leaf + root_.pem,
                     .key_pem = key->private_pem(),
                     .roots_pem = root_.pem};
}

}  // namespace weft::control
