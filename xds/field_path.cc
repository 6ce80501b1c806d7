#include "xds/field_path.h"

#include <fmt/format.h>

#include <iterator>

#include "sidecar/core/strings.h"

namespace weft::xds {

std::string FieldPath::to_string() const {
  std::string out;
  print(out);
  return out;
}

void FieldPath::print(std::string& out) const {
  if (parent_ == nullptr) return;
  parent_->print(out);
  if (!out.empty()) out += '.';
  out += field_;
  if (index_ != kNoIndex) fmt::format_to(std::back_inserter(out), "[{}]", index_);
  if (keyed_) fmt::format_to(std::back_inserter(out), "[\"{}\"]", escape(key_));
}

}  // namespace weft::xds
