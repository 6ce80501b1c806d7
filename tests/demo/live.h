#pragma once
// Live: the shop on a screen: a table that follows the traffic, what is alive, and what to try.
// What was killed comes back after a while, as anything would that an orchestrator looks after.
// Blocking, until Ctrl-C.

#include "tests/demo/stage.h"

namespace weft::demo {

struct LiveOptions {
  double rate = 100;      // requests a second
  bool terminal = false;  // draw over the last picture; otherwise one below the other, now and then
};

[[nodiscard]] int run_live(Stage& stage, const LiveOptions& options);

}  // namespace weft::demo
