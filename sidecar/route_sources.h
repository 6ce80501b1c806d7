#pragma once
// RouteSources: the route tables that came by name, and which version of each is served.
//
// A new version that sends requests to a cluster which is not there yet, because its endpoints are
// under way or nobody has told of it, waits for it at most kPatience; meanwhile the version before
// serves (decisions A5). What the version before named in vain is not waited for again. Owner:
// Publisher. Thread: main loop.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/route_table.h"
#include "sidecar/config/snapshot.h"
#include "sidecar/core/clock.h"

namespace weft::sidecar {

class RouteSources final {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(5);

  void put(std::shared_ptr<const config::RouteTable> table, TimePoint now);
  [[nodiscard]] bool contains(std::string_view name) const { return sources_.contains(name); }
  // `names` are sorted.
  void keep_only(const std::vector<std::string>& names);

  // Adds the version of each table that is served from now on; those that wait are named in
  // snapshot.warming. REQUIRES: the snapshot has its clusters. `complete`: all there is was told,
  // and what is missing will not come.
  void add_to(config::Snapshot& snapshot, TimePoint now, bool complete);
  // As of the last add_to.
  [[nodiscard]] bool waits() const { return waits_; }

 private:
  using Names = std::set<std::string, std::less<>>;
  struct Source {
    std::shared_ptr<const config::RouteTable> newest;
    Names newest_clusters;
    std::shared_ptr<const config::RouteTable> served;  // null: none has been
    Names served_clusters;
    TimePoint since{};  // when the oldest version came that is not served yet
  };

  std::map<std::string, Source, std::less<>> sources_;
  bool waits_ = false;
};

}  // namespace weft::sidecar
