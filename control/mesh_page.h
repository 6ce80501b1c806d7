#pragma once
// MeshPage: what weft-control knows about its mesh, as the JSON of /mesh and /config. `weft status`
// and `weft traces` read it.
//
// Names are part of what others rely on: they are added to, not changed. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/registry.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// One client of the control plane, as its stream is now.
struct ClientReport {
  struct Refusal {
    std::string type;  // "Cluster"
    std::string why;   // the client's words
    bool operator==(const Refusal&) const = default;
  };
  std::string node;
  std::string workload;          // "shop/cart-v1-a"; empty for a gRPC client
  std::string address;           // where it calls from
  std::string admin;             // node.metadata.weft.admin
  std::uint64_t generation = 0;  // settled: told in full and answered
  std::vector<Refusal> refused;
  std::optional<Duration> since_answer;
  Duration connected{};
};

// "current", "behind" or "refused": has the newest generation, has not answered it, has it but for
// what it refused.
[[nodiscard]] std::string_view state_of(const ClientReport& client, std::uint64_t generation);

struct ReplicaView;

// Another weft-control of the same mesh, and what it says of itself; null: it does not answer.
struct OtherReplica {
  std::string address;
  const ReplicaView* view = nullptr;
};

struct MeshPageInput {
  const Registry& registry;
  const std::vector<ClientReport>& clients;
  std::string source_problem;  // the directory cannot be read
  std::string state_problem;   // the state cannot be saved
  std::vector<OtherReplica> others = {};
};

// Who has which generation, also of the sidecars that another replica serves: each where its newest
// stream is, its generation in the numbers of that replica. Workloads without a connection are
// "missing"; while a replica does not answer, its sidecars are among them, and the page says so.
[[nodiscard]] std::string make_mesh_page(const MeshPageInput& input);

// The accepted objects as they were read, with the file each came from: "document", and where the
// lines are known "text", the same as JSON that keeps them, and "line", where it begins.
[[nodiscard]] std::string make_config_page(const Registry& registry);

}  // namespace weft::control
