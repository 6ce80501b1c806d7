#pragma once
// NameTable: the mesh's own names and their addresses, zone by zone, as the control plane tells
// them.
//
// A zone is a namespace: "shop.svc.cluster.local" holds "cart" (a Service) and "cart-0.cart" (an
// instance of a headless one). Only whole names are known here. Shorter ones are made whole by the
// asker's own search list, as resolv.conf of a pod has it; answering them as they stand would take
// names of the world away from the pod, which has a "cart.shop" too. What is not in the table is
// somebody else's to answer, also under `svc.cluster.local`: the mesh need not know all of the
// cluster. Owner: DnsServer. Thread: its owner's.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/strings.h"

namespace weft::dns {

struct NameEntry {
  std::string name;  // below the zone: "cart", "cart-0.cart"; lower case
  std::vector<IpAddress> addresses;
};

// Where mesh names come from; NameTable is the one that holds them.
class Names {
 public:
  virtual ~Names() = default;
  // `name` in lower case, without a dot at the end. Null: not ours. An entry without addresses of
  // the type asked for is ours all the same: the name exists. Good until the table changes.
  [[nodiscard]] virtual const NameEntry* find(std::string_view name) const = 0;
};

class NameTable final : public Names {
 public:
  static constexpr std::size_t kEntryLabelsMax = 2;

  // In place of all that was known of the zone.
  void put(std::string zone, std::vector<NameEntry> entries);
  void remove(std::string_view zone);

  [[nodiscard]] const NameEntry* find(std::string_view name) const override;
  [[nodiscard]] std::size_t size() const { return size_; }  // names
  [[nodiscard]] std::size_t zones() const { return zones_.size(); }

 private:
  using Zone = std::unordered_map<std::string, NameEntry, TextHash, std::equal_to<>>;

  std::unordered_map<std::string, Zone, TextHash, std::equal_to<>> zones_;
  std::size_t size_ = 0;
};

}  // namespace weft::dns
