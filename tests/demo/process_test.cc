// Children that end with us, and lists that outlive who wrote them.

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "tests/demo/child.h"
#include "tests/demo/number_log.h"
#include "tests/demo/stage.h"
#include "tests/support/tree_file.h"

namespace weft::demo {
namespace {

class InScratch : public ::testing::Test {
 protected:
  ScratchDirectory scratch_{ScratchDirectory::make().value()};
  [[nodiscard]] std::string path(const char* name) const { return scratch_.path() + "/" + name; }
};

using ChildProcess = InScratch;
using Numbers = InScratch;

TEST_F(ChildProcess, WritesToItsFileAndSaysHowItEnded) {
  Child child = Child::start({.arguments = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3"},
                              .output = path("log")})
                    .value();
  while (child.alive()) {
  }
  EXPECT_EQ(child.ending(), "exit status 3");
  EXPECT_EQ(testing::read_text(path("log")), "out\nerr\n");
}

TEST_F(ChildProcess, IsGoneWhenKillReturns) {
  Child child = Child::start({.arguments = {"/bin/sleep", "1000"}, .output = path("log")}).value();
  const pid_t pid = child.pid();
  EXPECT_TRUE(child.alive());
  child.kill();
  EXPECT_EQ(child.ending(), "signal 9");
  EXPECT_FALSE(child.alive());
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(ChildProcess, DiesWithItsOwner) {
  pid_t pid = -1;
  {
    const Child child =
        Child::start({.arguments = {"/bin/sleep", "1000"}, .output = path("log")}).value();
    pid = child.pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(ChildProcess, GoesWhenAskedPolitely) {
  Child child = Child::start({.arguments = {"/bin/sleep", "1000"}, .output = path("log")}).value();
  child.stop(std::chrono::seconds(20));
  EXPECT_EQ(child.ending(), "signal 15");
}

TEST_F(ChildProcess, IsRefusedByNameWhenThereIsNoSuchProgram) {
  const Result<Child> child = Child::start({.arguments = {path("nothing")}, .output = path("log")});
  ASSERT_FALSE(child.has_value());
  EXPECT_NE(child.error().detail.find("nothing"), std::string::npos);
}

TEST_F(ChildProcess, RunGivesStatusAndOutput) {
  const RunResult result = run({"/bin/sh", "-c", "echo hello; exit 4"}).value();
  EXPECT_EQ(result.status, 4);
  EXPECT_EQ(result.output, "hello\n");
}

TEST_F(Numbers, AreSeenByAnotherWhoOpensTheFile) {
  NumberLog writer = NumberLog::open(path("numbers")).value();
  writer.note(7);
  const NumberLog reader = NumberLog::open(path("numbers")).value();
  writer.note(9);
  EXPECT_EQ(reader.numbers(), (std::vector<std::uint64_t>{7, 9}));
  EXPECT_EQ(reader.numbers(1), (std::vector<std::uint64_t>{9}));
  EXPECT_TRUE(reader.numbers(5).empty());
}

TEST_F(Numbers, GoOnWhereTheOneBeforeStopped) {
  {
    NumberLog first = NumberLog::open(path("numbers")).value();
    first.note(1);
  }
  NumberLog second = NumberLog::open(path("numbers")).value();
  second.note(2);
  EXPECT_EQ(second.numbers(), (std::vector<std::uint64_t>{1, 2}));
}

TEST(Scratch, IsGoneWithItsOwner) {
  std::string path;
  {
    const ScratchDirectory scratch = ScratchDirectory::make().value();
    path = scratch.path();
    std::ofstream(path + "/file") << "x";
    EXPECT_EQ(testing::read_text(path + "/file"), "x");
  }
  EXPECT_FALSE(std::ifstream(path + "/file").good());
}

TEST(MeshPage, IsCurrentWhenEverySidecarIs) {
  const std::string page =
      R"({"sidecars": [{"state": "current"}, {"state": "behind"}, {"state": "current"}]})";
  EXPECT_TRUE(all_current(page, 2));
  EXPECT_FALSE(all_current(page, 3));
  EXPECT_FALSE(all_current("", 0));
}

}  // namespace
}  // namespace weft::demo
