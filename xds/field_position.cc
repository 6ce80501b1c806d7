#include "xds/field_position.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sidecar/core/strings.h"

namespace weft::xds {

namespace {

using config::Value;

// The next piece of a field path: "name", "[3]" or "[key]".
std::string_view take_piece(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  const std::size_t end = path.starts_with('[') ? std::min(path.find(']'), path.size() - 1) + 1
                                                : path.find_first_of(".[");
  const std::string_view piece = path.substr(0, end);
  path.remove_prefix(piece.size());
  return piece;
}

// cluster_name and clusterName are one field.
bool same_field(std::string_view key, std::string_view name) {
  std::size_t at = 0;
  bool capital = false;
  for (const char c : name) {
    if (c == '_') {
      capital = true;
      if (at < key.size() && key[at] == '_') ++at;
      continue;
    }
    if (at >= key.size()) return false;
    if (key[at] != c && !(capital && to_lower(key[at]) == c)) return false;
    capital = false;
    ++at;
  }
  return at == key.size();
}

const Value* follow(const Value& value, std::string_view piece) {
  if (piece.starts_with('[')) piece = piece.substr(1, piece.size() - 2);
  if (value.is_list()) {
    const std::optional<std::uint64_t> index = parse_u64(piece);
    return index && *index < value.items().size() ? &value.items()[*index] : nullptr;
  }
  for (const Value::Member& member : value.members()) {
    if (member.key == piece || same_field(member.key, piece)) return &member.value;
  }
  return nullptr;
}

}  // namespace

config::Position position_of(const Value& root, std::string_view field_path) {
  const Value* place = &root;
  while (!field_path.empty()) {
    const Value* next = follow(*place, take_piece(field_path));
    if (next == nullptr) break;
    place = next;
  }
  return place->position();
}

}  // namespace weft::xds
