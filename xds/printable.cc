#include "xds/printable.h"

namespace weft::xds {

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = c == '\n' ? ' ' : '?';
  }
  if (text.size() > bytes_max) out += "...";
  return out;
}

}  // namespace weft::xds
