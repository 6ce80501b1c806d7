#include "sidecar/worker.h"

#include <map>

#include "sidecar/core/log.h"
#include "sidecar/core/thread.h"
#include "sidecar/net/connector.h"
#include "sidecar/proxy/listener.h"

namespace weft::sidecar {

// What lives on the worker's thread.
class Worker::Core final : public proxy::Listener::Owner,
                           public upstream::Mailbox,
                           public proxy::Demands::Source {
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
        demands_(worker.loop_.turn(), worker.setting_.shard.proxy(), *this),
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
                  .draining = goodbye_,
                  .shedding = shedding_,
                  .wall_clock = wall_clock_,
                  .demands = &demands_} {}

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
    clusters_->apply(adoption.snapshot, adoption.contexts);
    auto next = std::make_unique<proxy::View>(adoption.snapshot, view_.get(), random_);
    // Old snapshots and contexts die on the main loop: freeing many would hold up requests here
    // (decisions D12). They are sent when nobody here needs them any more.
    auto old = view_->share();
    view_ = std::move(next);
    worker_.setting_.main.post(
        [old = std::move(old), contexts = std::exchange(contexts_, adoption.contexts)] {});
    std::map<std::string, std::unique_ptr<proxy::Listener>> before = std::exchange(listeners_, {});
    for (Adoption::Slot& slot : adoption.slots) {
      if (inbound_closed_ && !is_outbound(*slot.listener)) continue;
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

  void say_goodbye() { goodbye_ = true; }

  void close_inbound() {
    goodbye_ = inbound_closed_ = true;
    close_listeners(
        [](const proxy::Listener& listener) { return !is_outbound(listener.config()); });
  }

  void part_outbound() {
    for (const auto& [key, listener] : listeners_) listener->part();
  }

  void drain() {
    if (std::exchange(draining_, true)) return;
    goodbye_ = true;
    close_listeners([](const proxy::Listener&) { return true; });
    clusters_->drain();
    report_if_drained();
  }

  [[nodiscard]] DrainOrder::Facts connections() const {
    DrainOrder::Facts facts;
    for (const auto& listener : leaving_) {
      (is_outbound(listener->config()) ? facts.outbound : facts.inbound) += listener->sessions();
    }
    for (const auto& [key, listener] : listeners_) {
      const bool outbound = is_outbound(listener->config());
      (outbound ? facts.outbound : facts.inbound) += listener->sessions();
      if (outbound) facts.outbound_accepted += listener->accepted();
    }
    return facts;
  }

  void note_check(const std::string& cluster, const SocketAddress& endpoint, bool passes) {
    clusters_->note_check(cluster, endpoint, passes);
  }

  // upstream::Mailbox. Another worker's thread.
  void post(const std::string& cluster, Note note) override { worker_.post_note(cluster, note); }
  void on_note(const std::string& cluster, Note note) { clusters_->on_note(cluster, note); }

  // proxy::Demands::Source
  void ask_for(const SocketAddress& destination) override {
    worker_.setting_.main.post([&worker = worker_, name = destination.to_string()] {
      worker.owner_.on_destination_wanted(name);
    });
  }
  [[nodiscard]] proxy::Demands& demands() { return demands_; }

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
  static bool is_outbound(const config::ListenerConfig& listener) {
    return listener.direction == config::Direction::kOutbound;
  }

  template <typename Which>
  void close_listeners(const Which& which) {
    for (auto at = listeners_.begin(); at != listeners_.end();) {
      if (!which(*at->second)) {
        ++at;
        continue;
      }
      proxy::Listener& gone = *at->second;
      leaving_.push_back(std::move(at->second));
      at = listeners_.erase(at);
      gone.drain();
    }
  }

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
  std::shared_ptr<const upstream::TlsContexts> contexts_;  // of view_
  proxy::Demands demands_;
  proxy::WallClock wall_clock_;
  bool draining_ = false;
  bool goodbye_ = false;  // in every answer; before services_, which refers to it
  bool inbound_closed_ = false;
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

void Worker::say_goodbye() {
  loop_.post([this] { core_->say_goodbye(); });
}

void Worker::close_inbound() {
  loop_.post([this] { core_->close_inbound(); });
}

void Worker::part_outbound() {
  loop_.post([this] { core_->part_outbound(); });
}

void Worker::answer(const SocketAddress& destination, bool known) {
  loop_.post([this, destination, known] { core_->demands().answer(destination, known); });
}

void Worker::forget(const SocketAddress& destination) {
  loop_.post([this, destination] { core_->demands().forget(destination); });
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

void Worker::ask_connections(std::function<void(DrainOrder::Facts)> answer) {  // cold path
  loop_.post([this, answer = std::move(answer)] {
    setting_.main.post([answer, facts = core_->connections()] { answer(facts); });
  });
}

}  // namespace weft::sidecar
