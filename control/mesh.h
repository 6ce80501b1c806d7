#pragma once
// Mesh: what the mesh should be, as one immutable value per change: the accepted objects, joined.
//
// make_mesh() joins: it resolves which Workloads stand behind which Service port, which routes hold
// for which clients, and writes a Condition wherever something named does not exist or loses
// against something else. It never fails: what cannot be joined is left out and said. The planner
// and the status pages read it. Pure.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/app_protocol.h"
#include "control/backend_tls_table.h"
#include "control/destination_table.h"
#include "control/model/object.h"
#include "control/policy_table.h"
#include "sidecar/core/spiffe_id.h"

namespace weft::control {

using Objects = std::map<ObjectKey, Object>;

// One Workload behind a Service port, where a client finds it.
struct Instance {
  std::shared_ptr<const Workload> workload;
  std::uint16_t port = 0;  // on the Workload's address
  SpiffeId identity;       // empty without a sidecar
};

struct MeshPort {
  std::string name;
  std::uint16_t port = 0;
  AppProtocol protocol = AppProtocol::kHttp1;
  bool declared = true;             // else nobody said it, and HTTP is a guess
  bool meshed = false;              // there are Workloads with sidecars, ready or not: mTLS
  std::vector<Instance> instances;  // ready ones, in order of their names; all meshed or none
  // Of all meshed Workloads, ready or not, sorted, each once: what is expected of the other side
  // does not change with readiness.
  std::vector<std::string> identities;

  [[nodiscard]] bool is_http() const { return protocol != AppProtocol::kTcp; }
};

// A Service's ports. Copies share one list until one of them is changed, so that the next Mesh
// costs what is new in it, and whoever looks for differences sees at once where there are none.
class MeshPorts final {
 public:
  using Iterator = std::vector<MeshPort>::const_iterator;

  [[nodiscard]] Iterator begin() const { return list_->begin(); }
  [[nodiscard]] Iterator end() const { return list_->end(); }
  [[nodiscard]] std::size_t size() const { return list_->size(); }
  [[nodiscard]] bool empty() const { return list_->empty(); }
  [[nodiscard]] const MeshPort& front() const { return list_->front(); }
  [[nodiscard]] const MeshPort& operator[](std::size_t at) const { return (*list_)[at]; }

  void set(std::vector<MeshPort> ports) {
    list_ = std::make_shared<const std::vector<MeshPort>>(std::move(ports));
  }
  // The very same list; others may be equal to it.
  [[nodiscard]] bool is(const MeshPorts& other) const { return list_ == other.list_; }

 private:
  std::shared_ptr<const std::vector<MeshPort>> list_ =
      std::make_shared<const std::vector<MeshPort>>();
};

struct MeshService {
  std::shared_ptr<const Service> service;
  std::string host;  // "cart.shop.svc.cluster.local"
  MeshPorts ports;

  [[nodiscard]] const ObjectName& name() const { return service->metadata.name; }
  [[nodiscard]] const MeshPort* find_port(std::uint16_t port) const;
};

// A Service port as clients of one namespace, or of all that have no routes of their own, see it.
struct RouteScope {
  ObjectName service;
  std::uint16_t port = 0;
  std::string client_namespace;  // empty: the producer's routes
  auto operator<=>(const RouteScope&) const = default;
};

// What became of one parentRef of a route.
struct Attachment {
  std::vector<std::uint16_t> ports;  // of the Service, at which the route holds
  std::string reason;                // why at none, or not at all that it names; empty: at all
  std::string message;
};
// Of each route of the Gateway API, as its parents.
using Attachments = std::map<ObjectKey, std::vector<Attachment>>;

struct Mesh {
  static constexpr std::string_view kClusterDomain = "svc.cluster.local";
  // Where what holds for the whole mesh stands (Istio's root namespace).
  static constexpr std::string_view kOwnNamespace = "weft-system";

  // What stands for one make_mesh(): Meshes that share it differ in Workloads alone, and in the
  // ports of the Services before which these stand.
  struct Joined {};

  std::uint64_t generation = 0;
  std::shared_ptr<const Joined> joined = std::make_shared<const Joined>();
  std::shared_ptr<const MeshConfig> config = std::make_shared<const MeshConfig>();
  std::map<ObjectName, MeshService> services;
  std::map<ObjectName, std::shared_ptr<const Workload>> workloads;
  // Of one kind each, in order of precedence: older, then by name. Never empty lists.
  std::map<RouteScope, std::vector<std::shared_ptr<const HttpRoute>>> routes;
  std::map<RouteScope, std::vector<std::shared_ptr<const StreamRoute>>> streams;
  std::map<ObjectName, std::shared_ptr<const HttpRoute>> http_routes;  // HTTPRoutes
  // Of every kind, whether they hold anywhere or not.
  std::vector<std::shared_ptr<const HttpRoute>> route_objects;
  std::vector<std::shared_ptr<const StreamRoute>> stream_objects;
  std::shared_ptr<const Attachments> attachments = std::make_shared<const Attachments>();
  PolicyTable policies;
  DestinationTable destinations;
  // The oldest that names a Service, by it.
  std::map<ObjectName, std::shared_ptr<const BackendTrafficPolicy>> budgets;
  BackendTlsTable backend_tls;
  std::vector<Condition> conditions;

  [[nodiscard]] const MeshService* find_service(const ObjectName& name) const;
  // Those that hold for clients of `client_namespace`; null when no route does, so that the Service
  // itself is meant.
  [[nodiscard]] const std::vector<std::shared_ptr<const HttpRoute>>* find_routes(
      const ObjectName& service, std::uint16_t port, const std::string& client_namespace) const;
  // The same for connections.
  [[nodiscard]] const std::vector<std::shared_ptr<const StreamRoute>>* find_streams(
      const ObjectName& service, std::uint16_t port, const std::string& client_namespace) const;
  [[nodiscard]] SpiffeId identity_of(const Workload& workload) const;
};

// `trust_domain` holds where no MeshConfig says; empty: the usual one.
[[nodiscard]] std::shared_ptr<const Mesh> make_mesh(const Objects& objects,
                                                    std::uint64_t generation,
                                                    const std::string& trust_domain = "");

// Workloads as they are now, by name; null where one is gone.
using WorkloadChanges = std::map<ObjectName, std::shared_ptr<const Workload>>;
// What make_mesh() would make of objects that differ from those of `before` in these Workloads
// alone, for a small part of its price; null where more depends on them than that.
[[nodiscard]] std::shared_ptr<const Mesh> change_workloads(const Mesh& before,
                                                           const WorkloadChanges& changes,
                                                           std::uint64_t generation);

}  // namespace weft::control
