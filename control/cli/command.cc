#include "control/cli/command.h"

#include <fmt/format.h>

namespace weft::control::cli {

int complain(const std::string& what) {
  fmt::print(stderr, "weft: {}\n", printable(what));
  return kFailed;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // U+0080 to U+009F are control characters as well.
    const bool second_half = byte >= 0x80 && byte < 0xa0 && out.ends_with('\xc2');
    if (second_half) out.pop_back();
    out += byte < 0x20 || byte == 0x7f || second_half ? '?' : c;
  }
  return out;
}

std::string shown(const Json& object, std::string_view key, std::string_view otherwise) {
  const Json* field = member(&object, key);
  if (field == nullptr) return std::string(otherwise);
  return printable(field->is_string() ? text_of(field) : print_json(*field));
}

void add_version(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("version", "Print the version");
  command->callback([&outcome] {
    fmt::print("weft {}\n", WEFT_VERSION);
    outcome.code = kOk;
  });
}

}  // namespace weft::control::cli
