#pragma once
// Stage: everything that runs: the control plane, the shop's apps and their sidecars, each a
// process; and the directory with their files, which goes away with the Stage.
//
//   config/   what people write: shop.yaml and canary.yaml      state/   the control plane's
//   run/      the sidecars' start files and tokens              log/     what each process says
//   numbers/  what each app has seen
//
// Parts are named: "control", "cart-v1-a" (an app), "cart-v1-a/sidecar". Thread: the one it was
// made on (children die with it); blocking.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "tests/demo/child.h"
#include "tests/demo/journal.h"
#include "tests/demo/shop.h"

namespace weft::demo {

// A directory of ours under TMPDIR; removed with everything in it.
class ScratchDirectory final {
 public:
  static Result<ScratchDirectory> make();
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&& other) noexcept;
  ~ScratchDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  // The files stay, for whoever wants to look at them.
  void keep() { kept_ = true; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
  bool kept_ = false;
};

class Stage final {
 public:
  struct Options {
    int network = 5;
    std::string bin_dir;        // where weft-control, weft-sidecar, weft and weft-demo are
    std::string leaf_lifetime;  // of certificates; "30s"
    std::string app_latency = "1ms";
    std::string collector;  // "127.0.0.1:4318"; empty: none
    bool keep_files = false;
  };
  static constexpr Duration kPatience = std::chrono::seconds(20);

  // Everything is up and has its configuration, or why not, with the last words of who failed.
  static Result<std::unique_ptr<Stage>> open(Options options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] const Shop& shop() const { return shop_; }
  [[nodiscard]] const std::string& directory() const { return scratch_.path(); }
  [[nodiscard]] const std::string& collector() const { return options_.collector; }
  [[nodiscard]] std::string config_file(std::string_view name) const;
  [[nodiscard]] std::string state_file(std::string_view name) const;
  [[nodiscard]] std::string log_file(std::string_view part) const;
  [[nodiscard]] std::string program(std::string_view name) const;

  // Replaces a file of config/ as `mv` would: whole, at once.
  Status write_config(std::string_view name, std::string_view text);
  void remove_config(std::string_view name);

  [[nodiscard]] static std::string sidecar_of(const Instance& instance);
  [[nodiscard]] std::vector<std::string> parts() const;
  [[nodiscard]] bool alive(std::string_view part);
  [[nodiscard]] pid_t pid(std::string_view part) const;
  // SIGKILL; the process is gone when this returns.
  void kill(std::string_view part);
  // After a kill. Does not wait until it serves.
  Status start(std::string_view part);

  // The control plane answers and every sidecar has its newest configuration.
  [[nodiscard]] bool wait_until_current(Duration patience = kPatience);
  // The app answers on its port.
  [[nodiscard]] bool wait_for_app(const Instance& instance, Duration patience = kPatience);
  // What `weft …` prints, with --control added.
  [[nodiscard]] Result<RunResult> weft(std::vector<std::string> arguments);
  // The JSON of the control plane's /mesh.
  [[nodiscard]] Result<std::string> mesh_page() const;

  // What every origin has seen since it first started.
  [[nodiscard]] std::vector<Sighting> sightings() const;
  // The end of a part's log.
  [[nodiscard]] std::string last_words(std::string_view part) const;

 private:
  Stage(Options options, ScratchDirectory scratch);
  Status check_ports() const;
  Status set_up();
  Status make_start_file(const Instance& instance);
  [[nodiscard]] Child::Command command_of(std::string_view part) const;
  [[nodiscard]] std::string run_file(std::string_view name) const;
  [[nodiscard]] std::string numbers_file(const Instance& instance) const;
  // "… has ended: …" of the first part that is not alive.
  [[nodiscard]] std::string first_death();

  const Options options_;
  const Shop shop_;
  ScratchDirectory scratch_;
  std::map<std::string, Child, std::less<>> children_;
};

// Whether every sidecar of a /mesh page is "current".
[[nodiscard]] bool all_current(std::string_view mesh_page, std::size_t sidecars);

}  // namespace weft::demo
