// A start file: text -> Document -> message -> the sidecar's own structures.
//
// Whoever writes one is trusted with the machine but makes mistakes: each is told with its place,
// in printable lines, and what is accepted can be described.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sidecar/config/describe.h"
#include "xds/bootstrap.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Every line begins with a place, but the last may count the rest.
void tells_places(std::string_view text) {
  bool first = true;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    require(line.starts_with("start.yaml:") ||
            (!first && text.empty() && line.starts_with("and ") && line.ends_with(" more")));
    for (const char c : line) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    first = false;
  }
  require(!first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto made = weft::xds::parse_bootstrap(
      text, "start.yaml", [](const std::string& path) -> weft::Result<std::string> {
        if (path == "missing") return weft::fail(weft::Fault::kInvalid, "no such file");
        return "-----BEGIN " + path + "-----\nAA==\n-----END " + path + "-----\n";
      });
  if (!made) {
    tells_places(made.error().detail);
    return 0;
  }
  for (const auto& listener : made->listeners) (void)weft::config::describe(listener);
  for (const auto& cluster : made->clusters) (void)weft::config::describe(cluster);
  return 0;
}
