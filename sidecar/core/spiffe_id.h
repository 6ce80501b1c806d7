#pragma once
// SpiffeId: a workload's name, "spiffe://cluster.local/ns/shop/sa/cart". After the SPIFFE-ID
// specification.
//
// parse() accepts any valid SPIFFE ID; namespace_() and service_account() are empty unless the path
// is the mesh's own
// "/ns/<namespace>/sa/<service account>".

#include <string>
#include <string_view>

#include "sidecar/core/result.h"

namespace weft {

class SpiffeId final {
 public:
  static constexpr std::size_t kBytesMax = 2048;

  SpiffeId() = default;
  static Result<SpiffeId> parse(std::string_view uri);
  static Result<SpiffeId> make(std::string_view trust_domain, std::string_view name_space,
                               std::string_view service_account);

  [[nodiscard]] bool empty() const { return uri_.empty(); }
  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] std::string_view trust_domain() const;
  [[nodiscard]] std::string_view path() const;  // with its leading slash
  [[nodiscard]] std::string_view name_space() const;
  [[nodiscard]] std::string_view service_account() const;
  bool operator==(const SpiffeId&) const = default;

 private:
  std::string uri_;
};

}  // namespace weft
