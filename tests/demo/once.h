#pragma once
// Once: tries every promise by itself and says what came of each. Blocking.

#include <string>
#include <vector>

#include "tests/demo/promises/promises.h"

namespace weft::demo {

struct OnceOptions {
  double rate = 2000;             // requests a second, or what the machine carries
  std::vector<std::string> only;  // names of promises; empty: all
  std::string broken;             // the one to break; then it is the only one tried
};

// The life of certificates that suits what is to be tried.
[[nodiscard]] std::string leaf_lifetime_for(const OnceOptions& options);
// 0 when every promise was kept, 1 when not, 130 when interrupted.
[[nodiscard]] int run_once(Stage& stage, const OnceOptions& options);

}  // namespace weft::demo
