#pragma once
// Status: /mesh of weft-control as a page for people: who has which generation, who refused what,
// what does not hold.

#include <string>
#include <string_view>

#include "sidecar/core/result.h"

namespace weft::control::cli {

struct StatusPage {
  std::string text;
  bool well = true;  // all sidecars connected and current, nothing refused
};

// `json` is the body of GET /mesh (control/mesh_page.h).
[[nodiscard]] Result<StatusPage> make_status_page(std::string_view json);

}  // namespace weft::control::cli
