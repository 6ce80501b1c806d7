#include "control/cli/advice.h"

#include <fmt/format.h>

#include "sidecar/core/strings.h"

namespace weft::control::cli {

void Adviser::say(const Metadata& about, std::uint32_t line, std::string text, bool note) {
  const std::size_t colon = about.place.rfind(':');
  if (line == 0 && colon != std::string::npos) {
    line = static_cast<std::uint32_t>(
        parse_u64(std::string_view(about.place).substr(colon + 1)).value_or(0));
  }
  said_.insert(
      {.file = about.place.substr(0, colon), .line = line, .text = std::move(text), .note = note});
}

std::string Advice::to_string() const { return fmt::format("{}:{}: {}", file, line, text); }

std::set<Advice> advise(const Mesh& mesh) {
  Adviser adviser;
  advise_on_policies(mesh, adviser);
  advise_on_routes(mesh, adviser);
  advise_on_services(mesh, adviser);
  advise_on_scopes(mesh, adviser);
  return adviser.take();
}

}  // namespace weft::control::cli
