#include "sidecar/worker.h"

#include <map>

#include "sidecar/core/log.h"
#include "sidecar/core/thread.h"
#include "sidecar/net/connector.h"
#include "sidecar/proxy/listener.h"

namespace weft::sidecar {

// What lives on the worker's thread.
class Worker::Core final : public proxy::Listener::Owner, public upstream::Mailbox {
 public:
  explicit Core(Worker& worker)
      : worker_(worker),
        random_(Random::from_system()),
        connector_(worker.loop_, net::TcpConnector::Descriptors::kButTheLast),
        clusters_(upstream::ClusterSet::make({.turn = worker.loop_.turn(),
                                              .connector = connector_,
                                              .random = random_,
                                              .shard = worker.setting_.shard,
                                              .limits = worker.setting_.limits,
                                              .zone = worker.setting_.zone,
                                              .mailbox = this})),
        mirrors_(worker.loop_.turn()),
        journal_(worker.setting_.logs, worker.setting_.shard.proxy()),
        view_(std::make_unique<proxy::View>(std::make_shared<const config::Snapshot>(), nullptr,
                                            random_)),
        services_{.turn = worker.loop_.turn(),
                  .random = random_,
                  .clusters = *clusters_,
                  .shard = worker.setting_.shard,
                  .sampler = worker.setting_.sampler,
                  .spans = worker.spans_,
                  .journal = journal_,
                  .mirrors = mirrors_,
                  .faults = worker.setting_.faults,
                  .view = view_,
                  .draining = draining_,
                  .shedding = shedding_,
                  .wall_clock = wall_clock_} {}

  ~Core() {
    // Sessions before clusters, and what they retired before what it refers to.
    listeners_.clear();
    leaving_.clear();
    mirrors_.clear();
    worker_.loop_.turn().end();
    clusters_.reset();
    worker_.loop_.turn().end();
  }

  void adopt(Adoption& adoption) {
    clusters_->apply(*adoption.snapshot, *adoption.contexts);
    auto next = std::make_unique<proxy::View>(adoption.snapshot, view_.get(), random_);
    // Old snapshots die on the main loop: freeing a large one would hold up requests here
    // (decisions D12).
    worker_.setting_.main.post([old = view_->share()] {});
    view_ = std::move(next);
    std::map<std::string, std::unique_ptr<proxy::Listener>> before = std::exchange(listeners_, {});
    for (Adoption::Slot& slot : adoption.slots) {
      std::unique_ptr<proxy::Listener> listener;
      if (slot.socket.get() >= 0) {
        listener = std::make_unique<proxy::Listener>(worker_.loop_, services_, *this,
                                                     std::move(slot.socket));
      } else if (const auto found = before.find(slot.key); found != before.end()) {
        listener = std::move(found->second);
        before.erase(found);
      } else {
        WEFT_LOG(kError, "listener {}: no socket for {}", slot.listener->name, slot.key);
        continue;
      }
      listener->hold(shedding_);
      listener->configure(slot.listener, adoption.contexts);
      if (draining_) listener->drain();
      listeners_.emplace(slot.key, std::move(listener));
    }
    for (auto& [key, listener] : before) {
      proxy::Listener& gone = *listener;
      leaving_.push_back(std::move(listener));
      gone.drain();
    }
  }

  void drain() {
    if (std::exchange(draining_, true)) return;
    for (auto& [key, listener] : listeners_) {
      proxy::Listener& gone = *listener;
      leaving_.push_back(std::move(listener));
      gone.drain();
    }
    listeners_.clear();
    clusters_->drain();
    report_if_drained();
  }

  void note_check(const std::string& cluster, const SocketAddress& endpoint, bool passes) {
    clusters_->note_check(cluster, endpoint, passes);
  }

  // upstream::Mailbox. Another worker's thread.
  void post(const std::string& cluster, Note note) override { worker_.post_note(cluster, note); }
  void on_note(const std::string& cluster, Note note) { clusters_->on_note(cluster, note); }

  void shed(bool on) {
    using telemetry::OverloadAction;
    shedding_ = on;
    for (const auto& [key, listener] : listeners_) listener->hold(on);
    telemetry::ProxyMetrics& metrics = worker_.setting_.shard.proxy();
    metrics.overload_active(OverloadAction::kStopAccepting).set(on ? 1 : 0);
    metrics.overload_active(OverloadAction::kRefuseStreams).set(on ? 1 : 0);
  }

  void abandon() {
    for (const auto& listener : leaving_) listener->abandon();
    leaving_.clear();
    report_if_drained();
  }

  [[nodiscard]] States clusters() const { return clusters_->describe(); }

  void on_listener_drained(proxy::Listener& listener) override {
    const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                    [&](const auto& one) { return one.get() == &listener; });
    if (found == leaving_.end()) return;
    worker_.loop_.turn().retire(std::move(*found));
    leaving_.erase(found);
    report_if_drained();
  }

 private:
  void report_if_drained() {
    if (!draining_ || reported_ || !leaving_.empty()) return;
    reported_ = true;
    worker_.setting_.main.post([&worker = worker_] { worker.owner_.on_worker_drained(worker); });
  }

  Worker& worker_;
  Random random_;
  net::TcpConnector connector_;
  std::unique_ptr<upstream::ClusterSet> clusters_;
  proxy::MirrorSet mirrors_;
  AccessLogs::Writer journal_;
  std::unique_ptr<proxy::View> view_;
  proxy::WallClock wall_clock_;
  bool draining_ = false;
  bool shedding_ = false;
  bool reported_ = false;
  proxy::Services services_;
  std::map<std::string, std::unique_ptr<proxy::Listener>> listeners_;  // by socket key
  std::vector<std::unique_ptr<proxy::Listener>> leaving_;
};

Worker::Worker(std::uint32_t index, const Setting& setting, Owner& owner)
    : index_(index),
      setting_(setting),
      owner_(owner),
      spans_(setting.shard.proxy().dropped(telemetry::Signal::kSpan)),
      thread_(start_thread([this] { run(); })) {}

Worker::~Worker() {
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

void Worker::run() {
  const BufferBudget::Binding binding(buffers_);
  Core core(*this);
  core_ = &core;
  loop_.run();
  core_ = nullptr;
}

void Worker::adopt(std::shared_ptr<Adoption> adoption) {
  loop_.post([this, adoption = std::move(adoption)] {
    core_->adopt(*adoption);
    const std::uint64_t generation = adoption->snapshot->generation;
    setting_.main.post([this, generation] { owner_.on_adopted(*this, generation); });
  });
}

void Worker::note_check(std::string cluster, const SocketAddress& endpoint, bool passes) {
  loop_.post([this, cluster = std::move(cluster), endpoint, passes] {
    core_->note_check(cluster, endpoint, passes);
  });
}

// From another worker: what it wants to know is only whether we can be of use, so what is lost
// because we end is not missed.
void Worker::post_note(const std::string& cluster, upstream::Mailbox::Note note) {
  loop_.post([this, cluster, note] { core_->on_note(cluster, note); });
}

void Worker::drain() {
  loop_.post([this] { core_->drain(); });
}

void Worker::shed(bool on) {
  loop_.post([this, on] { core_->shed(on); });
}

void Worker::abandon() {
  loop_.post([this] { core_->abandon(); });
}

void Worker::ask_clusters(std::function<void(States)> answer) {  // cold path
  loop_.post([this, answer = std::move(answer)] {
    setting_.main.post([answer, states = core_->clusters()] { answer(states); });
  });
}

}  // namespace weft::sidecar
