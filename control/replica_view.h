#pragma once
// ReplicaView: which sidecars one replica of weft-control serves, and since when it has had which
// object: so that whoever writes status can count sidecars that are connected to another replica.
// Replicas number their generations each by itself, so that a view is compared with itself alone.
//
// Read from the page /replica of another weft-control, and so from outside: bounded, and whatever
// makes no sense is no view. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/mesh_page.h"
#include "control/registry.h"

namespace weft::control {

struct ReplicaView {
  static constexpr std::size_t kSidecarsMax = 20'000;
  static constexpr std::size_t kObjectsMax = 50'000;
  static constexpr std::size_t kBytesMax = 8 * 1024 * 1024;

  struct Sidecar {
    std::uint64_t generation = 0;  // the replica's, told in full and answered
    bool refused = false;          // something of it
    Duration connected{};
    bool operator==(const Sidecar&) const = default;
  };
  struct Held {
    std::uint64_t version = 0;  // the object's own metadata.generation
    std::uint64_t since = 0;    // the replica's generation that has it first
    bool operator==(const Held&) const = default;
  };
  std::map<std::string, Sidecar> sidecars;  // by Workload, "shop/cart-a"
  std::map<ObjectKey, Held> objects;

  bool operator==(const ReplicaView&) const = default;
};

// Objects whose present text is refused are not in it: what sidecars have is an older one.
[[nodiscard]] ReplicaView make_replica_view(const Registry& registry,
                                            const std::vector<ClientReport>& clients);
[[nodiscard]] std::string replica_view_text(const ReplicaView& view);
[[nodiscard]] std::optional<ReplicaView> parse_replica_view(std::string_view text);

}  // namespace weft::control
