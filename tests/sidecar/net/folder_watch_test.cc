#include "sidecar/net/folder_watch.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

class FolderWatchTest : public ::testing::Test, public FolderWatch::Owner {
 protected:
  FolderWatchTest() {
    std::string path = "/tmp/weft-folder-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  ~FolderWatchTest() override { std::filesystem::remove_all(folder_); }

  void on_folder_changed() override { ++heard_; }
  void write(const std::string& name) const { std::ofstream(folder_ / name) << "x"; }

  Rig rig_;
  std::filesystem::path folder_;
  int heard_ = 0;
};

TEST_F(FolderWatchTest, HearsOfFilesThatComeChangeMoveAndGo) {
  const auto watch = FolderWatch::start(rig_.loop, folder_, *this);
  ASSERT_TRUE(watch) << watch.error().detail;
  const auto hears = [&](const std::function<void()>& change) {
    heard_ = 0;
    rig_.loop.post(change);
    return rig_.run_until([&] { return heard_ > 0; });
  };
  EXPECT_TRUE(hears([&] { write("a.yaml"); }));
  rig_.run_turns(3);
  EXPECT_TRUE(hears([&] { write("a.yaml"); }));
  rig_.run_turns(3);
  EXPECT_TRUE(hears([&] { std::filesystem::rename(folder_ / "a.yaml", folder_ / "b.yaml"); }));
  rig_.run_turns(3);
  EXPECT_TRUE(hears([&] { std::filesystem::remove(folder_ / "b.yaml"); }));
}

TEST_F(FolderWatchTest, SaysThatAFolderIsNotThere) {
  const auto watch = FolderWatch::start(rig_.loop, folder_ / "nope", *this);
  ASSERT_FALSE(watch);
  EXPECT_NE(watch.error().detail.find("nope: "), std::string::npos) << watch.error().detail;
  rig_.run_turns(3);
}

TEST_F(FolderWatchTest, IsSilentOnceItIsGone) {
  auto watch = FolderWatch::start(rig_.loop, folder_, *this);
  ASSERT_TRUE(watch);
  rig_.loop.post([&] {
    write("a.yaml");
    watch->reset();
  });
  rig_.run_turns(5);
  EXPECT_EQ(heard_, 0);
}

TEST_F(FolderWatchTest, OutlivesItsFolder) {
  const auto watch = FolderWatch::start(rig_.loop, folder_, *this);
  ASSERT_TRUE(watch);
  rig_.loop.post([&] { std::filesystem::remove_all(folder_); });
  EXPECT_TRUE(rig_.run_until([&] { return heard_ > 0; }));
  rig_.run_turns(3);
}

}  // namespace
}  // namespace weft::net
