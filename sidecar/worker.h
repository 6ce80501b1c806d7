#pragma once
// Worker: one thread with its loop, its listeners, its clusters and its shard of the metrics.
// Shares nothing; adopts Snapshots.
//
// Owner: Sidecar. Thread: everything behind `Core` lives and dies on the worker's own thread;
// adopt(), drain(), abandon() and ask() may be called from the main loop and are posted. Destroying
// it stops the thread and waits for it.

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/access_logs.h"
#include "sidecar/core/buffer_budget.h"
#include "sidecar/drain_order.h"
#include "sidecar/net/loop.h"
#include "sidecar/proxy/fault.h"
#include "sidecar/publisher.h"
#include "sidecar/upstream/cluster_set.h"
#include "telemetry/sampler.h"
#include "telemetry/span_ring.h"

namespace weft::sidecar {

class Worker final {
 public:
  class Owner {
   public:
    // On the main loop: after drain(), the last session has ended.
    virtual void on_worker_drained(Worker& worker) = 0;
    // On the main loop: after adopt().
    virtual void on_adopted(Worker& worker, std::uint64_t generation) = 0;
    // On the main loop: its app called there, and nobody told us of it.
    virtual void on_destination_wanted(const std::string& destination) = 0;

   protected:
    ~Owner() = default;
  };

  // All outlive the worker; `shard` is written by it alone.
  struct Setting {
    net::Loop& main;
    telemetry::Shard& shard;
    telemetry::Sampler& sampler;
    upstream::SharedLimitsTable& limits;
    AccessLogs& logs;
    proxy::FaultSwitch& faults;
    std::shared_ptr<tls::Library> library;
    std::string zone = {};  // our own; empty: not known
  };

  Worker(std::uint32_t index, const Setting& setting, Owner& owner);
  ~Worker();

  void adopt(std::shared_ptr<Adoption> adoption);
  // An endpoint passes or fails its health checks from now on.
  void note_check(std::string cluster, const SocketAddress& endpoint, bool passes);
  // Answers say goodbye from now on; nothing is closed yet.
  void say_goodbye();
  // Listeners that do not take the app's own calls: no new connections, and sessions end when their
  // requests have.
  void close_inbound();
  // The app's connections are told goodbye; new ones are taken.
  void part_outbound();
  // What the control plane says of a destination that was wanted, after what was adopted; or that
  // it is to be asked for again.
  void answer(const SocketAddress& destination, bool known);
  void forget(const SocketAddress& destination);
  // No new connections; sessions say goodbye and end when their requests have.
  void drain();
  // Memory is nearly used up, or no longer: no new connections, and 503 for new requests.
  void shed(bool on);
  // The drain's deadline: whatever is left ends now.
  void abandon();
  // Runs `question` on the worker's thread, then `answer` with its result on the main loop.
  using States = std::vector<upstream::ClusterSet::ClusterState>;
  void ask_clusters(std::function<void(States)> answer);                // cold path
  void ask_connections(std::function<void(DrainOrder::Facts)> answer);  // cold path

  [[nodiscard]] std::uint32_t index() const { return index_; }
  // Drained by the main loop.
  [[nodiscard]] telemetry::SpanRing& spans() { return spans_; }
  [[nodiscard]] net::Loop::Stats& loop_stats() { return loop_.stats(); }
  [[nodiscard]] tls::Library& library() { return *setting_.library; }
  // Any thread: how much its blocks take, and may.
  [[nodiscard]] BufferBudget& buffers() { return buffers_; }

 private:
  class Core;
  void run();
  void post_note(const std::string& cluster, upstream::Mailbox::Note note);

  const std::uint32_t index_;
  const Setting setting_;
  Owner& owner_;
  BufferBudget buffers_{BufferBudget::kDefault};
  net::Loop loop_;
  telemetry::SpanRing spans_;
  Core* core_ = nullptr;  // on the worker's thread; lives in run()
  std::thread thread_;
};

using Workers = std::vector<std::unique_ptr<Worker>>;

}  // namespace weft::sidecar
