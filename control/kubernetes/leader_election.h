#pragma once
// LeaderElection: who of several replicas writes: the state machine of one Lease
// (coordination.k8s.io/v1): what to ask the API server next, and whether this replica leads.
//
//   read --somebody's--> wait (2 s, or until it has run out) --> read | take
//     |nobody's, run out                                            |409: somebody was faster
//     v                                                             v
//   take --200--> lead: renew every 2 s --7 s without an answer--> not leading, read
//
// Fencing. A replica leads for `renew` after it *sent* its last request that was granted; others
// take the Lease `lease` after they *saw* it change last, which was later. Between the two lies as
// long as a write may take (KubeClient::kQuickTimeout), so that what was sent under a Lease is over
// before the next holder begins, and a second for clocks that do not run alike. Every request names
// the resourceVersion that it is based on: of two who want the Lease one gets 409. Only this
// machine's monotonic clock is asked; what others wrote as times is for people. A Lease that was
// deleted is nobody's only after it would have run out.
//
// A Lease of 12 s with looks every 2 s, not the usual 15 s, so that whoever is killed is replaced
// within 15 s. Pure: texts and times in, steps out. Owner: LeaseKeeper, tests. Source: Kubernetes'
// Lease API; client-go's leaderelection, which looks at observed changes alone as well.

#include <cstdint>
#include <string>
#include <string_view>

#include "control/kubernetes/json.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/counters.h"

namespace weft::control::kube {

class LeaderElection final {
 public:
  static constexpr const char* kLeaseName = "weft-control";
  // What others may write there.
  static constexpr Duration kLeaseMax = std::chrono::minutes(10);

  struct Options {
    std::string identity;  // of this process alone: another one of the same pod is another
    std::string name_space = "weft-system";
    Duration lease = std::chrono::seconds(12);
    Duration renew = std::chrono::seconds(7);
    Duration retry = std::chrono::seconds(2);
  };
  struct Step {
    enum class What : std::uint8_t { kWait, kRead, kCreate, kUpdate };
    What what = What::kWait;
    Duration time{};   // of a wait; at least a millisecond
    std::string body;  // of a create or an update
  };
  struct Stats {
    Counter acquired;
    Counter lost;       // not given back: run out, or taken
    Counter conflicts;  // somebody was faster
    Counter failures;   // answers that were none
  };

  explicit LeaderElection(Options options) : options_(std::move(options)) {}

  // What to do now. All but a wait are answered by one of the two below; a wait by the next call of
  // this, which may come earlier.
  [[nodiscard]] Step next(TimePoint now, WallTime wall);
  void on_answer(std::uint16_t status, std::string_view body, TimePoint now);
  void on_failure(const std::string& why, TimePoint now);
  // What was granted may have run out: counts it. Each of the above does so as well.
  void lapse(TimePoint now);
  // Gives the Lease back with the next step, and wants it no more.
  void resign() { resigning_ = true; }
  // After resign(): there is nothing to give back any more.
  [[nodiscard]] bool over(TimePoint now) const { return resigning_ && !leads(now); }

  // Whether something may be written that is over within KubeClient::kQuickTimeout.
  [[nodiscard]] bool leads(TimePoint now) const { return now < valid_until_; }
  [[nodiscard]] TimePoint valid_until() const { return valid_until_; }
  // Who holds it as far as is known; empty: nobody.
  [[nodiscard]] const std::string& holder() const { return holder_; }
  // How often it has changed hands, as the Lease itself says.
  [[nodiscard]] std::int64_t transitions() const { return transitions_; }
  // Why nothing is known; empty while all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  [[nodiscard]] bool is_free(TimePoint now) const;
  [[nodiscard]] Step ask(Step::What what, TimePoint now, std::string body = {});
  [[nodiscard]] std::string body_of(const std::string& holder, WallTime wall);
  void stop_leading();
  void observe(Json&& lease, TimePoint now);
  void fail(std::string why, TimePoint now);

  const Options options_;
  Json lease_;  // as it was read last; null: there is none, or it is not known
  bool known_ = false;
  bool reread_ = false;  // somebody has changed it since
  std::string spec_;     // its text, to see whether it has changed
  std::string holder_;
  Duration held_for_{};
  std::int64_t transitions_ = 0;
  TimePoint changed_{};  // when it was seen to
  WallTime renewed_{};   // what was written last
  TimePoint valid_until_{};
  TimePoint wait_until_{};
  TimePoint sent_{};
  Step::What asked_ = Step::What::kWait;
  std::string problem_;
  bool led_ = false;
  bool resigning_ = false;
  Stats stats_;
};

}  // namespace weft::control::kube
