#include "sidecar/http/headers.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::http {

namespace {
// Most heads fit, so the array is placed once; a larger one doubles and leaves the old array in the
// arena.
constexpr std::size_t kFieldsAtFirst = 24;
}  // namespace

// What is moved from is empty, not a view into an arena that somebody else has.
Headers::Headers(Headers&& other) noexcept
    : arena_(std::move(other.arena_)),
      fields_(std::exchange(other.fields_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Headers& Headers::operator=(Headers&& other) noexcept {
  arena_ = std::move(other.arena_);
  fields_ = std::exchange(other.fields_, nullptr);
  count_ = std::exchange(other.count_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

Arena& Headers::arena() {
  if (arena_ == nullptr) arena_ = std::make_unique<Arena>();
  return *arena_;
}

Field* Headers::grow() {
  const std::size_t capacity = capacity_ == 0 ? kFieldsAtFirst : capacity_ * 2;
  Field* larger = arena().array<Field>(capacity);
  std::uninitialized_copy_n(fields_, count_, larger);
  fields_ = larger;
  capacity_ = capacity;
  return fields_ + count_++;
}

// Member by member: a Field built on the stack and then copied stalls on its own stores, which made
// this a sixth of parsing.
void Headers::put(std::string_view name, std::string_view value, HeaderId id) {
  Field* field = next();
  field->name = name;
  field->value = value;
  field->id = id;
  field->never_index = false;
}

void Headers::add(std::string_view name, std::string_view value) {
  put(name, value, header_id_of(name));
}
void Headers::add(HeaderId id, std::string_view value) { put(name_of(id), value, id); }
void Headers::add(const Field& field) { *next() = field; }
void Headers::add_copy(std::string_view name, std::string_view value) {
  const HeaderId id = header_id_of(name);
  const std::string_view kept_name = copy(name);
  put(kept_name, copy(value), id);
}

void Headers::set(HeaderId id, std::string_view value) {
  bool placed = false;
  remove_if([&](const Field& field) {
    if (field.id != id) return false;
    if (placed) return true;
    placed = true;
    return false;
  });
  if (!placed) {
    add(id, value);
    return;
  }
  for (Field& field : fields()) {
    if (field.id == id) field.value = value;
  }
}

void Headers::set(std::string_view name, std::string_view value) {
  const HeaderId id = header_id_of(name);
  if (id != HeaderId::kOther) {
    set(id, value);
    return;
  }
  remove(name);
  add(name, value);
}

std::size_t Headers::remove(HeaderId id) {
  return remove_if([id](const Field& field) { return field.id == id; });
}

std::size_t Headers::remove(std::string_view name) {
  const HeaderId id = header_id_of(name);
  if (id != HeaderId::kOther) return remove(id);
  return remove_if([name](const Field& field) {
    return field.id == HeaderId::kOther && equals_ignore_case(field.name, name);
  });
}

std::optional<std::string_view> Headers::find(HeaderId id) const {
  for (const Field& field : *this) {
    if (field.id == id) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const HeaderId id = header_id_of(name);
  if (id != HeaderId::kOther) return find(id);
  for (const Field& field : *this) {
    if (field.id == HeaderId::kOther && equals_ignore_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t Headers::count_of(HeaderId id) const {
  return static_cast<std::size_t>(
      std::count_if(begin(), end(), [id](const Field& f) { return f.id == id; }));
}

std::size_t Headers::bytes() const {
  std::size_t total = 0;
  for (const Field& field : *this) total += field.name.size() + field.value.size() + 32;
  return total;
}

Headers Headers::clone() const {
  Headers other;
  for (const Field& field : *this) {
    Field copied = field;
    copied.name = field.id == HeaderId::kOther ? other.copy(field.name) : name_of(field.id);
    copied.value = other.copy(field.value);
    other.add(copied);
  }
  return other;
}

}  // namespace weft::http
