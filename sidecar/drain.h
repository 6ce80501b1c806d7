#pragma once
// Drain: the end of a sidecar's serving: what DrainOrder decides is done to every worker, until the
// last connection has ended or the time is up.
//
// How many connections are there only the workers know: they are asked while the order looks.
// Owner: Sidecar, which hears on_drained() once and last. Thread: main loop.

#include "sidecar/core/turn.h"
#include "sidecar/drain_order.h"
#include "sidecar/worker.h"

namespace weft::sidecar {

class Drain final : public TimerSink {
 public:
  class Owner {
   public:
    // Every worker has, or finish() was called.
    virtual void on_drained() = 0;

   protected:
    ~Owner() = default;
  };

  // All outlive it.
  Drain(Turn& turn, const DrainOrder::Options& options, const Workers& workers, Owner& owner);

  // Only the first counts.
  void begin();
  // What is left is not waited for. REQUIRES begin().
  void finish();
  [[nodiscard]] bool begun() const { return order_.phase() != DrainOrder::Phase::kServing; }
  [[nodiscard]] bool over() const { return over_; }

  void on_worker_drained();
  void on_timer(Timer& timer) override;

 private:
  void obey(DrainOrder::Act act);
  void ask_workers();
  void on_connections_counted(const DrainOrder::Facts& facts);

  Turn& turn_;
  const Duration timeout_;
  const Workers& workers_;
  Owner& owner_;
  DrainOrder order_;
  Timer timer_;
  std::size_t workers_drained_ = 0;
  bool over_ = false;
};

}  // namespace weft::sidecar
