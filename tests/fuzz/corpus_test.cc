// Runs every fuzz target on its whole corpus, one test per target.
//
// A target does not return a verdict: it aborts, or a sanitizer ends the program. So the name of
// the input being run is kept where a dying program can still print it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "corpus_table.h"

#ifdef WEFT_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

namespace weft::fuzz {
namespace {

std::string running;  // "corpus/http1/two_lengths", the input being run

void print_running() {
  constexpr std::string_view kBefore = "\nthe fuzz target died on: tests/fuzz/";
  for (const std::string_view piece :
       {kBefore, std::string_view(running), std::string_view("\n")}) {
    if (::write(STDERR_FILENO, piece.data(), piece.size()) < 0) return;
  }
}

void on_signal(int number) {
  print_running();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void announce_deaths() {
#ifdef WEFT_SANITIZED
  __sanitizer_set_death_callback(print_running);
#endif
  std::signal(SIGABRT, on_signal);
#ifndef WEFT_SANITIZED
  std::signal(SIGSEGV, on_signal);
#endif
}

// The bytes in a block of exactly their size, so that one byte too far is seen.
void run(const Target& target, const std::vector<char>& bytes) {
  const auto block = std::make_unique<std::uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, reinterpret_cast<char*>(block.get()));
  EXPECT_EQ(target.run(block.get(), bytes.size()), 0) << running;
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsDigested) {
  namespace fs = std::filesystem;
  announce_deaths();
  const Target& target = GetParam();
  const fs::path folder = fs::path(WEFT_SOURCE_DIR) / "tests" / "fuzz" / "corpus" / target.name;
  ASSERT_TRUE(fs::is_directory(folder)) << "a fuzz target has a corpus, with at least one input";
  running = "(no bytes at all)";
  run(target, {});
  std::size_t inputs = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    running = "corpus/" + std::string(target.name) + "/" + entry.path().filename().string();
    std::ifstream in(entry.path(), std::ios::binary);
    run(target, {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
    ++inputs;
  }
  EXPECT_GT(inputs, 0U);
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace weft::fuzz
