#include "sidecar/context_cache.h"

#include <type_traits>

#include "sidecar/core/log.h"

namespace weft::sidecar {

namespace {

// Two references with the same fingerprint and material make the same context; without the names of
// the peers, contexts that are alike.
enum class PeerNames : std::uint8_t { kOf, kWithout };
std::string fingerprint(const config::TlsReference& tls, PeerNames names) {
  const TlsSettings& s = tls.settings;
  std::string text = tls.material->version;
  const auto add = [&](std::string_view part) {
    text += '\x1f';
    text += part;
  };
  add(std::to_string(static_cast<int>(s.version_min)) + "-" +
      std::to_string(static_cast<int>(s.version_max)));
  for (const std::string& suite : s.cipher_suites) add(suite);
  add("|");
  for (const std::string& curve : s.curves) add(curve);
  add("|");
  for (const std::string& protocol : s.alpn) add(protocol);
  add("|");
  if (names == PeerNames::kOf) {
    for (const SanMatcher& name : s.peer_names) {
      add(std::to_string(static_cast<int>(name.type)) + std::to_string(static_cast<int>(name.how)) +
          (name.ignore_case ? "i" : "c") + name.value);
    }
    add(s.server_name);
  }
  add(s.require_peer_certificate ? "required" : "optional");
  add(s.verify_peer ? "verified" : "unverified");
  for (const std::string& pin : s.root_spki_sha256) add(pin);
  return text;
}

}  // namespace

template <typename Context>
void ContextCache::add(const config::TlsReference& reference, const Contexts<Context>& before,
                       Contexts<Context>& target, Known<Context>& known) {
  if (reference.material == nullptr) return;
  // Everything in this Snapshot was made while the one before was alive, so what has the address of
  // something in that one is that.
  if (const auto same = before.find(&reference); same != before.end()) {
    target.emplace(&reference, same->second);
    return;
  }
  constexpr bool kIsServer = std::is_same_v<Context, tls::ServerContext>;
  std::weak_ptr<const Context>& place =
      known[fingerprint(reference, kIsServer ? PeerNames::kOf : PeerNames::kWithout)];
  const std::shared_ptr<const Context> there = place.lock();
  const auto context = [&]() -> Result<std::shared_ptr<const Context>> {
    if (there == nullptr) return Context::make(*reference.material, reference.settings, library_);
    if constexpr (kIsServer) {
      return there;
    } else {
      return Context::like(there, reference.settings);
    }
  }();
  if (!context) {
    WEFT_LOG_LIMITED(kError, "TLS context: {}", to_string(context.error()));
    return;
  }
  if (there == nullptr) place = *context;
  target.emplace(&reference, *context);
}

std::shared_ptr<const upstream::TlsContexts> ContextCache::make(const config::Snapshot& snapshot) {
  auto contexts = std::make_shared<upstream::TlsContexts>();
  const auto add_chain = [&](const config::FilterChain& chain) {
    if (chain.tls) add(*chain.tls, current_->servers, contexts->servers, servers_);
  };
  for (const auto& listener : snapshot.listeners) {
    for (const config::FilterChain& chain : listener->chains) add_chain(chain);
    if (listener->default_chain != nullptr) add_chain(*listener->default_chain);
  }
  for (const auto& [name, entry] : snapshot.clusters) {
    if (entry.config->tls) add(*entry.config->tls, current_->clients, contexts->clients, clients_);
  }
  current_ = contexts;
  std::erase_if(servers_, [](const auto& one) { return one.second.expired(); });
  std::erase_if(clients_, [](const auto& one) { return one.second.expired(); });
  return contexts;
}

}  // namespace weft::sidecar
