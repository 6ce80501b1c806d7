#pragma once
// Reflector: the state machine of list and watch for one resource: what to ask the API server next,
// and what its answers mean for the store.
//
//   list, page by page --last page--> watch --cut, timeout--> watch again from where it was
//     ^   |410, cut: begin again        |410: what was missed is not known
//     +---+-----------------------------+
//
// The store hears of a list when all of it is there, never of a half; until then, and while nobody
// answers, it keeps what it has. What cannot be understood is passed over and counted. Delays grow
// with full jitter; Retry-After outranks them. Pure: texts and times in, steps and store changes
// out. Owner: ResourceFeed, tests. Source: Kubernetes API concepts (efficient detection of
// changes; retrieving large results in chunks).

#include <cstdint>
#include <string>
#include <string_view>

#include "control/kubernetes/json.h"
#include "control/kubernetes/resource.h"
#include "sidecar/core/backoff.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/error.h"

namespace weft::control::kube {

class Reflector final {
 public:
  // A watch that was open for so long was one.
  static constexpr Duration kWorthwhile = std::chrono::seconds(1);

  class Store {
   public:
    // Everything there is: what follows up to on_listed() replaces what is known, all at once.
    virtual void on_list_begun() = 0;
    virtual void on_list_item(const ObjectName& name, Json&& object) = 0;
    virtual void on_listed() = 0;
    virtual void on_put(const ObjectName& name, Json&& object) = 0;
    virtual void on_removed(const ObjectName& name) = 0;

   protected:
    ~Store() = default;
  };

  struct Options {
    std::uint32_t page = 500;
    std::size_t objects_max = 100'000;  // of one list; what is more is passed over
    Duration watch = std::chrono::minutes(4);
    Duration watch_jitter = std::chrono::minutes(2);
    Duration backoff = std::chrono::milliseconds(500);
    Duration backoff_max = std::chrono::seconds(30);
    Duration retry_after_max = std::chrono::minutes(5);
    Duration absent_look = std::chrono::minutes(1);
    // So often a kind must be said not to exist before what was known of it goes.
    std::uint32_t absent_looks = 2;
  };
  struct Step {
    enum class What : std::uint8_t { kList, kWatch, kWait };
    What what = What::kWait;
    std::string target;  // path and query
    Duration time{};     // how long to wait; of a watch: when the server itself ends it
  };
  struct Stats {
    Counter lists;    // whole ones
    Counter watches;  // asked for
    Counter events;
    Counter skipped;   // objects and lines that cannot be understood, or are too large
    Counter relists;   // because of 410 Gone
    Counter failures;  // answers that were none
  };

  Reflector(const Resource& resource, Store& store, Random& random, const Options& options);
  Reflector(const Resource& resource, Store& store, Random& random)
      : Reflector(resource, store, random, Options()) {}

  // What to do now; each step is answered by one of the calls below it, a wait by the next call of
  // this.
  [[nodiscard]] Step next();

  // kList
  void on_page(std::string_view body);
  void on_list_refused(std::uint16_t status, Duration retry_after, std::string_view body);
  void on_list_failed(const Error& error);
  // kWatch: the server agrees, any number of lines, then one of the others.
  void on_watch_open() { be_well(); }
  void on_line(std::string_view line, bool too_long);
  void on_watch_refused(std::uint16_t status, Duration retry_after);
  // `why` is empty where the server ended it in order.
  void on_watch_end(const std::string& why, Duration lasted);
  // The watch is of no more use: drop it.
  [[nodiscard]] bool watch_is_over() const { return phase_ != Phase::kWatch || broken_; }

  // The server has answered somebody else: whether what waits because of no fault of its own may be
  // asked for now. Once; a server that answers one and not the other is not asked without a pause.
  [[nodiscard]] bool hurry();

  // A whole list came, or the kind is not there.
  [[nodiscard]] bool listed() const { return listed_; }
  // Why nothing comes; empty while all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // The version of the API that answers; none when the kind is not installed.
  [[nodiscard]] std::string api_version() const { return resource_.api_version(version_); }
  [[nodiscard]] const Resource& resource() const { return resource_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  enum class Phase : std::uint8_t { kList, kWatch };

  void take_item(Json&& object);
  void begin_again();
  void fail(std::string why, Duration retry_after = Duration::zero());
  [[nodiscard]] static bool is_everybodys(std::uint16_t status, Duration retry_after);
  void miss(Duration retry_after = Duration::zero());
  void note_absent();
  void be_well();
  void on_event(std::string_view type, Json& object);
  void on_error_event(const Json& status);

  const Resource resource_;
  Store& store_;
  Random& random_;
  const Options options_;
  Backoff backoff_;
  const std::string selector_;  // of a query
  Phase phase_ = Phase::kList;
  std::size_t version_ = 0;
  std::uint32_t page_;
  std::string continue_;
  std::string resource_version_;
  std::string problem_;
  std::size_t items_ = 0;  // of the list that is being read
  Duration wait_{};
  std::uint32_t absent_ = 0;
  bool listing_ = false;  // the store heard on_list_begun
  bool listed_ = false;
  bool broken_ = false;
  bool hasty_ = false;    // failed as everybody would have
  bool hurried_ = false;  // since all was well
  bool fresh_ = false;    // nothing came of the version that the last list gave
  Stats stats_;
};

}  // namespace weft::control::kube
