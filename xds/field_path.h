#pragma once
// FieldPath: where in a message we are, as `virtual_hosts[0].routes[3].route.cluster`.
//
// A chain of links on the stack, one per level: going down costs nothing, text is made only when
// something must be said. Links hold views: a path lives no longer than the names and the parent it
// was made from.

#include <string>
#include <string_view>

namespace weft::xds {

class FieldPath final {
 public:
  FieldPath() = default;  // the resource itself

  // Only below a path that has a name and so lives on: `path / "a" / "b"` would point at a
  // temporary.
  [[nodiscard]] FieldPath operator/(std::string_view field) const& {
    return FieldPath(this, field, kNoIndex, {}, false);
  }
  [[nodiscard]] FieldPath at(std::string_view field, int index) const& {
    return FieldPath(this, field, index, {}, false);
  }
  [[nodiscard]] FieldPath at(std::string_view field, std::string_view key) const& {
    return FieldPath(this, field, kNoIndex, key, true);
  }
  FieldPath operator/(std::string_view field) const&& = delete;
  FieldPath at(std::string_view field, int index) const&& = delete;
  FieldPath at(std::string_view field, std::string_view key) const&& = delete;
  [[nodiscard]] std::string to_string() const;

 private:
  static constexpr int kNoIndex = -1;
  FieldPath(const FieldPath* parent, std::string_view field, int index, std::string_view key,
            bool keyed)
      : parent_(parent), field_(field), key_(key), index_(index), keyed_(keyed) {}
  void print(std::string& out) const;

  const FieldPath* parent_ = nullptr;
  std::string_view field_;
  std::string_view key_;
  int index_ = kNoIndex;
  bool keyed_ = false;
};

}  // namespace weft::xds
