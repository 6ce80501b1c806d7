#include "sidecar/route_sources.h"

#include <gtest/gtest.h>

namespace weft::sidecar {
namespace {

using namespace std::chrono_literals;

// A table of that version, with a route to each of the clusters.
std::shared_ptr<const config::RouteTable> table(std::uint64_t version,
                                                const std::vector<std::string>& clusters) {
  config::RouteConfig made;
  made.name = "80";
  made.version = std::to_string(version);
  config::VirtualHost host;
  host.name = "all";
  host.domains = {"*"};
  for (const std::string& cluster : clusters) {
    config::Route route;
    config::ForwardAction forward;
    forward.clusters = {{.cluster = cluster, .weight = 1}};
    route.action = std::move(forward);
    host.routes.push_back(std::move(route));
  }
  made.virtual_hosts.push_back(std::move(host));
  return *config::RouteTable::compile(std::move(made));
}

class Scene {
 public:
  void put(std::uint64_t version, const std::vector<std::string>& clusters) {
    sources_.put(table(version, clusters), now);
  }
  // The version that is served when these clusters are there; "1 waits" when a newer one waits.
  std::string serves(const std::vector<std::string>& clusters, bool complete = false) {
    config::Snapshot snapshot;
    for (const std::string& cluster : clusters) snapshot.clusters[cluster] = {};
    sources_.add_to(snapshot, now, complete);
    EXPECT_EQ(sources_.waits(), !snapshot.warming.empty());
    return snapshot.routes.at("80")->config().version + (sources_.waits() ? " waits" : "");
  }
  TimePoint now{1h};

 private:
  RouteSources sources_;
};

TEST(RouteSources, ServesTheFirstVersionWhateverItNames) {
  Scene scene;
  scene.put(1, {"a"});
  EXPECT_EQ(scene.serves({}), "1");
}

TEST(RouteSources, AVersionWaitsForItsNewClusters) {
  Scene scene;
  scene.put(1, {"a"});
  EXPECT_EQ(scene.serves({"a"}), "1");
  scene.put(2, {"a", "b"});
  EXPECT_EQ(scene.serves({"a"}), "1 waits");
  EXPECT_EQ(scene.serves({"a", "b"}), "2");
  EXPECT_EQ(scene.serves({"a"}), "2") << "what is served stays, whatever happens to its clusters";
}

TEST(RouteSources, ButNotForEver) {
  Scene scene;
  scene.put(1, {"a"});
  EXPECT_EQ(scene.serves({"a"}), "1");
  scene.put(2, {"b"});
  scene.now += 4s;
  EXPECT_EQ(scene.serves({"a"}), "1 waits");
  scene.put(3, {"b"});  // newer ones do not begin the wait anew
  scene.now += 1s;
  EXPECT_EQ(scene.serves({"a"}), "3");
}

TEST(RouteSources, NotForWhatWasNamedInVainBefore) {
  Scene scene;
  scene.put(1, {"a", "mistyped"});
  EXPECT_EQ(scene.serves({"a"}), "1");
  scene.put(2, {"mistyped"});
  EXPECT_EQ(scene.serves({"a"}), "2");
}

TEST(RouteSources, NotForWhatWillNotCome) {
  Scene scene;
  scene.put(1, {"a"});
  EXPECT_EQ(scene.serves({"a"}), "1");
  scene.put(2, {"b"});
  EXPECT_EQ(scene.serves({"a"}, true), "2");
}

TEST(RouteSources, ForgetsWhatNobodyUses) {
  RouteSources sources;
  sources.put(table(1, {"a"}), TimePoint(1h));
  sources.keep_only({"79", "80"});
  EXPECT_TRUE(sources.contains("80"));
  sources.keep_only({"79"});
  EXPECT_FALSE(sources.contains("80"));
}

}  // namespace
}  // namespace weft::sidecar
