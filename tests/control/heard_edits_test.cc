// weft-control hears that its directory has changed, on a real loop, and need not look for it.

#include <gtest/gtest.h>

#include "control/control.h"
#include "sidecar/net/loop.h"
#include "tests/control/objects.h"
#include "tests/control/temporary_directory.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;

// Edits once the loop runs, and ends it when there is another generation, or no patience left.
class EditingOwner final : public Control::Owner, public TimerSink {
 public:
  EditingOwner(net::Loop& loop, const testing::TemporaryDirectory& files)
      : loop_(loop), files_(files), soon_(loop.turn().timers(), *this) {}

  bool hears_an_edit(const Control& control) {
    control_ = &control;
    generation_ = control.registry().mesh()->generation;
    until_ = loop_.turn().now() + 20s;
    soon_.arm(1ms);
    loop_.run();
    soon_.cancel();
    return control.registry().mesh()->generation > generation_;
  }
  void on_drained() override {}
  void on_timer(Timer&) override {
    soon_.arm(1ms);
    if (!std::exchange(edited_, true)) {
      files_.replace("b.yaml",
                     "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n"
                     "spec: {ports: [{port: 80}]}\n");
    }
    if (control_->registry().mesh()->generation > generation_ || loop_.turn().now() > until_) {
      loop_.stop();
    }
  }

 private:
  net::Loop& loop_;
  const testing::TemporaryDirectory& files_;
  const Control* control_ = nullptr;
  std::uint64_t generation_ = 0;
  TimePoint until_{};
  bool edited_ = false;
  Timer soon_;
};

TEST(HeardEdits, AreTakenThoughNobodyLooksForThem) {
  const testing::TemporaryDirectory files;
  const testing::TemporaryDirectory kept;
  files.write("a.yaml", "");
  net::Loop loop;
  EditingOwner owner(loop, files);
  Control::Options options;
  options.config_dir = files.path();
  options.state_dir = kept.path();
  options.source.look_every = 1h;
  options.source.settle = 1ms;
  Control control(loop.turn(), owner, options);
  const Status loaded = control.load();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  const Status listening =
      control.listen(loop, {.xds = SocketAddress(IpAddress::v4(0x7f000001), 0)});
  ASSERT_TRUE(listening) << listening.error().detail;
  EXPECT_TRUE(owner.hears_an_edit(control));
  EXPECT_EQ(testing::describe_accepted(control.registry()), "Service default/b of b.yaml\n");
}

}  // namespace
}  // namespace weft::control
