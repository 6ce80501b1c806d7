#pragma once
// ReplicaView: which sidecars one replica of weft-control serves, and since when it has had which
// object: so that whoever writes status can count sidecars that are connected to another replica,
// and `weft status` beside one of them knows those of all. Replicas number their generations each
// by itself, so that a view is compared with itself alone.
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
  static constexpr std::size_t kRefusalsMax = 1'000;     // told of, of all sidecars
  static constexpr std::size_t kRefusalBytesMax = 1024;  // of each

  struct Sidecar {
    std::uint64_t generation = 0;  // the replica's, told in full and answered
    bool refused = false;          // something of it
    Duration connected{};
    std::optional<Duration> since_answer = {};  // to what it was told last
    std::vector<ClientReport::Refusal> refusals = {};
    bool operator==(const Sidecar&) const = default;
  };
  struct Held {
    std::uint64_t version = 0;  // the object's own metadata.generation
    std::uint64_t since = 0;    // the replica's generation that has it first
    bool operator==(const Held&) const = default;
  };
  std::uint64_t generation = 0;             // the replica's newest; 0: it does not say
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
