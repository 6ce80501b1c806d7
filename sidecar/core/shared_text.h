#pragma once
// SharedText: text that many hold and nobody changes: one copy of it, a counted pointer each, and
// nothing but a null pointer while it is empty. For what repeats by the thousand, as the zones and
// identities of endpoints do.
//
// Not shared_ptr<const std::string>: that is twice the pointer and three times the block, and there
// are eight in each endpoint (2.1 of 6.2 MB for 10,000 of them).
//
// A value: compares by content. Thread: any, as shared_ptr.

#include <atomic>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weft {

class SharedText final {
 public:
  SharedText() = default;
  template <typename Text>
    requires(!std::same_as<std::remove_cvref_t<Text>, SharedText> &&
             std::convertible_to<const Text&, std::string_view>)
  // NOLINTNEXTLINE(google-explicit-constructor): it stands where a std::string would
  SharedText(const Text& text) : block_(copy(std::string_view(text))) {}
  SharedText(const SharedText& other) : block_(other.block_) {
    if (block_ != nullptr) block_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedText() {
    if (block_ != nullptr) let_go(block_);
  }

  // `text`: the copy that `other` holds when it is the same, else one of its own.
  [[nodiscard]] static SharedText like(const SharedText& other, std::string_view text) {
    return other.view() == text ? other : SharedText(text);
  }

  // Good as long as anybody holds this text.
  [[nodiscard]] std::string_view view() const {
    return block_ == nullptr
               ? std::string_view()
               : std::string_view(reinterpret_cast<const char*>(block_ + 1), block_->size);
  }
  [[nodiscard]] std::string str() const { return std::string(view()); }
  [[nodiscard]] bool empty() const { return block_ == nullptr; }
  // NOLINTNEXTLINE(google-explicit-constructor): and is read as one
  operator std::string_view() const { return view(); }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.block_ == b.block_ || a.view() == b.view();
  }
  template <typename Text>
    requires(!std::same_as<std::remove_cvref_t<Text>, SharedText> &&
             std::convertible_to<const Text&, std::string_view>)
  friend bool operator==(const SharedText& a, const Text& b) {
    return a.view() == std::string_view(b);
  }

 private:
  // The bytes of the text follow.
  struct Block {
    std::atomic<std::uint32_t> holders{1};
    std::uint32_t size = 0;
  };
  [[nodiscard]] static Block* copy(std::string_view text);  // null: empty
  static void let_go(Block* block);

  Block* block_ = nullptr;
};

}  // namespace weft
