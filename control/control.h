#pragma once
// Control: the composition root of weft-control: files -> Registry -> Mesh -> MeshCatalog -> ADS,
// with the CA and the pages beside it.
//
// Each change of the files that means something is one generation. It is saved before it is told,
// so the number never goes back and a restart brings back the same contents; while it cannot be
// saved nothing new is told. Bad files change nothing but what /mesh says. Drain: streams end,
// connections get their goodbye, the Owner hears when they have gone or time is up.
//
// In Kubernetes the API server takes the place of both directories: it is the source, and keeps the
// root. What is asked of it is answered later, so that Control is live, and its doors are open,
// only when the root is there and every kind has been listed; nothing is saved, and the number of a
// generation is taken from the clock. Several replicas serve at once, by the same root; one of them
// writes (cluster_writer.h). Owner: main(), tests. Thread: that of the Turn; works without
// sockets until listen().

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/admin.h"
#include "control/authority.h"
#include "control/cluster_writer.h"
#include "control/directory_lock.h"
#include "control/kubernetes/kube_token_reviewer.h"
#include "control/kubernetes/root_secret.h"
#include "control/kubernetes/webhook_keeper.h"
#include "control/mesh_catalog.h"
#include "control/mesh_page.h"
#include "control/metrics.h"
#include "control/registry.h"
#include "control/server.h"
#include "control/sources/kubernetes.h"
#include "control/sources/yaml_directory.h"
#include "control/state_dir.h"
#include "sidecar/net/folder_watch.h"

namespace weft::control {

class Control final : public YamlDirectory::Owner,
                      public net::FolderWatch::Owner,
                      public KubernetesSource::Owner,
                      public kube::RootSecret::Owner,
                      public ClusterWriter::Source,
                      public Admin::Source,
                      public xds::AdsServer::Watcher,
                      public TimerSink {
 public:
  static constexpr const char* kRootFile = "ca.pem";  // in the state directory: the public root
  static constexpr Duration kSaveAgain = std::chrono::seconds(1);
  // The wall clock may be set: how long at most nobody looks at it while a fault has an end.
  static constexpr Duration kFaultLook = std::chrono::seconds(10);
  static constexpr Duration kDrainLook = std::chrono::milliseconds(20);

  class Owner {
   public:
    // After drain(): nothing is left, or its time is up. The last event.
    virtual void on_drained() = 0;
    // In Kubernetes: the doors are open. Once.
    virtual void on_live() {}
    // In Kubernetes: it cannot go on. The last event.
    virtual void on_failed(const Error& error) { static_cast<void>(error); }

   protected:
    ~Owner() = default;
  };
  struct Options {
    std::string config_dir;
    std::string state_dir;
    // In place of both; it outlives the Control.
    kube::KubeClient* kubernetes = nullptr;
    KubernetesSource::Options cluster;
    // Who this process is among its replicas: its pod. What makes it one of a kind is added.
    std::string replica = "weft-control";
    // A sidecar that has a scope is told the names of its scope alone, as the resolvers of its
    // machine know the others. Always so in Kubernetes.
    bool scoped_names = false;
    // To other replicas, for who writes status; it outlives the Control. Null: they are not asked.
    Connector* connector = nullptr;
    YamlDirectory::Options source;
    Duration leaf_lifetime_max = std::chrono::hours(24);
    Duration drain = std::chrono::seconds(5);
    Server::Options server;
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  struct Addresses {
    SocketAddress xds;
    SocketAddress plaintext_xds;  // none(): closed
    SocketAddress admin;          // none(): no pages
    SocketAddress webhook;        // none(): closed
    SocketAddress metrics;        // none(): the admin pages have them alone
  };

  Control(Turn& turn, Owner& owner, Options options);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control();

  // Reads the directory and what was kept, makes or loads the root: the first generation is there.
  // Fails when there is neither a directory nor anything kept.
  Status load();
  // After load().
  Status listen(net::Loop& loop, const Addresses& addresses);
  [[nodiscard]] Addresses addresses() const;  // port 0 resolved
  void drain();

  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] const MeshCatalog& catalog() const { return catalog_; }
  [[nodiscard]] MeshCatalog& catalog() { return catalog_; }
  // REQUIRES load().
  [[nodiscard]] Authority& authority() { return *authority_; }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] Admin& admin() { return admin_; }
  // In Kubernetes, else null.
  [[nodiscard]] const ClusterWriter* writer() const { return writer_.get(); }

  // KubernetesSource::Owner
  void on_objects(std::vector<KeyedChange> changes) override;
  void on_objects_known() override;
  // kube::RootSecret::Owner
  void on_root(const std::string& pem) override;
  void on_no_root() override;
  // ClusterWriter::Source
  [[nodiscard]] const Registry& known_objects() const override { return registry_; }
  [[nodiscard]] std::vector<ClientReport> known_clients() const override { return clients(); }
  // YamlDirectory::Owner
  void on_files(std::vector<SourceFile> files) override;
  void on_source_problem(const std::string& problem) override;
  // net::FolderWatch::Owner
  void on_folder_changed() override { directory_.look_soon(); }
  // Admin::Source
  [[nodiscard]] std::string state() const override;
  [[nodiscard]] std::string metrics() override;
  [[nodiscard]] std::string mesh_page() const override;
  [[nodiscard]] std::string config_page() const override;
  [[nodiscard]] std::string replica_page() const override;
  // xds::AdsServer::Watcher
  void on_settled(const xds::NodeInfo& node, std::uint64_t generation, TimePoint since) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kStarting, kLive, kDraining, kDrained };

  Status restore(const std::vector<SourceFile>* files);
  void begin_in_cluster();
  void serve_cluster();
  Status start_server();
  void watch_folder();
  Status open_doors();
  void give_up(const Error& error);
  [[nodiscard]] std::string source_problem() const;
  void log_problems();
  // Saves what the registry holds; tells it when that went well.
  void settle();
  void announce();
  // Tells the newest, and when the next fault in it ends tells it again.
  void plan();
  void look_for_ended_faults();
  void look_whether_drained();
  [[nodiscard]] std::vector<ClientReport> clients() const;

  Turn& turn_;
  Owner& owner_;
  const Options options_;
  Registry registry_;
  DirectoryLock lock_;
  StateDir state_dir_;
  std::unique_ptr<Authority> authority_;
  MeshCatalog catalog_;
  std::unique_ptr<Server> server_;
  Metrics metrics_;
  Admin admin_;
  YamlDirectory directory_;
  std::unique_ptr<net::FolderWatch>
      folder_;  // null: nothing hints, and it is looked at all the same
  Random random_ = Random::from_system();
  std::unique_ptr<kube::RootSecret> root_;
  std::unique_ptr<kube::KubeTokenReviewer> reviewer_;
  std::unique_ptr<KubernetesSource> cluster_;
  std::unique_ptr<kube::WebhookKeeper> webhooks_;
  std::unique_ptr<ClusterWriter> writer_;
  net::Loop* loop_ = nullptr;
  Addresses wanted_;
  Timer save_timer_;
  Timer fault_timer_;
  Timer drain_timer_;
  std::shared_ptr<const Mesh> announced_;
  std::set<std::string> problems_logged_;
  std::string source_problem_;
  std::string state_problem_;
  TimePoint drain_until_{};
  std::optional<WallTime> fault_end_;  // of the first that was told of
  State state_ = State::kStarting;
};

}  // namespace weft::control
