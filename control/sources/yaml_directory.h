#pragma once
// YamlDirectory: the files of a directory as a source of configuration: *.yaml, *.yml and *.json,
// folders below included.
//
// Looks every kLookEvery, and soon after a hint, at names, sizes, times and inodes; reads only what
// these say has changed, after nothing has moved for kSettle (an editor writes in several steps;
// `mv` into place is seen whole). Hints without end make it look no oftener than four times in
// that. A directory that cannot be listed keeps what it gave before: a mount that is missing for a
// moment must not empty the mesh. Owner: Control. Thread: its loop's; blocking reads of small
// files.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/registry.h"
#include "sidecar/core/turn.h"

namespace weft::control {

class YamlDirectory final : public TimerSink {
 public:
  static constexpr Duration kLookEvery = std::chrono::milliseconds(200);
  static constexpr Duration kSettle = std::chrono::milliseconds(50);
  // Changes without end do not hold back what is there for longer.
  static constexpr Duration kSettleMax = std::chrono::seconds(1);
  struct Options {
    Duration look_every = kLookEvery;
    Duration settle = kSettle;
    Duration settle_max = kSettleMax;
  };
  // Somebody writes a file beside another one and puts it in its place: the first hint is for
  // nothing, and the second one is not to wait for long.
  static constexpr int kHintsPart = 4;
  static constexpr std::size_t kFilesMax = 10'000;
  static constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;
  static constexpr int kDepthMax = 8;

  class Owner {
   public:
    // Every file there is now.
    virtual void on_files(std::vector<SourceFile> files) = 0;
    // The directory cannot be read; empty once it can be again.
    virtual void on_source_problem(const std::string& problem) = 0;

   protected:
    ~Owner() = default;
  };

  YamlDirectory(Turn& turn, std::string directory, Owner& owner, const Options& options);
  YamlDirectory(Turn& turn, std::string directory, Owner& owner)
      : YamlDirectory(turn, std::move(directory), owner, Options()) {}

  // Reads at once, without telling the owner, and begins to watch.
  [[nodiscard]] Result<std::vector<SourceFile>> start();

  // Something in it may have changed (net::FolderWatch). After start().
  void look_soon();

  // All files of a directory, or the one file; for `weft lint`.
  [[nodiscard]] static Result<std::vector<SourceFile>> read_all(const std::string& path);

  void on_timer(Timer& timer) override;

 private:
  // What stat says; a change of any of it is a change of the file.
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Listing = std::map<std::string, Stamp>;

  [[nodiscard]] static Result<Listing> list(const std::string& directory);
  [[nodiscard]] static SourceFile read(const std::string& path, std::string name);
  void look();
  void tell();

  Turn& turn_;
  std::string directory_;
  Owner& owner_;
  const Options options_;
  Timer timer_;
  Listing seen_;  // at the last look
  Listing told_;  // what the texts were read with
  std::map<std::string, SourceFile> files_;
  std::optional<TimePoint> moving_since_;
  TimePoint moved_at_{};
  TimePoint looked_{};
  std::string problem_;
};

}  // namespace weft::control
