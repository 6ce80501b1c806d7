#pragma once
// SharedText: text that many hold and nobody changes: one copy of it, a counted reference each, and
// nothing but a null pointer while it is empty. For what repeats by the thousand, as the zones and
// identities of endpoints do.
//
// A value: compares by content. Thread: any, as shared_ptr.

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace weft {

class SharedText final {
 public:
  SharedText() = default;
  template <typename Text>
    requires(!std::same_as<std::remove_cvref_t<Text>, SharedText> &&
             std::convertible_to<const Text&, std::string_view>)
  // NOLINTNEXTLINE(google-explicit-constructor): it stands where a std::string would
  SharedText(const Text& text) : SharedText(Copy{}, std::string_view(text)) {}

  // `text`: the copy that `other` holds when it is the same, else one of its own.
  [[nodiscard]] static SharedText like(const SharedText& other, std::string_view text) {
    return other.str() == text ? other : SharedText(text);
  }

  [[nodiscard]] const std::string& str() const {
    static const std::string kEmpty;
    return text_ == nullptr ? kEmpty : *text_;
  }
  [[nodiscard]] bool empty() const { return text_ == nullptr; }
  // NOLINTNEXTLINE(google-explicit-constructor): and is read as one
  operator std::string_view() const { return str(); }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.text_ == b.text_ || a.str() == b.str();
  }
  template <typename Text>
    requires(!std::same_as<std::remove_cvref_t<Text>, SharedText> &&
             std::convertible_to<const Text&, std::string_view>)
  friend bool operator==(const SharedText& a, const Text& b) {
    return a.str() == std::string_view(b);
  }

 private:
  struct Copy {};
  SharedText(Copy, std::string_view text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(text)) {}

  std::shared_ptr<const std::string> text_;  // null: empty
};

}  // namespace weft
