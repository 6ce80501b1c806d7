#pragma once
// Badges: certificates for those who knock at the shop's doors: good ones, signed by the mesh's
// root, and the kinds that must be refused.
//
// The root's key is read from the control plane's state directory, which the demo owns. A value.

#include <string>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "tls/key.h"

namespace weft::demo {

class Badges final {
 public:
  static Result<Badges> open(const std::string& root_file);

  // Of the mesh: "spiffe://cluster.local/ns/shop/sa/<account>".
  [[nodiscard]] Result<TlsMaterial> member(std::string_view account) const;
  // Shows no certificate, but believes the mesh's root.
  [[nodiscard]] TlsMaterial nobody() const;
  // Signed by another root, of another trust domain.
  [[nodiscard]] Result<TlsMaterial> stranger() const;
  // Signed by the mesh's root, but for a name of another trust domain.
  [[nodiscard]] Result<TlsMaterial> misnamed() const;
  [[nodiscard]] const std::string& root_pem() const { return root_pem_; }

 private:
  [[nodiscard]] TlsMaterial material(std::string version, std::string chain,
                                     const tls::Key& key) const;

  tls::Key key_;
  std::string root_pem_;
};

}  // namespace weft::demo
