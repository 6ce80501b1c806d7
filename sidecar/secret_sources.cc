#include "sidecar/secret_sources.h"

#include <algorithm>
#include <utility>

#include "sidecar/config/system_roots.h"
#include "sidecar/core/log.h"
#include "sidecar/system_roots.h"

namespace weft::sidecar {

namespace {

bool uses_secrets(const config::TlsReference& tls) {
  return !tls.certificate_secret.empty() || !tls.validation_secret.empty();
}

}  // namespace

void SecretSources::put(const std::string& name, const TlsMaterial& material,
                        std::vector<SanMatcher> peer_names) {
  Secret& secret = secrets_[name];
  secret.material.version = material.version;
  if (!material.chain_pem.empty()) {
    secret.material.chain_pem = material.chain_pem;
    secret.material.key_pem = material.key_pem;
  }
  if (!material.roots_pem.empty()) secret.material.roots_pem = material.roots_pem;
  secret.peer_names = std::move(peer_names);
  ++version_;
  joined_.clear();
}

void SecretSources::put_discovered(const std::string& name, const TlsMaterial& material,
                                   std::vector<SanMatcher> peer_names) {
  discovered_.insert(name);
  put(name, material, std::move(peer_names));
}

void SecretSources::keep_only(const std::vector<std::string>& names) {
  std::erase_if(discovered_, [&](const std::string& name) {
    if (std::binary_search(names.begin(), names.end(), name)) return false;
    secrets_.erase(name);
    return true;
  });
}

void SecretSources::want_system_roots(const config::TlsReference& reference) {
  if (reference.validation_secret != config::kSystemRoots) return;
  if (secrets_.contains(config::kSystemRoots)) return;
  Result<std::string> roots = read_system_roots();
  if (!roots) {
    WEFT_LOG_LIMITED(kError, "{}", roots.error().detail);
    return;
  }
  put(config::kSystemRoots, {.version = "system", .roots_pem = std::move(*roots)}, {});
}

const SecretSources::Secret* SecretSources::find(std::string_view name) const {
  const auto found = secrets_.find(name);
  return found == secrets_.end() ? nullptr : &found->second;
}

std::shared_ptr<const TlsMaterial> SecretSources::material_for(
    const config::TlsReference& reference) {
  const TlsMaterial& written = reference.inline_material;
  if (!uses_secrets(reference)) return std::make_shared<const TlsMaterial>(written);
  std::string key = written.version + "\x1f" + reference.certificate_secret + "\x1f" +
                    reference.validation_secret;
  const TlsMaterial* own = nullptr;
  const TlsMaterial* roots = nullptr;
  if (!reference.certificate_secret.empty()) {
    const Secret* found = find(reference.certificate_secret);
    if (found == nullptr || found->material.chain_pem.empty()) return nullptr;
    own = &found->material;
    key += "\x1f" + own->version;
  }
  if (!reference.validation_secret.empty()) {
    const Secret* found = find(reference.validation_secret);
    if (found == nullptr || found->material.roots_pem.empty()) return nullptr;
    roots = &found->material;
    key += "\x1f" + roots->version;
  }
  // The same for all that name the same, so it is put together once.
  std::shared_ptr<const TlsMaterial>& known = joined_[key];
  if (known != nullptr) return known;
  TlsMaterial material = written;
  if (own != nullptr) {
    material.chain_pem = own->chain_pem;
    material.key_pem = own->key_pem;
    material.version += "/" + own->version;
  }
  if (roots != nullptr) {
    material.roots_pem = roots->roots_pem;
    material.version += "/" + roots->version;
  }
  known = std::make_shared<const TlsMaterial>(std::move(material));
  return known;
}

void SecretSources::fill(config::TlsReference& reference) {
  reference.material = material_for(reference);
  if (const Secret* judged = find(reference.validation_secret); judged != nullptr) {
    std::vector<SanMatcher>& names = reference.settings.peer_names;
    names.insert(names.end(), judged->peer_names.begin(), judged->peer_names.end());
  }
}

}  // namespace weft::sidecar
