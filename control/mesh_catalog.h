#pragma once
// MeshCatalog: tells every connected node what the newest Mesh has for it: joins the Planner to
// ADS.
//
// set_mesh() makes everybody due. They are told some at a time, so that a large fleet does not hold
// up the loop: first those for whom something is new, then those who only hear that the generation
// is another one. Each hears one whole generation, and whoever is late only the newest. A node that
// is not in the Mesh, or no longer, is told nothing and keeps what it has; it is told as soon as
// its Workload is there. Who wants destinations is planned for at once. Owner: Control; it outlives
// the Server. Thread: its loop's.

#include <cstdint>
#include <memory>

#include "control/planner/planner.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/turn.h"
#include "xds/catalog.h"

namespace weft::control {

class MeshCatalog final : public xds::Catalog, public TimerSink {
 public:
  // Whoever is told answers meanwhile: the more are told first, the sooner the last of them is, and
  // what their answers cost comes after. Of a thousand Services these take some 5 ms.
  static constexpr std::size_t kPerTurn = 256;

  explicit MeshCatalog(Turn& turn, Planner::Names names = Planner::Names::kAll);
  MeshCatalog(const MeshCatalog&) = delete;
  MeshCatalog& operator=(const MeshCatalog&) = delete;
  ~MeshCatalog();

  // Also the same once more, when something in it has ended by itself.
  void set_mesh(std::shared_ptr<const Mesh> mesh, WallTime now);
  [[nodiscard]] const Mesh& mesh() const { return planner_->mesh(); }
  // Nobody waits to be told.
  [[nodiscard]] bool all_told() const { return due_.empty() && due_later_.empty(); }
  // How much of the mesh those who were told of the newest know.
  [[nodiscard]] Planner::ScopeCounts scopes() const { return planner_->scopes(); }

  [[nodiscard]] std::unique_ptr<Subscription> subscribe(const xds::NodeInfo& node,
                                                        Subscriber& subscriber) override;
  void on_timer(Timer& timer) override;

 private:
  class Entry;

  void tell(Entry& entry, bool also_if_only_numbered);

  const Planner::Names names_;
  std::unique_ptr<Planner> planner_;
  Timer soon_;
  IntrusiveList<Entry> due_;
  IntrusiveList<Entry> due_later_;  // for whom only the generation's number is new
  IntrusiveList<Entry> told_;
};

}  // namespace weft::control
