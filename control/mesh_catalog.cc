#include "control/mesh_catalog.h"

#include <utility>

#include "control/admission.h"

namespace weft::control {

// One subscription; in one of the two lists for as long as its client holds it.
class MeshCatalog::Entry final : public Subscription, public ListNode<Entry> {
 public:
  Entry(const xds::NodeInfo& asking, Subscriber& told)
      : node(Node::parse(asking.id)), identity(asking.identity), subscriber(told) {}

  const Node node;
  const SpiffeId identity;
  Subscriber& subscriber;
};

MeshCatalog::MeshCatalog(Turn& turn)
    : planner_(std::make_unique<Planner>(std::make_shared<const Mesh>())),
      soon_(turn.timers(), *this) {}

MeshCatalog::~MeshCatalog() = default;

void MeshCatalog::set_mesh(std::shared_ptr<const Mesh> mesh, WallTime now) {
  planner_ = std::make_unique<Planner>(std::move(mesh), planner_.get(), now);
  due_.splice(told_);
  if (!due_.empty()) soon_.arm(Duration::zero());
}

std::unique_ptr<xds::Catalog::Subscription> MeshCatalog::subscribe(const xds::NodeInfo& node,
                                                                   Subscriber& subscriber) {
  auto entry = std::make_unique<Entry>(node, subscriber);
  due_.push_back(*entry);
  soon_.arm(Duration::zero());
  return entry;
}

void MeshCatalog::on_timer(Timer&) {
  for (std::size_t i = 0; i < kPerTurn && !due_.empty(); ++i) tell(*due_.pop_front());
  if (!due_.empty()) soon_.arm(Duration::zero());
}

void MeshCatalog::tell(Entry& entry) {
  told_.push_back(entry);
  if (!may_be_told(mesh(), entry.node, entry.identity)) return;
  // The subscriber may drop the entry meanwhile.
  entry.subscriber.on_resources(planner_->plan(entry.node));
}

}  // namespace weft::control
