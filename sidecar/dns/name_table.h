#pragma once
// NameTable: the mesh's own names and their addresses, as one pod sees them. Immutable once built;
// any thread.
//
// A Service `cart` of namespace `shop` answers to `cart` (within shop), `cart.shop`,
// `cart.shop.svc` and `cart.shop.svc.cluster.local`; so do names with more labels in front of it,
// when the table has them (`cart-0.cart.shop`, an instance of a headless Service). What is not in
// the table is somebody else's to answer, also under `svc.cluster.local`: the mesh need not know
// all of the cluster.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/strings.h"

namespace weft::dns {

struct NameEntry {
  std::string name;  // "cart.shop", "cart-0.cart.shop"; lower case
  std::vector<IpAddress> addresses;
};

// Where mesh names come from; NameTable is the one that holds them.
class Names {
 public:
  virtual ~Names() = default;
  // `name` in lower case, without a dot at the end. Null: not ours. An entry without addresses of
  // the type asked for is ours all the same: the name exists.
  [[nodiscard]] virtual const NameEntry* find(std::string_view name) const = 0;
};

class NameTable final : public Names {
 public:
  struct Options {
    std::string name_space;  // the pod's
    std::string cluster_domain = "cluster.local";
  };
  NameTable(std::vector<NameEntry> entries, Options options);

  [[nodiscard]] const NameEntry* find(std::string_view name) const override;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  Options options_;
  std::unordered_map<std::string, NameEntry, TextHash, std::equal_to<>> entries_;
};

}  // namespace weft::dns
