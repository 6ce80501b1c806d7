#pragma once
// StateDir: what the control plane keeps over a restart: the accepted text of every object and the
// generation it made.
//
// One file, replaced whole by rename, so that objects and generation always belong together. A file
// that cannot be read is an error to be told, and as good as none. Owner: Control. Thread: one;
// blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "control/registry.h"

namespace weft::control {

class StateDir final {
 public:
  static constexpr const char* kFile = "accepted.json";
  static constexpr std::size_t kBytesMax = 512 * 1024 * 1024;

  struct State {
    std::uint64_t generation = 0;
    std::vector<Registry::Kept> objects;
  };

  explicit StateDir(std::string directory) : directory_(std::move(directory)) {}

  // Nothing, without an error, where nothing was saved before.
  [[nodiscard]] Result<State> load() const;
  // Writes only what differs from what was loaded or saved last.
  [[nodiscard]] Status save(const Registry& registry);

 private:
  [[nodiscard]] std::string path() const { return directory_ + "/" + kFile; }

  std::string directory_;
  std::string saved_;            // digest of the text
  std::size_t saved_bytes_ = 0;  // of the text
};

}  // namespace weft::control
