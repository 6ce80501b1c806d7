#include "xds/findings.h"

#include <fmt/format.h>

#include "sidecar/core/assert.h"

namespace weft::xds {

namespace {

std::string line(const FieldPath& path, std::string_view text) {
  std::string out = path.to_string();
  if (!out.empty()) out += ": ";
  out += text;
  if (out.size() > Findings::kTextBytesMax) out.resize(Findings::kTextBytesMax);
  return out;
}

}  // namespace

void Findings::refuse(const FieldPath& path, std::string_view why) {
  if (reasons_.size() < kKept) reasons_.push_back(line(path, why));
  ++refused_;
}

void Findings::note(const FieldPath& path, std::string_view what) {
  if (notes_.size() < kKept) notes_.push_back(line(path, what));
}

void Findings::unknown(const FieldPath& path, int number) {
  if (unknowns_.size() < kKept) {
    unknowns_.push_back(line(path, fmt::format("has unknown field {}", number)));
  }
  ++unknown_;
}

Error Findings::error() const {
  WEFT_ASSERT(refused());
  std::string text = fmt::format("{}", fmt::join(reasons_, "; "));
  if (refused_ > reasons_.size()) text += fmt::format("; and {} more", refused_ - reasons_.size());
  return Error{.fault = Fault::kInvalid, .side = Side::kLocal, .detail = std::move(text)};
}

}  // namespace weft::xds
