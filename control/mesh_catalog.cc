#include "control/mesh_catalog.h"

#include <utility>

#include "control/admission.h"
#include "xds/resource.h"

namespace weft::control {

namespace {

// Whether both say the same, but for the Generation that closes them.
bool same_but_for_its_number(const xds::ResourceSet& a, const xds::ResourceSet& b) {
  if (a.types.size() != b.types.size()) return false;
  for (auto left = a.types.begin(), right = b.types.begin(); left != a.types.end();
       ++left, ++right) {
    if (left->first != right->first) return false;
    if (left->second == right->second) continue;
    if (left->first != xds::message_name(xds::kGenerationType)) return false;
  }
  return true;
}

}  // namespace

// One subscription; in one of the lists for as long as its client holds it.
class MeshCatalog::Entry final : public Subscription, public ListNode<Entry> {
 public:
  Entry(MeshCatalog& catalog, const xds::NodeInfo& asking, Subscriber& told)
      : node(Node::parse(asking.id)),
        identity(asking.identity),
        subscriber(told),
        catalog_(catalog) {}

  std::shared_ptr<const xds::ResourceSet> want(
      const std::set<std::string, std::less<>>& destinations) override {
    wanted = destinations;
    if (!may_be_told(catalog_.mesh(), node, identity)) return nullptr;
    last = catalog_.planner_->plan(node, wanted);
    // It hears the newest of all, whether it was due or not.
    unlink();
    catalog_.told_.push_back(*this);
    return last;
  }

  const Node node;
  const SpiffeId identity;
  Subscriber& subscriber;
  Planner::Wanted wanted;
  std::shared_ptr<const xds::ResourceSet> last;  // what it was told

 private:
  MeshCatalog& catalog_;
};

MeshCatalog::MeshCatalog(Turn& turn, Planner::Names names)
    : names_(names),
      planner_(std::make_unique<Planner>(std::make_shared<const Mesh>())),
      soon_(turn.timers(), *this) {}

MeshCatalog::~MeshCatalog() = default;

void MeshCatalog::set_mesh(std::shared_ptr<const Mesh> mesh, WallTime now) {
  planner_ = std::make_unique<Planner>(std::move(mesh), planner_.get(), now, names_);
  due_.splice(due_later_);
  due_.splice(told_);
  if (!due_.empty()) soon_.arm(Duration::zero());
}

std::unique_ptr<xds::Catalog::Subscription> MeshCatalog::subscribe(const xds::NodeInfo& node,
                                                                   Subscriber& subscriber) {
  auto entry = std::make_unique<Entry>(*this, node, subscriber);
  due_.push_back(*entry);
  soon_.arm(Duration::zero());
  return entry;
}

void MeshCatalog::on_timer(Timer&) {
  for (std::size_t i = 0; i < kPerTurn && !due_.empty(); ++i) tell(*due_.pop_front(), false);
  if (due_.empty()) {
    for (std::size_t i = 0; i < kPerTurn && !due_later_.empty(); ++i) {
      tell(*due_later_.pop_front(), true);
    }
  }
  if (!all_told()) soon_.arm(Duration::zero());
}

void MeshCatalog::tell(Entry& entry, bool also_if_only_numbered) {
  if (!may_be_told(mesh(), entry.node, entry.identity)) {
    told_.push_back(entry);
    return;
  }
  std::shared_ptr<const xds::ResourceSet> set = planner_->plan(entry.node, entry.wanted);
  const bool later =
      !also_if_only_numbered && entry.last != nullptr && same_but_for_its_number(*entry.last, *set);
  (later ? due_later_ : told_).push_back(entry);
  if (later) return;
  entry.last = set;
  // The subscriber may drop the entry meanwhile.
  entry.subscriber.on_resources(std::move(set));
}

}  // namespace weft::control
