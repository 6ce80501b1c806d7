// Files on disk: what is seen, when it is told, what is kept over a restart.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "control/files.h"
#include "control/sources/yaml_directory.h"
#include "control/state_dir.h"
#include "tests/control/objects.h"
#include "tests/control/temporary_directory.h"

namespace weft::control {
namespace {

using std::chrono::milliseconds;
using testing::TemporaryDirectory;

class Watcher final : public YamlDirectory::Owner {
 public:
  explicit Watcher(const std::string& path) : directory_(turn_, path, *this) {}

  void on_files(std::vector<SourceFile> files) override {
    ++told_;
    heard_.clear();
    for (const SourceFile& file : files) {
      heard_ += file.name + "=" + (file.unreadable.empty() ? file.text : "?") + " ";
    }
  }
  void on_source_problem(const std::string& problem) override { problem_ = problem; }

  std::string start() {
    const auto files = directory_.start();
    if (!files) return files.error().detail;
    on_files(*files);
    told_ = 0;
    return heard_;
  }
  void hint() { directory_.look_soon(); }
  // Lets time pass in steps of 10 ms; what was told last, when anything was.
  std::string pass(milliseconds time) {
    const int before = told_;
    for (; time.count() > 0; time -= milliseconds(10)) {
      turn_.advance(turn_.now() + milliseconds(10));
      turn_.end();
    }
    return told_ == before ? "nothing" : heard_;
  }
  [[nodiscard]] int told() const { return told_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  Turn turn_{TimePoint{} + std::chrono::hours(1)};
  YamlDirectory directory_;
  int told_ = 0;
  std::string heard_;
  std::string problem_;
};

TEST(YamlDirectory, SeesFilesChangeComeAndGo) {
  TemporaryDirectory directory;
  directory.write("b.yaml", "1");
  directory.write("sub/a.yml", "2");
  directory.write("c.json", "3");
  directory.write("readme.txt", "no");
  directory.write(".hidden.yaml", "no");
  Watcher watcher(directory.path());
  EXPECT_EQ(watcher.start(), "b.yaml=1 c.json=3 sub/a.yml=2 ");
  EXPECT_EQ(watcher.pass(milliseconds(1000)), "nothing");
  directory.write("b.yaml", "one");
  EXPECT_EQ(watcher.pass(milliseconds(300)), "b.yaml=one c.json=3 sub/a.yml=2 ");
  directory.replace("c.json", "9");
  directory.remove("sub");
  EXPECT_EQ(watcher.pass(milliseconds(300)), "b.yaml=one c.json=9 ");
  EXPECT_EQ(watcher.pass(milliseconds(1000)), "nothing");
}

TEST(YamlDirectory, LooksAtOnceWhereSomethingHintsAndWaitsForQuietAllTheSame) {
  TemporaryDirectory directory;
  directory.write("a.yaml", "0");
  Watcher watcher(directory.path());
  static_cast<void>(watcher.start());
  EXPECT_EQ(watcher.pass(milliseconds(60)), "nothing");
  directory.write("a.yaml", "01");
  watcher.hint();
  EXPECT_EQ(watcher.pass(milliseconds(40)), "nothing");
  EXPECT_EQ(watcher.pass(milliseconds(30)), "a.yaml=01 ") << "and not after 200 ms";
  watcher.hint();
  EXPECT_EQ(watcher.pass(milliseconds(500)), "nothing") << "a hint for nothing";
}

TEST(YamlDirectory, IsNotKeptBusyByHintsWithoutEnd) {
  TemporaryDirectory directory;
  directory.write("a.yaml", "0");
  Watcher watcher(directory.path());
  static_cast<void>(watcher.start());
  EXPECT_EQ(watcher.pass(milliseconds(60)), "nothing");
  watcher.hint();
  EXPECT_EQ(watcher.pass(milliseconds(10)), "nothing");
  // It has looked at this moment: the next look is 12.5 ms later, whatever hints.
  directory.write("a.yaml", "01");
  for (int i = 0; i < 6; ++i) {
    watcher.hint();
    EXPECT_EQ(watcher.pass(milliseconds(10)), "nothing");
  }
  EXPECT_EQ(watcher.pass(milliseconds(20)), "a.yaml=01 ");
}

TEST(YamlDirectory, TellsSeveralStepsAtOnce) {
  TemporaryDirectory directory;
  directory.write("a.yaml", "0");
  Watcher watcher(directory.path());
  static_cast<void>(watcher.start());
  directory.write("a.yaml", "01");
  EXPECT_EQ(watcher.pass(milliseconds(210)), "nothing");
  directory.write("a.yaml", "012");
  EXPECT_EQ(watcher.pass(milliseconds(60)), "nothing");
  EXPECT_EQ(watcher.pass(milliseconds(100)), "a.yaml=012 ");
  EXPECT_EQ(watcher.told(), 1);
}

TEST(YamlDirectory, IsNotHeldUpByChangesWithoutEnd) {
  TemporaryDirectory directory;
  Watcher watcher(directory.path());
  static_cast<void>(watcher.start());
  std::string text;
  for (int i = 0; i < 40; ++i) {
    directory.write("a.yaml", text += "x");
    static_cast<void>(watcher.pass(milliseconds(40)));
  }
  EXPECT_GE(watcher.told(), 1);
  EXPECT_LE(watcher.told(), 3);
}

TEST(YamlDirectory, KeepsWhatItHadWhileTheDirectoryIsAway) {
  TemporaryDirectory directory;
  directory.write("conf/a.yaml", "1");
  Watcher watcher(directory / "conf");
  static_cast<void>(watcher.start());
  std::filesystem::rename(directory / "conf", directory / "away");
  EXPECT_EQ(watcher.pass(milliseconds(500)), "nothing");
  EXPECT_EQ(watcher.problem(), (directory / "conf") + ": No such file or directory");
  std::filesystem::rename(directory / "away", directory / "conf");
  static_cast<void>(watcher.pass(milliseconds(500)));
  EXPECT_EQ(watcher.problem(), "");
  directory.write("conf/a.yaml", "12");
  EXPECT_EQ(watcher.pass(milliseconds(500)), "a.yaml=12 ");
}

TEST(YamlDirectory, MarksWhatItCannotReadAndReadsItLater) {
  TemporaryDirectory directory;
  directory.write("a.yaml", std::string(YamlDirectory::kFileBytesMax + 1, '#'));
  directory.write("b.yaml", "1");
  Watcher watcher(directory.path());
  EXPECT_EQ(watcher.start(), "a.yaml=? b.yaml=1 ");
  directory.write("a.yaml", "2");
  EXPECT_EQ(watcher.pass(milliseconds(300)), "a.yaml=2 b.yaml=1 ");
}

TEST(YamlDirectory, SaysThatADirectoryIsNotThere) {
  TemporaryDirectory directory;
  Watcher watcher(directory / "nope");
  EXPECT_EQ(watcher.start(), (directory / "nope") + ": No such file or directory");
}

TEST(YamlDirectory, ReadsOneFileOrAllForLint) {
  TemporaryDirectory directory;
  directory.write("x/a.yaml", "1");
  const auto all = YamlDirectory::read_all(directory.path()).value();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, directory / "x/a.yaml");
  EXPECT_EQ(YamlDirectory::read_all(directory / "x/a.yaml").value()[0].text, "1");
  EXPECT_FALSE(YamlDirectory::read_all(directory / "y"));
}

// ---- state ----

const std::string kGood =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop, labels: {v: \"08\", t: "
    "\"true\"}}\n"
    "spec: {ports: [{port: 80}]}\n";

TEST(StateDir, BringsBackWhatWasAccepted) {
  TemporaryDirectory directory;
  Registry before;
  before.set_files({{.name = "a.yaml", .text = kGood}});
  StateDir saving(directory / "state");
  ASSERT_TRUE(saving.save(before));
  const auto state = StateDir(directory / "state").load();
  ASSERT_TRUE(state) << state.error().detail;
  EXPECT_EQ(state->generation, 1u);
  Registry after;
  EXPECT_TRUE(after.restore(state->objects, state->generation).empty());
  EXPECT_EQ(testing::describe_accepted(after), "Service shop/cart of a.yaml\n");
  const auto& labels = after.mesh()->services.begin()->second.service->metadata.labels;
  EXPECT_EQ(labels.at("v") + labels.at("t"), "08true");
  EXPECT_FALSE(after.set_files({{.name = "a.yaml", .text = kGood}}));
}

TEST(StateDir, KeepsEveryLetterOfWhatIsWritten) {
  TemporaryDirectory directory;
  for (const char* odd :
       {"plain", "\\\"a\\\\b\\\"", "tab\\tbell\\u0007", "\u00e9\u4e16 \U0001F600", "\\u007f"}) {
    const std::string text =
        "apiVersion: v1\nkind: Service\nmetadata: {name: cart, annotations: {x: \"" +
        std::string(odd) + "\"}}\nspec: {ports: [{port: 80}]}\n";
    Registry before;
    before.set_files({{.name = "a \"b\".yaml", .text = text}});
    ASSERT_EQ(before.accepted().size(), 1u) << testing::describe_problems(before);
    ASSERT_TRUE(StateDir(directory / "state").save(before));
    const auto state = StateDir(directory / "state").load();
    ASSERT_TRUE(state) << state.error().detail;
    ASSERT_EQ(state->objects.size(), 1u);
    EXPECT_EQ(state->objects[0].json, before.accepted().begin()->second.json);
    EXPECT_EQ(state->objects[0].file, "a \"b\".yaml");
  }
}

TEST(StateDir, WritesNothingTwiceAndForItselfOnly) {
  TemporaryDirectory directory;
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = kGood}});
  StateDir state(directory.path());
  ASSERT_TRUE(state.save(registry));
  struct stat status{};
  ASSERT_EQ(::stat((directory / "accepted.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  directory.remove("accepted.json");
  ASSERT_TRUE(state.save(registry));
  EXPECT_FALSE(file_exists(directory / "accepted.json"));
  registry.set_files({});
  ASSERT_TRUE(state.save(registry));
  EXPECT_TRUE(file_exists(directory / "accepted.json"));
}

TEST(StateDir, SaysWhatItCannotRead) {
  TemporaryDirectory directory;
  EXPECT_TRUE(StateDir(directory.path()).load());
  for (const std::string& text :
       std::vector<std::string>{"", "{", "[]", "{\"format\":2,\"objects\":[]}",
                                "{\"format\":1,\"objects\":3}", std::string("\0\xff", 2)}) {
    directory.write("accepted.json", text);
    EXPECT_FALSE(StateDir(directory.path()).load()) << text;
  }
  directory.write("accepted.json", "{\"format\":1,\"objects\":[1,{\"kind\":\"Future\"}]}");
  EXPECT_TRUE(StateDir(directory.path()).load()->objects.empty());
}

TEST(StateDir, SaysThatItCannotWrite) {
  TemporaryDirectory directory;
  directory.write("file", "");
  Registry registry;
  const Status saved = StateDir(directory / "file").save(registry);
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().detail.find("Not a directory"), std::string::npos);
}

TEST(Files, AreWrittenWholeOrNotAtAll) {
  TemporaryDirectory directory;
  ASSERT_TRUE(create_file(directory / "a", "one", 0600));
  EXPECT_FALSE(create_file(directory / "a", "two", 0600));
  EXPECT_EQ(read_file(directory / "a", 10).value(), "one");
  ASSERT_TRUE(replace_file(directory / "a", "three", 0640));
  EXPECT_EQ(read_file(directory / "a", 10).value(), "three");
  EXPECT_FALSE(read_file(directory / "a", 4));
  // Nothing is left lying beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

}  // namespace
}  // namespace weft::control
