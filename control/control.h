#pragma once
// Control: the composition root of weft-control: files -> Registry -> Mesh -> MeshCatalog -> ADS,
// with the CA and the pages beside it.
//
// Each change of the files that means something is one generation. It is saved before it is told,
// so the number never goes back and a restart brings back the same contents; while it cannot be
// saved nothing new is told. Bad files change nothing but what /mesh says. Drain: streams end,
// connections get their goodbye, the Owner hears when they have gone or time is up. Owner: main(),
// tests. Thread: that of the Turn; works without sockets until listen().

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/admin.h"
#include "control/authority.h"
#include "control/directory_lock.h"
#include "control/mesh_catalog.h"
#include "control/mesh_page.h"
#include "control/metrics.h"
#include "control/registry.h"
#include "control/server.h"
#include "control/sources/yaml_directory.h"
#include "control/state_dir.h"

namespace weft::control {

class Control final : public YamlDirectory::Owner,
                      public Admin::Source,
                      public xds::AdsServer::Watcher,
                      public TimerSink {
 public:
  static constexpr const char* kRootFile = "ca.pem";  // in the state directory: the public root
  static constexpr Duration kSaveAgain = std::chrono::seconds(1);
  static constexpr Duration kDrainLook = std::chrono::milliseconds(20);

  class Owner {
   public:
    // After drain(): nothing is left, or its time is up. The last event.
    virtual void on_drained() = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    std::string config_dir;
    std::string state_dir;
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
  // REQUIRES load().
  [[nodiscard]] Authority& authority() { return *authority_; }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] Admin& admin() { return admin_; }

  // YamlDirectory::Owner
  void on_files(std::vector<SourceFile> files) override;
  void on_source_problem(const std::string& problem) override;
  // Admin::Source
  [[nodiscard]] std::string state() const override;
  [[nodiscard]] std::string metrics() override;
  [[nodiscard]] std::string mesh_page() const override;
  [[nodiscard]] std::string config_page() const override;
  // xds::AdsServer::Watcher
  void on_settled(const xds::NodeInfo& node, std::uint64_t generation, TimePoint since) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kStarting, kLive, kDraining, kDrained };

  Status restore(const std::vector<SourceFile>* files);
  void log_problems();
  // Saves what the registry holds; tells it when that went well.
  void settle();
  void announce();
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
  Timer save_timer_;
  Timer drain_timer_;
  std::shared_ptr<const Mesh> announced_;
  std::set<std::string> problems_logged_;
  std::string source_problem_;
  std::string state_problem_;
  TimePoint drain_until_{};
  State state_ = State::kStarting;
};

}  // namespace weft::control
