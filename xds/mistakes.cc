#include "xds/mistakes.h"

#include <fmt/format.h>

#include "xds/printable.h"

namespace weft::xds {

void Mistakes::add(config::Position position, std::string_view path, std::string_view why) {
  ++count_;
  if (texts_.size() >= kKept) return;
  std::string text = fmt::format("{}:{}:{}: ", source_, position.line, position.column);
  if (!path.empty()) text += printable(path, kPathBytesMax) + ": ";
  texts_.push_back(text + printable(why, kReasonBytesMax));
}

Error Mistakes::error() const {
  std::string text;
  for (const std::string& line : texts_) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  if (count_ > texts_.size()) text += fmt::format("\nand {} more", count_ - texts_.size());
  return Error{Fault::kInvalid, Side::kLocal, std::move(text)};
}

}  // namespace weft::xds
