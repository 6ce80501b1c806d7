// Files that are compiled as one do not use a name for two things.
//
// Which files are compiled as one depends on how many there are, so every pair of a target counts:
// otherwise the next new file breaks a build that nobody touched.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/house/local_names.h"

namespace weft::house {
namespace {

struct Batch {
  std::string_view target;
  std::string_view folder;
  bool with_folders_below;
  std::vector<std::string_view> alone;  // folders and files that are not part of it
};

// As weft_room() and weft_batch() of CMakeLists.txt say it.
const std::vector<Batch> kBatches = {
    {"weft_xds", "xds", false, {}},
    {"weft_sidecar_lib", "sidecar", false, {"sidecar/main.cc"}},
    {"weft_control_lib", "control", true, {"control/main.cc", "control/cli/"}},
    {"control_tests", "tests/control", false, {}},
    {"mesh_tests", "tests/mesh", false, {}},
    {"mesh_control_tests", "tests/mesh_control", false, {}},
    {"proxy_tests", "tests/sidecar/proxy", false, {}},
    {"sidecar_tests", "tests/sidecar", false, {}},
    {"tls_tests", "tests/tls", false, {}},
    {"xds_tests",
     "tests/xds",
     false,
     {"tests/xds/proto_test.cc", "tests/xds/ads_hostile_test.cc"}}};

std::vector<File> files_of(const Batch& batch) {
  std::vector<File> out;
  for (File& file : read_tree(WEFT_SOURCE_DIR, {batch.folder}, {".cc"})) {
    const std::string_view below = std::string_view(file.path).substr(batch.folder.size() + 1);
    const bool alone = std::ranges::any_of(
        batch.alone, [&](std::string_view one) { return file.path.starts_with(one); });
    if (!alone && (batch.with_folders_below || below.find('/') == std::string_view::npos))
      out.push_back(std::move(file));
  }
  return out;
}

TEST(Batches, AreTheOnesOfTheBuild) {
  const std::vector<File> build =
      read_tree(WEFT_SOURCE_DIR, {"CMakeLists.txt", "tests/CMakeLists.txt"}, {});
  ASSERT_EQ(build.size(), 2U);
  std::size_t count = 0;
  const std::string text = build[0].text + build[1].text;
  for (const std::string_view line : split_lines(text)) {
    if (!line.starts_with("weft_batch(")) continue;
    ++count;
    EXPECT_TRUE(std::ranges::any_of(kBatches, [&](const Batch& batch) {
      return find_word(line, batch.target) != std::string_view::npos;
    })) << line;
  }
  EXPECT_EQ(count, kBatches.size());
}

TEST(Batches, HaveNoNameForTwoThings) {
  for (const Batch& batch : kBatches) {
    const std::vector<File> files = files_of(batch);
    EXPECT_GT(files.size(), 8U) << batch.target;
    EXPECT_EQ(report(clashes(files)), "") << batch.target;
  }
}

// ---- the check, on samples ----

std::string names_in(std::string_view text) {
  std::string out;
  for (const LocalName& one : local_names(text)) {
    out += std::to_string(one.line) + " " + one.name_space + " " + one.name +
           (one.meaning.empty() ? "" : " " + one.meaning) + "\n";
  }
  return out;
}

std::string clash_of(const std::string& a, const std::string& b) {
  const auto in = [](const std::string& text) {
    return "namespace weft {\nnamespace {\n" + text + "\n}  // namespace\n}  // namespace weft\n";
  };
  return report(clashes({{"a.cc", in(a)}, {"b.cc", in(b)}}));
}

TEST(LocalNames, AreThoseOfAnonymousNamespacesAndAliases) {
  EXPECT_EQ(names_in(R"(#include <set>
#define TWO \
  int not_a_name;
namespace weft::control {

namespace rt = envoy::route;
using Json = nlohmann::json;

namespace {

using std::chrono::seconds;
constexpr std::size_t kMost = 4;  // int in_a_comment = 1;
constexpr std::array<std::pair<int, int>, 2> kTable = {{{1, 2}, {3, 4}}};
int counts[3];
struct Later;
struct Held final : Base {
  int member = 0;
  void method() { int local; }
};
enum class State : std::uint8_t { kOne, kTwo };
template <typename T, typename U = std::set<T>>
[[nodiscard]] std::map<T, U> make(const T& one, U two = U()) {
  if (true) { int local = 0; }
  return {};
}
void Held::method() {}
static_assert(kMost == 4);

}  // namespace

int visible() { return 0; }

}  // namespace weft::control
)"),
            "6 weft::control rt envoy::route\n"
            "7 weft::control Json nlohmann::json\n"
            "11 weft::control seconds std::chrono::seconds\n"
            "12 weft::control kMost\n"
            "13 weft::control kTable\n"
            "14 weft::control counts\n"
            "16 weft::control Held\n"
            "20 weft::control State\n"
            "21 weft::control make (constT&|U|\n");
}

TEST(LocalNames, ClashWhereOneNameMeansTwoThings) {
  EXPECT_EQ(clash_of("int kMost = 1;", "int kMost = 1;"),
            "b.cc:3: kMost is in a.cc:3 as well, and both are compiled as one\n");
  EXPECT_NE(clash_of("struct Held {};", "class Held {};"), "");
  EXPECT_NE(clash_of("struct Held {};", "int Held = 0;"), "");
  EXPECT_NE(clash_of("void f(const int& a) {}", "int f(const int& b) {}"), "");
  EXPECT_NE(clash_of("void f() {}", "template <typename T>\nvoid f() {}"), "");
  EXPECT_NE(clash_of("using T = int;", "using T = long;"), "");
  EXPECT_NE(clash_of("namespace a = b::c;", "namespace a = b::d;"), "");
  EXPECT_NE(clash_of("using b::json;", "int json(int a) { return a; }"), "");
}

TEST(LocalNames, DoNotClashWhereBothMayStand) {
  EXPECT_EQ(clash_of("int one = 1;", "int two = 1;"), "");
  EXPECT_EQ(clash_of("void f(int a) {}", "void f(long a) {}"), "");
  EXPECT_EQ(clash_of("void f() {}", "void f(int a) {}"), "");
  EXPECT_EQ(clash_of("using T = int;", "using T = int;"), "");
  EXPECT_EQ(clash_of("using b::json;", "using b::json;"), "");
  EXPECT_EQ(clash_of("using namespace b;", "using enum c::D;"), "");
  EXPECT_EQ(clash_of("struct Held;", "struct Held;"), "");
  EXPECT_EQ(clash_of("void f();\nvoid f() {}", ""), "");
  EXPECT_EQ(clash_of("void f() { int local = 0; }", "void g() { int local = 0; }"), "");
  EXPECT_EQ(report(clashes({{"a.cc", "namespace a {\nnamespace {\nint x;\n}\n}\n"},
                            {"b.cc", "namespace b {\nnamespace {\nint x;\n}\n}\n"}})),
            "");
  EXPECT_EQ(report(clashes(
                {{"a.cc", "namespace a {\nint x;\n}\n"}, {"b.cc", "namespace a {\nint x;\n}\n"}})),
            "");
}

}  // namespace
}  // namespace weft::house
