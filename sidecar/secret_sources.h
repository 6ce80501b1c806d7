#pragma once
// SecretSources: the secrets that came by name (files, identity, SDS), and what a TLS reference
// comes to once they are put in its place.
//
// Parts of the same names are put together once and shared by all who name them. Owner: Publisher.
// Thread: main loop.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/tls_reference.h"
#include "sidecar/core/tls_config.h"

namespace weft::sidecar {

class SecretSources final {
 public:
  // Our own chain and key, or roots, or both; parts that are empty leave those of the version
  // before. `peer_names` are accepted beside those of whoever judges peers by this secret.
  void put(const std::string& name, const TlsMaterial& material,
           std::vector<SanMatcher> peer_names);
  // The same for one that keep_only() forgets once nothing refers to it.
  void put_discovered(const std::string& name, const TlsMaterial& material,
                      std::vector<SanMatcher> peer_names);
  // Forgets those of put_discovered() that are not among `names`, which are sorted.
  void keep_only(const std::vector<std::string>& names);
  // Reads the system's roots if `reference` judges by them and nobody did before. Without them
  // nobody is believed.
  void want_system_roots(const config::TlsReference& reference);

  // Null while a secret that it names is not here.
  [[nodiscard]] std::shared_ptr<const TlsMaterial> material_for(
      const config::TlsReference& reference);
  // Gives it its material and the peers that its secrets accept.
  void fill(config::TlsReference& reference);
  // Another one means that what was filled before may be filled differently now.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  struct Secret {
    TlsMaterial material;
    std::vector<SanMatcher> peer_names;
  };
  [[nodiscard]] const Secret* find(std::string_view name) const;

  std::map<std::string, Secret, std::less<>> secrets_;
  std::set<std::string, std::less<>> discovered_;
  std::map<std::string, std::shared_ptr<const TlsMaterial>> joined_;  // by names and versions
  std::uint64_t version_ = 1;
};

}  // namespace weft::sidecar
