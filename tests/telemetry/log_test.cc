#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "telemetry/log_writer.h"
#include "tests/support/tree_file.h"

namespace weft::telemetry {
namespace {

// A folder of its own, gone with the test.
class Folder final {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "weft_log_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string taken(LogRing& ring) {
  const LogRing::Pieces pieces = ring.peek();
  std::string text = std::string(pieces.first) + std::string(pieces.second);
  ring.consume(text.size());
  return text;
}

TEST(LogRing, KeepsLinesInOrderAlsoOverItsEnd) {
  LogBell bell;
  Counter dropped;
  LogRing ring(bell, dropped);
  const std::string line = std::string(999, 'x') + "\n";
  std::string expected;
  for (int round = 0; round < 1000; ++round) {
    const std::string numbered = std::to_string(round) + line;
    ASSERT_TRUE(ring.push(numbered));
    ASSERT_EQ(taken(ring), numbered);
  }
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(dropped.value(), 0u);
}

TEST(LogRing, DropsWholeLinesAndCountsThem) {
  LogBell bell;
  Counter dropped;
  LogRing ring(bell, dropped);
  const std::string line = std::string(1023, 'x') + "\n";
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < 300; ++i) kept += ring.push(line) ? 1 : 0;
  EXPECT_EQ(kept, LogRing::kBytesMax / 1024);
  EXPECT_EQ(dropped.value(), 300 - kept);
  EXPECT_EQ(taken(ring).size(), LogRing::kBytesMax);
  EXPECT_FALSE(ring.push(std::string(LogRing::kBytesMax + 1, 'x')));
}

TEST(LogFile, AppendsAndMayBeReopenedForRotation) {
  const Folder folder;
  LogFile file(folder.file("log"));
  EXPECT_EQ(file.write("one\n", std::chrono::milliseconds(0)).taken, 4u);
  std::rename(folder.file("log").c_str(), folder.file("log.1").c_str());
  EXPECT_EQ(file.write("two\n", std::chrono::milliseconds(0)).taken, 4u);
  file.reopen();
  EXPECT_EQ(file.write("three\n", std::chrono::milliseconds(0)).taken, 6u);
  EXPECT_EQ(testing::read_text(folder.file("log.1")), "one\ntwo\n");
  EXPECT_EQ(testing::read_text(folder.file("log")), "three\n");
  EXPECT_EQ(file.errors(), 0u);
}

TEST(LogFile, AMissingFolderIsCountedAndTriedAgain) {
  const Folder folder;
  LogFile file(folder.file("not/there"));
  const LogFile::Outcome outcome = file.write("lost\n", std::chrono::milliseconds(0));
  EXPECT_EQ(outcome.wrote, LogFile::Wrote::kFailed);
  EXPECT_EQ(outcome.taken, 5u);
  EXPECT_EQ(file.errors(), 1u);
  static_cast<void>(file.write("lost\n", std::chrono::milliseconds(0)));
  EXPECT_EQ(file.errors(), 1u) << "not opened again within a second";
  mkdir(folder.file("not").c_str(), 0700);
  file.reopen();
  EXPECT_EQ(file.write("kept\n", std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kSome);
}

TEST(LogFile, AFullDiskIsCountedAndSurvived) {
  LogFile file("/dev/full");
  EXPECT_EQ(file.write("lost\n", std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kFailed);
  EXPECT_EQ(file.write("lost\n", std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kFailed);
  EXPECT_EQ(file.errors(), 2u);
}

TEST(LogFile, APipeNobodyReadsBlocksNobody) {
  const Folder folder;
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  LogFile file(folder.file("pipe"));
  EXPECT_EQ(file.write("x\n", std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kFailed)
      << "no reader at all";
  file.reopen();
  const int reader = open(folder.file("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const std::string line(4096, 'x');
  LogFile::Outcome outcome;
  int pieces = 0;
  while ((outcome = file.write(line, std::chrono::milliseconds(0))).wrote == LogFile::Wrote::kSome)
    ++pieces;
  EXPECT_EQ(outcome.wrote, LogFile::Wrote::kBlocked);
  EXPECT_GT(pieces, 0);
  std::array<char, 65536> sink;
  while (read(reader, sink.data(), sink.size()) > 0) {
  }
  EXPECT_EQ(file.write(line, std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kSome);
  signal(SIGPIPE, SIG_IGN);
  close(reader);
  EXPECT_EQ(file.write(line, std::chrono::milliseconds(0)).wrote, LogFile::Wrote::kFailed);
}

TEST(LogWriter, WritesEveryLineOfEveryWorkerWhole) {
  const Folder folder;
  constexpr int kWorkers = 3;
  constexpr int kLines = 5000;
  std::array<Counter, kWorkers> dropped;
  {
    LogWriter writer(folder.file("log"));
    std::vector<std::thread> workers;
    for (int w = 0; w < kWorkers; ++w) {
      LogRing& ring = writer.add_ring(dropped[static_cast<std::size_t>(w)]);
      workers.emplace_back([&ring, w] {
        for (int i = 0; i < kLines; ++i)
          ring.push(std::to_string(w) + " " + std::to_string(i) + " " + std::string(40, 'x') +
                    "\n");
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  std::map<int, int> seen;
  std::map<int, int> last;
  std::istringstream lines(testing::read_text(folder.file("log")));
  for (std::string line; std::getline(lines, line);) {
    int worker = -1;
    int number = -1;
    ASSERT_EQ(std::sscanf(line.c_str(), "%d %d ", &worker, &number), 2) << line;
    ASSERT_TRUE(line.ends_with(" " + std::string(40, 'x'))) << line;
    ASSERT_TRUE(seen[worker]++ == 0 || last[worker] < number);
    last[worker] = number;
  }
  for (int w = 0; w < kWorkers; ++w) {
    EXPECT_EQ(static_cast<std::uint64_t>(seen[w]) + dropped[static_cast<std::size_t>(w)].value(),
              static_cast<std::uint64_t>(kLines));
  }
}

TEST(LogWriter, AFailingFileCostsLinesAndNothingElse) {
  Counter dropped;
  auto writer = std::make_unique<LogWriter>("/dev/full");
  LogRing& ring = writer->add_ring(dropped);
  EXPECT_TRUE(ring.push("lost\n"));
  while (writer->bytes_lost() == 0) std::this_thread::yield();
  EXPECT_EQ(writer->write_errors(), 1u);
  EXPECT_EQ(writer->bytes_lost(), 5u);
  EXPECT_TRUE(ring.push("lost\n"));
  writer.reset();
}

TEST(LogWriter, StopsAlsoWhenNobodyReadsItsPipe) {
  const Folder folder;
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const int reader = open(folder.file("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  Counter dropped;
  {
    LogWriter writer(folder.file("pipe"));
    LogRing& ring = writer.add_ring(dropped);
    while (ring.push(std::string(1023, 'x') + "\n") || dropped.value() < 10) {
    }
  }
  EXPECT_GE(dropped.value(), 10u);
  close(reader);
}

TEST(LogWriter, ReopensWhenAsked) {
  const Folder folder;
  Counter dropped;
  LogWriter writer(folder.file("log"));
  LogRing& ring = writer.add_ring(dropped);
  ring.push("one\n");
  while (testing::read_text(folder.file("log")) != "one\n") std::this_thread::yield();
  std::rename(folder.file("log").c_str(), folder.file("log.1").c_str());
  writer.reopen();
  ring.push("two\n");
  while (testing::read_text(folder.file("log")) != "two\n" &&
         testing::read_text(folder.file("log.1")) != "one\ntwo\n")
    std::this_thread::yield();
  EXPECT_EQ(testing::read_text(folder.file("log.1")).substr(0, 4), "one\n");
}

}  // namespace
}  // namespace weft::telemetry
