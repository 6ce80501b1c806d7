#pragma once
// Advice: what is accepted and holds, and is probably not what its author means. For `weft lint`.
//
// Timeouts that end before the tries they allow, retries of requests that may have been processed,
// rules that no request reaches, weights that lead nowhere, values whose unit looks wrong, fields
// that no traffic meets, Services that are used and are not there. Pure.

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "control/mesh.h"

namespace weft::control::cli {

struct Advice {
  std::string file;
  std::uint32_t line = 0;
  std::string text;
  bool note = false;  // meant as it stands, perhaps; others are warnings
  auto operator<=>(const Advice&) const = default;

  [[nodiscard]] std::string to_string() const;  // "cart.yaml:7: …"
};

// In order of files and lines.
[[nodiscard]] std::set<Advice> advise(const Mesh& mesh);

// ---- for the sources of this folder ----

class Adviser final {
 public:
  // `line` 0: where the document begins.
  void say(const Metadata& about, std::uint32_t line, std::string text, bool note = false);
  [[nodiscard]] std::set<Advice> take() { return std::move(said_); }

 private:
  std::set<Advice> said_;
};
void advise_on_policies(const Mesh& mesh, Adviser& adviser);
// Of one policy, or of MeshConfig's defaults.
void advise_on_rate_limits(const PolicyFields& fields, const Metadata& about, Adviser& adviser);
void advise_on_routes(const Mesh& mesh, Adviser& adviser);
void advise_on_services(const Mesh& mesh, Adviser& adviser);
void advise_on_scopes(const Mesh& mesh, Adviser& adviser);

}  // namespace weft::control::cli
