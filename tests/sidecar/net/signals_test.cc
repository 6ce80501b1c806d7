#include "sidecar/net/signals.h"

#include <signal.h>

#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

struct Listener final : Signals::Owner {
  void on_signal(int number) override { heard.push_back(number); }
  std::vector<int> heard;
};

TEST(Signals, ArriveAsEventsOfTheLoop) {
  Rig rig;
  Listener listener;
  Signals signals(rig.loop, listener);
  rig.loop.post([] {
    ::raise(SIGTERM);
    ::raise(SIGHUP);
  });
  ASSERT_TRUE(rig.run_until([&] { return listener.heard.size() == 2; }));
  EXPECT_EQ(listener.heard, (std::vector<int>{SIGTERM, SIGHUP}));
}

TEST(Signals, MayGoWhileOneIsUnderWay) {
  Rig rig;
  Listener listener;
  auto signals = std::make_unique<Signals>(rig.loop, listener);
  rig.loop.post([&] {
    ::raise(SIGTERM);
    signals.reset();
  });
  rig.run_turns(5);
  EXPECT_TRUE(listener.heard.empty());
}

}  // namespace
}  // namespace weft::net
