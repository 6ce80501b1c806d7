#pragma once
// Metrics: what weft-control counts about itself, under the names of schemas.md, and the page of
// them.
//
// Most of it is asked of its owners when the page is made; only what nobody else remembers is
// counted here. Owner: Control; gone before what it watches. Thread: its loop's.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/admission.h"
#include "control/authority.h"
#include "control/cluster_writer.h"
#include "control/kubernetes/kube_token_reviewer.h"
#include "control/kubernetes/resource_feed.h"
#include "control/kubernetes/webhook_keeper.h"
#include "control/mesh_page.h"
#include "control/registry.h"
#include "control/server.h"
#include "sidecar/core/counters.h"
#include "telemetry/figures.h"
#include "telemetry/registry.h"

namespace weft::control {

class Metrics final {
 public:
  static constexpr std::size_t kGenerationsMax = 64;

  // What is only known when the page is made.
  struct Now {
    const Registry& registry;
    const std::vector<ClientReport>& clients;
    bool source_readable = true;
    bool state_saved = true;
    WallTime root_expires{};
    WallTime certificate_expires{};
    Planner::ScopeCounts scopes = {};
  };

  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();
  // Once each.
  void watch(const Authority& authority);
  void watch(const Server& server);
  void watch(const kube::ResourceFeed& feed);
  void watch(const kube::KubeTokenReviewer& reviewer);
  void watch(const kube::WebhookKeeper& webhooks);
  void watch(const ClusterWriter& writer);

  // Files were read: they changed the Mesh, or they did not.
  void count_read(bool changed) { (changed ? reads_changed_ : reads_unchanged_).add(); }
  // A generation is told to everybody, and a client that was there has it in full.
  void note_announced(std::uint64_t generation, TimePoint now);
  void note_settled(std::uint64_t generation, TimePoint connected_since, TimePoint now);

  [[nodiscard]] std::string page(TimePoint now, const Now& facts);

 private:
  struct ObjectFigures {
    Gauge accepted;
    Gauge refused;
  };
  struct DoorFigures {
    const Door* door = nullptr;
    const xds::AdsServer* ads = nullptr;
    Gauge connections;
    Gauge streams;
  };

  struct FeedFigures {
    const kube::ResourceFeed* feed = nullptr;
    Gauge listed;
    Gauge silent;
  };

  void watch(DoorFigures& figures, std::string_view name);
  void watch(const Webhook& webhook);
  void look(const Now& facts);
  void count_objects(const Registry& registry);
  void count_clients(const Mesh& mesh, const std::vector<ClientReport>& clients);

  telemetry::Registry registry_;
  Counter reads_changed_;
  Counter reads_unchanged_;
  Histogram push_;
  Gauge generation_;
  Gauge problems_;
  Gauge conditions_;
  Gauge source_readable_;
  Gauge state_saved_;
  Gauge root_expires_;
  Gauge certificate_expires_;
  Gauge clients_;
  Gauge leader_;
  const ClusterWriter* writer_ = nullptr;
  std::array<Gauge, 4> sidecars_;  // in the order of kSidecarStates
  std::array<Gauge, 3> scopes_;    // in the order of kScopeNames
  Gauge scope_services_;
  Gauge destinations_known_;
  Gauge destinations_unknown_;
  std::map<Kind, ObjectFigures> objects_;
  std::map<std::uint64_t, TimePoint> announced_;
  std::map<DoorKind, DoorFigures> doors_;
  std::map<std::string, FeedFigures> feeds_;  // by resource
  telemetry::Figures figures_;
};

}  // namespace weft::control
