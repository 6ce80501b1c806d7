// The rules of style that a program can check, each with samples that prove it can fail.
//
// C++ rules look at the rooms and the tests; words and paths that do not belong in the tree are
// looked for in every text file. The samples below write those words in two pieces, so that this
// file may be read by its own rules.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/source_text.h"

namespace weft::house {
namespace {

const std::vector<std::string_view> kRooms = {"sidecar", "control", "xds", "tls", "telemetry"};

// Where a request or its bytes pass: a std::function there costs an allocation per use.
const std::vector<std::string_view> kRequestPath = {"sidecar/core/",  "sidecar/net/",
                                                    "sidecar/http/",  "sidecar/upstream/",
                                                    "sidecar/proxy/", "tls/"};

// libuv's close callback, and the one place where a turn buries what was retired.
const std::vector<std::string_view> kMayDelete = {"sidecar/net/", "sidecar/core/turn."};

const std::vector<std::string_view> kMarks = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "X"
    "XX"};

const std::vector<std::string_view> kMachinePaths = {
    "/ho"
    "me/",
    "/ro"
    "ot/",
    "/wo"
    "rk/",
    "/Us"
    "ers/"};

// One file seen three ways, line by line.
class Source {
 public:
  explicit Source(const File& file) : path_(file.path), code_(code_only(file.text)) {
    raw_lines_ = split_lines(file.text);
    code_lines_ = split_lines(code_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_header() const { return path_.ends_with(".h"); }
  [[nodiscard]] std::size_t lines() const { return raw_lines_.size(); }
  [[nodiscard]] std::string_view raw(std::size_t i) const { return raw_lines_[i]; }
  [[nodiscard]] std::string_view code(std::size_t i) const { return code_lines_[i]; }

 private:
  std::string path_;
  std::string code_;
  std::vector<std::string_view> raw_lines_;
  std::vector<std::string_view> code_lines_;
};

using Findings = std::vector<Finding>;

void header_begins_well(const Source& source, Findings& out) {
  if (!source.is_header()) return;
  bool once = false;
  bool paragraph = false;
  for (std::size_t i = 0; i < source.lines(); ++i) {
    const std::string_view line = trimmed(source.raw(i));
    if (line == "#pragma once") once = true;
    if (line.empty() || line == "#pragma once") continue;
    if (line.starts_with("//") && line.size() > 10) paragraph = true;
    break;
  }
  for (std::size_t i = 0; i < source.lines() && !once; ++i) {
    once = trimmed(source.code(i)) == "#pragma once";
  }
  if (!once) out.push_back({source.path(), 1, "a header says #pragma once"});
  if (!paragraph)
    out.push_back({source.path(), 1, "a header begins with what it is, in a comment"});
}

void no_using_namespace_in_headers(const Source& source, Findings& out) {
  for (std::size_t i = 0; i < source.lines() && source.is_header(); ++i) {
    if (find_word(source.code(i), "using namespace") != std::string_view::npos) {
      out.push_back({source.path(), i + 1, "no using namespace in a header"});
    }
  }
}

bool says_cold_path(std::string_view line) {
  const std::size_t comment = line.find("//");
  return comment != std::string_view::npos &&
         line.find("cold path", comment) != std::string_view::npos;
}

// The comment stands on the line itself or, where that would be too long, alone on the one above.
void no_function_objects_on_the_request_path(const Source& source, Findings& out) {
  const auto passes = [&](std::string_view top) { return source.path().starts_with(top); };
  if (!std::ranges::any_of(kRequestPath, passes)) return;
  for (std::size_t i = 0; i < source.lines(); ++i) {
    if (find_word(source.code(i), "std::function") == std::string_view::npos) continue;
    const bool above = i > 0 && trimmed(source.raw(i - 1)).starts_with("//");
    if (says_cold_path(source.raw(i)) || (above && says_cold_path(source.raw(i - 1)))) continue;
    out.push_back({source.path(), i + 1,
                   "no std::function on the request path (or say why it is a // cold path)"});
  }
}

// `= delete` and `operator delete` are declarations, not deletions.
bool deletes(std::string_view code, std::size_t at) {
  const std::string_view before = trimmed(code.substr(0, at));
  return !before.ends_with('=') && !before.ends_with("operator");
}

void no_delete(const Source& source, Findings& out) {
  const bool may_delete = std::ranges::any_of(
      kMayDelete, [&](std::string_view place) { return source.path().starts_with(place); });
  for (std::size_t i = 0; i < source.lines(); ++i) {
    const std::string_view code = source.code(i);
    for (std::size_t at = find_word(code, "delete"); at != std::string_view::npos;
         at = find_word(code, "delete", at + 1)) {
      if (!deletes(code, at)) continue;
      if (trimmed(code.substr(at + 6)).starts_with("this")) {
        out.push_back({source.path(), i + 1, "nothing deletes itself: it tells its owner"});
      } else if (!may_delete) {
        out.push_back({source.path(), i + 1, "no delete: std::unique_ptr owns"});
      }
    }
  }
}

void no_coroutines_and_no_capture_of_everything(const Source& source, Findings& out) {
  for (std::size_t i = 0; i < source.lines(); ++i) {
    const std::string_view code = source.code(i);
    for (const std::string_view word : {"co_await", "co_return", "co_yield"}) {
      if (find_word(code, word) != std::string_view::npos) {
        out.push_back({source.path(), i + 1, "no coroutines (g++ 12 destroys temporaries twice)"});
      }
    }
    if (code.find("[=]") != std::string_view::npos || code.find("[=,") != std::string_view::npos) {
      out.push_back({source.path(), i + 1, "a lambda names what it captures, never [=]"});
    }
  }
}

void own_include_first(const Source& source, bool has_header, Findings& out) {
  if (!source.path().ends_with(".cc") || !has_header) return;
  const std::string own = "#include \"" + source.path().substr(0, source.path().size() - 2) + "h\"";
  for (std::size_t i = 0; i < source.lines(); ++i) {
    if (!trimmed(source.code(i)).starts_with("#include")) continue;
    if (!trimmed(source.raw(i)).starts_with(own)) {
      out.push_back({source.path(), i + 1, "the first include is " + own});
    }
    return;
  }
}

Findings check_code(const File& file, bool has_header) {
  const Source source(file);
  Findings out;
  header_begins_well(source, out);
  no_using_namespace_in_headers(source, out);
  no_function_objects_on_the_request_path(source, out);
  no_delete(source, out);
  no_coroutines_and_no_capture_of_everything(source, out);
  own_include_first(source, has_header, out);
  return out;
}

// A path of some machine starts after a blank, a quote or a bracket; inside an address it is a
// page.
bool names_machine_path(std::string_view line, std::string_view path) {
  for (std::size_t at = line.find(path); at != std::string_view::npos;
       at = line.find(path, at + 1)) {
    if (at == 0 ||
        std::string_view(" \t\"'`=(:<,[{").find(line[at - 1]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

Findings check_words(const File& file) {
  Findings out;
  const std::vector<std::string_view> lines = split_lines(file.text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const std::string_view mark : kMarks) {
      if (find_word(lines[i], mark) == std::string_view::npos) continue;
      out.push_back(
          {file.path, i + 1, "what is not done is absent, not marked " + std::string(mark)});
    }
    for (const std::string_view path : kMachinePaths) {
      if (!names_machine_path(lines[i], path)) continue;
      out.push_back({file.path, i + 1, "no path of one machine: " + std::string(path)});
    }
  }
  return out;
}

// ---- the tree itself ----

TEST(Style, EverySourceFollowsTheRules) {
  std::vector<std::string_view> folders = kRooms;
  folders.emplace_back("tests");
  const std::vector<File> files = read_tree(WEFT_SOURCE_DIR, folders, {".h", ".cc"});
  std::set<std::string_view> paths;
  for (const File& file : files) paths.insert(file.path);
  std::string problems;
  for (const File& file : files) {
    const std::string header = file.path.substr(0, file.path.rfind('.')) + ".h";
    problems += report(check_code(file, paths.contains(header)));
  }
  EXPECT_EQ(problems, "");
}

TEST(Style, NoTextHoldsAMachinesPathOrAMark) {
  std::vector<std::string_view> folders = kRooms;
  for (const std::string_view more :
       {"tests", "k8s", "dev", ".ci", "README.md", "CHANGELOG.md", "CMakeLists.txt",
        "CMakePresets.json", ".clang-tidy", ".clang-format"}) {
    folders.push_back(more);
  }
  const std::vector<std::string_view> endings = {
      ".h",  ".cc",   ".md", ".txt", ".cmake", ".proto", ".py",        ".sh",
      ".go", ".yaml", ".js", ".mjs", ".json",  "run",    "clean_room", ".html"};
  std::string problems;
  for (const File& file : read_tree(WEFT_SOURCE_DIR, folders, endings)) {
    problems += report(check_words(file));
  }
  EXPECT_EQ(problems, "");
}

TEST(Style, TheTreeIsReallyRead) {
  EXPECT_EQ(read_tree(WEFT_SOURCE_DIR, {"LICENSE"}, {}).size(), 1U);
  EXPECT_FALSE(read_tree(WEFT_SOURCE_DIR, {"tests/house"}, {".cc"}).empty());
}

// ---- the checks, on samples ----

const std::string kHead = "#pragma once\n// Pool: connections to one endpoint.\n";

std::string checked(std::string path, std::string text, bool has_header = false) {
  return report(check_code({.path = std::move(path), .text = std::move(text)}, has_header));
}

std::string words(std::string text) {
  return report(check_words({.path = "a.md", .text = std::move(text)}));
}

TEST(StyleCheck, AHeaderIsGuardedAndSaysWhatItIs) {
  EXPECT_EQ(checked("xds/a.h", kHead), "");
  EXPECT_EQ(checked("xds/a.h", "// Pool: connections to one endpoint.\n\n#pragma once\n"), "");
  EXPECT_NE(checked("xds/a.h", "// Pool: connections to one endpoint.\n"), "");
  EXPECT_NE(checked("xds/a.h", "#pragma once\n#include <vector>\n// Too late to say it.\n"), "");
  EXPECT_NE(checked("xds/a.h", "#pragma once\n//\n"), "");
  EXPECT_NE(checked("xds/a.h", "// It says \"#pragma once\" only here.\n"), "");
  EXPECT_NE(checked("xds/a.h", ""), "");
}

TEST(StyleCheck, NoUsingNamespaceInAHeader) {
  EXPECT_EQ(checked("xds/a.h", kHead + "  using namespace std;\n"),
            "xds/a.h:3: no using namespace in a header\n");
  EXPECT_EQ(checked("xds/a.h", kHead + "// never using namespace std\n"), "");
  EXPECT_EQ(checked("xds/a.cc", "using namespace std::chrono_literals;\n"), "");
}

TEST(StyleCheck, NoFunctionObjectsOnTheRequestPath) {
  const std::string line = "std::function<void()> done_;";
  EXPECT_NE(checked("sidecar/http/a.cc", line), "");
  EXPECT_NE(checked("tls/a.cc", line), "");
  EXPECT_EQ(checked("control/a.cc", line), "");
  EXPECT_EQ(checked("sidecar/net/a.cc", line + "  // cold path: once per listener"), "");
  EXPECT_EQ(checked("sidecar/net/a.cc", "// Run once at start: a cold path.\n" + line), "");
  EXPECT_NE(checked("sidecar/net/a.cc", line + "  // the cold side of a path"), "");
  EXPECT_EQ(checked("sidecar/net/a.cc", "// std::function would allocate\n"), "");
}

TEST(StyleCheck, NothingIsDeletedByHand) {
  EXPECT_EQ(checked("xds/a.cc", "  delete stream;\n"),
            "xds/a.cc:1: no delete: std::unique_ptr owns\n");
  EXPECT_NE(checked("xds/a.cc", "delete[] bytes;\n"), "");
  EXPECT_EQ(checked("sidecar/net/a.cc", "delete core;\n"), "");
  EXPECT_NE(checked("sidecar/net/a.cc", "delete this;\n"), "");
  EXPECT_EQ(checked("xds/a.cc", "A(const A&) = delete;\nvoid operator delete(void* p);\n"), "");
  EXPECT_EQ(checked("xds/a.cc", "log(\"delete route\");  // delete later\n"), "");
}

TEST(StyleCheck, NoCoroutinesAndNoCaptureOfEverything) {
  EXPECT_NE(checked("xds/a.cc", "co_await read();\n"), "");
  EXPECT_NE(checked("xds/a.cc", "run([=] { go(); });\n"), "");
  EXPECT_NE(checked("xds/a.cc", "run([=, this] { go(); });\n"), "");
  EXPECT_EQ(checked("xds/a.cc", "run([&] { go(); });\n"), "");
}

TEST(StyleCheck, TheOwnHeaderComesFirst) {
  EXPECT_EQ(checked("tls/a.cc", "// What.\n#include \"tls/a.h\"\n#include <set>\n", true), "");
  EXPECT_EQ(checked("tls/a.cc", "#include <set>\n#include \"tls/a.h\"\n", true),
            "tls/a.cc:1: the first include is #include \"tls/a.h\"\n");
  EXPECT_EQ(checked("tls/a.cc", "#include <set>\n", false), "");
}

TEST(StyleCheck, NoMarksAndNoMachinePaths) {
  for (const std::string_view mark : kMarks) {
    EXPECT_NE(words("// " + std::string(mark) + ": later\n"), "") << mark;
    EXPECT_EQ(words("a" + std::string(mark) + "s\n"), "") << mark;
  }
  for (const std::string_view path : kMachinePaths) {
    EXPECT_NE(words("see \"" + std::string(path) + "x\"\n"), "") << path;
    EXPECT_EQ(words("https://example.org" + std::string(path) + "x\n"), "") << path;
  }
}

}  // namespace
}  // namespace weft::house
