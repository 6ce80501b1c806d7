#pragma once
// Programs: other people's programs, run to their end: text in, text out, an exit status.
//
// Never through a shell: an argument is an argument. A run that outlives the patience, or prints
// more than kOutputMax, is killed. Thread: any one; SystemPrograms ignores SIGPIPE for the whole
// process while it runs something.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::redirect {

class Programs {
 public:
  static constexpr std::size_t kOutputMax = 4 * 1024 * 1024;

  struct Outcome {
    int status = 0;  // of exit(); 128 + N when signal N ended it
    std::string out;
    std::string err;
  };

  virtual ~Programs() = default;
  [[nodiscard]] virtual bool has(std::string_view name) = 0;
  // `argv[0]` is a name. kInvalid: there is none; kTimeout, kLimit: see above; kInternal: it could
  // not be started. A status other than 0 is an Outcome like any other.
  [[nodiscard]] virtual Result<Outcome> run(const std::vector<std::string>& argv,
                                            std::string_view input) = 0;
};

// Found along PATH, then where Debian keeps the programs of root.
class SystemPrograms final : public Programs {
 public:
  static constexpr std::chrono::milliseconds kPatience{20'000};

  explicit SystemPrograms(std::chrono::milliseconds patience = kPatience) : patience_(patience) {}

  [[nodiscard]] bool has(std::string_view name) override;
  [[nodiscard]] Result<Outcome> run(const std::vector<std::string>& argv,
                                    std::string_view input) override;

 private:
  std::chrono::milliseconds patience_;
};

// What an unsuccessful program said, for a message: its first lines, at most.
[[nodiscard]] std::string complaint_of(const Programs::Outcome& outcome);

}  // namespace weft::redirect
