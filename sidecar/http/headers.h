#pragma once
// Headers: the fields of one message in order, with the arena that their bytes live in.
//
// Names and values are views; add() keeps the views it is given (they must live in this arena, in
// static storage, or longer than the message), add_copy() copies them first. Look-up ignores ASCII
// case. Field names keep the spelling they came with. Owner: a RequestHead, ResponseHead or
// trailers. Movable; views stay valid because the arena is on the heap.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "sidecar/core/arena.h"
#include "sidecar/http/header_id.h"

namespace weft::http {

struct Field {
  std::string_view name;
  std::string_view value;
  HeaderId id = HeaderId::kOther;
  // Worth no place in HPACK's dynamic table: unique or secret values (traceparent, authorization).
  bool never_index = false;
};

class Headers final {
 public:
  Headers() = default;
  Headers(Headers&& other) noexcept;
  Headers& operator=(Headers&& other) noexcept;
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;

  [[nodiscard]] Arena& arena();
  [[nodiscard]] std::string_view copy(std::string_view text) { return arena().copy(text); }

  void add(std::string_view name, std::string_view value);
  void add(HeaderId id, std::string_view value);
  void add(const Field& field);
  void add_copy(std::string_view name, std::string_view value);
  // Replaces the first field of that name and removes the others, or adds it. Keeps the view.
  void set(HeaderId id, std::string_view value);
  void set(std::string_view name, std::string_view value);
  // Both return how many fields went.
  std::size_t remove(HeaderId id);
  std::size_t remove(std::string_view name);
  template <typename Predicate>
  std::size_t remove_if(Predicate gone) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (gone(static_cast<const Field&>(fields_[i]))) continue;
      if (kept != i) fields_[kept] = fields_[i];
      ++kept;
    }
    const std::size_t removed = count_ - kept;
    count_ = kept;
    return removed;
  }

  // The first value of that name.
  [[nodiscard]] std::optional<std::string_view> find(HeaderId id) const;
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool has(HeaderId id) const { return find(id).has_value(); }
  [[nodiscard]] std::size_t count_of(HeaderId id) const;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const Field* begin() const { return fields_; }
  [[nodiscard]] const Field* end() const { return fields_ + count_; }
  [[nodiscard]] std::span<Field> fields() { return {fields_, count_}; }
  // Names and values plus 32 a field, as HTTP/2 counts (RFC 9113 section 6.5.2).
  [[nodiscard]] std::size_t bytes() const;

  // A deep copy with its own arena.
  [[nodiscard]] Headers clone() const;

 private:
  Field* next() { return count_ < capacity_ ? fields_ + count_++ : grow(); }
  Field* grow();
  void put(std::string_view name, std::string_view value, HeaderId id);

  std::unique_ptr<Arena> arena_;
  Field* fields_ = nullptr;  // in the arena
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace weft::http
