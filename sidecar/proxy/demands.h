#pragma once
// Demands: destinations that this worker's app called and nobody had told us of: what the control
// plane says of each, and the connections that wait to hear it.
//
// A destination is asked for once, however many call it; until the answer, or the time limit, its
// connections wait; then they go on, whatever it was. That nobody is there is remembered for
// kUnknownKept. Only connections to where no chain leads come here. What an app can make us do for
// a call is bounded: every step here takes O(log kMax), however many destinations are known. Owner:
// Worker; it outlives the sessions. Thread: its worker's.

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>

#include "sidecar/config/listener_config.h"
#include "sidecar/core/address.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/turn.h"
#include "telemetry/proxy_metrics.h"

namespace weft::proxy {

class Demands final : public TimerSink {
 public:
  static constexpr std::size_t kMax = 4096;  // destinations known here; of more nobody is asked
  static constexpr Duration kUnknownKept = std::chrono::seconds(5);

  // Who is asked. Answers with answer(), later.
  class Source {
   public:
    virtual void ask_for(const SocketAddress& destination) = 0;

   protected:
    ~Source() = default;
  };
  // One connection that waits. Dropping it ends the wait.
  class Waiter : public ListNode<Waiter> {
   public:
    Waiter() = default;
    virtual ~Waiter();
    // The only event. The waiter is in no list then, and may be retired.
    virtual void on_answered() = 0;

   private:
    friend class Demands;
    Demands* demands_ = nullptr;  // while it waits
  };

  Demands(Turn& turn, telemetry::ProxyMetrics& metrics, Source& source);

  // Whether there is nothing to wait for at that destination now.
  [[nodiscard]] bool answered(const SocketAddress& destination) const;
  // REQUIRES !answered(). False: it cannot wait, and goes on at once.
  [[nodiscard]] bool wait(const SocketAddress& destination, const config::OnDemand& limits,
                          Waiter& waiter);

  // What is known has been adopted by this worker.
  void answer(const SocketAddress& destination, bool known);
  // It may go at any time: whoever calls there next asks again.
  void forget(const SocketAddress& destination);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t known() const { return entries_.size(); }
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kAsked, kKnown, kUnknown };
  struct Entry {
    State state = State::kAsked;
    TimePoint until{};  // kAsked: its time limit. kUnknown: it holds as long
    IntrusiveList<Waiter> waiters;
  };

  using Entries = std::unordered_map<SocketAddress, Entry, SocketAddressHash>;
  // Soonest first.
  using Schedule = std::set<std::pair<TimePoint, SocketAddress>>;

  [[nodiscard]] Schedule* schedule_of(State state);
  void set(Entries::value_type& one, State state, TimePoint until);
  void settle(Entries::value_type& one, State state);
  void make_room();

  Turn& turn_;
  telemetry::ProxyMetrics& metrics_;
  Source& source_;
  Entries entries_;
  Schedule asked_;    // by their time limits, the first of which the timer waits for
  Schedule unknown_;  // by when it is not sure any more that nobody is there
  std::size_t waiting_ = 0;
  Timer timer_;
};

}  // namespace weft::proxy
