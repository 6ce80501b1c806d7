#include "control/replica_watch.h"

#include <optional>
#include <set>
#include <utility>

#include "sidecar/http/client.h"

namespace weft::control {

class ReplicaWatch::Replica final : public Dialer, public http::CallHolder {
 public:
  Replica(ReplicaWatch& owner, SocketAddress address)
      : owner_(owner),
        address_(std::move(address)),
        client_(owner.turn_, *this,
                {.timeout = kTimeout, .body_bytes_max = ReplicaView::kBytesMax}) {}

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return owner_.connector_.connect(address_, {.timeout = kTimeout}, holder);
  }

  void ask() {
    if (call_ != nullptr) return;
    // The pages answer only for the names of their own machine.
    call_ = client_.send({.authority = "localhost", .target = kPage}, *this);
  }
  // Whether something is forgotten by it.
  bool age() {
    if (!view_ || owner_.turn_.now() < heard_ + kForget) return false;
    view_.reset();
    return true;
  }
  [[nodiscard]] const std::optional<ReplicaView>& view() const { return view_; }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const std::unique_ptr<http::Call> done = std::move(call_);
    std::optional<ReplicaView> view;
    if (response.head.status == 200) view = parse_replica_view(response.body);
    if (!view) return owner_.stats_.failed.add();
    owner_.stats_.answered.add();
    heard_ = owner_.turn_.now();
    const bool same = view_ && view_->objects == view->objects && same_sidecars(*view_, *view);
    view_ = std::move(view);
    if (!same) owner_.owner_.on_replicas_changed();
  }
  void on_failure(http::Call&, const Error&) override {
    const std::unique_ptr<http::Call> done = std::move(call_);
    owner_.stats_.failed.add();
  }

 private:
  // But for how long they are connected.
  static bool same_sidecars(const ReplicaView& a, const ReplicaView& b) {
    if (a.sidecars.size() != b.sidecars.size()) return false;
    for (auto left = a.sidecars.begin(), right = b.sidecars.begin(); left != a.sidecars.end();
         ++left, ++right) {
      if (left->first != right->first || left->second.generation != right->second.generation ||
          left->second.refused != right->second.refused) {
        return false;
      }
    }
    return true;
  }

  ReplicaWatch& owner_;
  const SocketAddress address_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
  std::optional<ReplicaView> view_;
  TimePoint heard_{};
};

ReplicaWatch::ReplicaWatch(Turn& turn, Connector& connector, Owner& owner)
    : turn_(turn), connector_(connector), owner_(owner), again_(turn.timers(), *this) {}

ReplicaWatch::~ReplicaWatch() = default;

void ReplicaWatch::start() { again_.arm(Duration::zero()); }

void ReplicaWatch::stop() {
  again_.cancel();
  replicas_.clear();
  stats_.known.set(0);
}

ReplicaViews ReplicaWatch::views() const {
  ReplicaViews out;
  for (const auto& [address, replica] : replicas_) {
    if (replica->view()) out.push_back(*replica->view());
  }
  return out;
}

std::vector<OtherReplica> ReplicaWatch::replicas() const {
  std::vector<OtherReplica> out;
  for (const auto& [address, replica] : replicas_) {
    out.push_back({.address = address, .view = replica->view() ? &*replica->view() : nullptr});
  }
  return out;
}

void ReplicaWatch::on_timer(Timer&) {
  again_.arm(kEvery);
  std::set<std::string> there;
  for (const SocketAddress& address : owner_.other_replicas()) {
    if (there.size() == kReplicasMax) break;
    const std::string name = address.to_string();
    there.insert(name);
    auto& replica = replicas_[name];
    if (replica == nullptr) replica = std::make_unique<Replica>(*this, address);
    replica->ask();
  }
  bool changed = false;
  for (const auto& [name, replica] : replicas_) changed = replica->age() || changed;
  changed = std::erase_if(replicas_,
                          [&](const auto& one) {
                            return !there.contains(one.first) && !one.second->view();
                          }) > 0 ||
            changed;
  stats_.known.set(static_cast<std::int64_t>(views().size()));
  if (changed) owner_.on_replicas_changed();
}

}  // namespace weft::control
