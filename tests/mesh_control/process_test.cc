// weft-control as a program: what it prints, how it ends, what a SIGKILL costs.
#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <sstream>
#include <string>

#include "tests/control/temporary_directory.h"
#include "tests/demo/child.h"
#include "tests/mesh/mesh.h"
#include "tests/support/tree_file.h"

namespace weft::mesh_test {
namespace {

using control::testing::TemporaryDirectory;

const std::string kService =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"
    "spec: {ports: [{port: 80}]}\n";

class Process : public ::testing::Test {
 protected:
  Process() { files_.write("shop.yaml", kService); }

  [[nodiscard]] static std::string program() { return WEFT_BIN_DIR "/weft-control"; }
  [[nodiscard]] demo::Child start() {
    output_ = out_ / ("output" + std::to_string(++starts_));
    auto child = demo::Child::start(
        {.arguments = {program(), "--config-dir", files_.path(), "--state-dir", kept_.path(),
                       "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
         .output = output_});
    EXPECT_TRUE(child) << child.error().detail;
    return std::move(*child);
  }
  // The line that says where, without its ports; empty when it does not come.
  [[nodiscard]] std::string ready_line(demo::Child& child) const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until && child.alive()) {
      std::istringstream lines(testing::read_text(output_));
      for (std::string line; std::getline(lines, line);) {
        if (line.find(" ready xds=127.0.0.1:") != std::string::npos && !lines.eof()) return line;
      }
      ::sched_yield();
    }
    return {};
  }

  TemporaryDirectory files_;
  TemporaryDirectory kept_;
  TemporaryDirectory out_;
  std::string output_;
  int starts_ = 0;
};

TEST_F(Process, SaysWhereItServesAndEndsWellOnSigterm) {
  demo::Child child = start();
  const std::string line = ready_line(child);
  EXPECT_TRUE(line.starts_with("weft-control ")) << testing::read_text(output_);
  EXPECT_NE(line.find(" plaintext-xds=off admin=127.0.0.1:"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with(" generation=1")) << line;
  child.stop(kPatience);
  EXPECT_EQ(child.ending(), "exit status 0") << testing::read_text(output_);
}

TEST_F(Process, ComesBackFromASigkillWhereItWas) {
  demo::Child child = start();
  EXPECT_TRUE(ready_line(child).ends_with(" generation=1"));
  child.kill();
  demo::Child again = start();
  EXPECT_TRUE(ready_line(again).ends_with(" generation=1")) << testing::read_text(output_);
  again.kill();
  files_.write("more.yaml", kService + "---\n");  // says it twice: a problem, and no change
  files_.write("web.yaml",
               "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
               "spec: {ports: [{port: 80}]}\n");
  demo::Child third = start();
  EXPECT_TRUE(ready_line(third).ends_with(" generation=2")) << testing::read_text(output_);
}

TEST_F(Process, ChecksADirectoryWithoutServing) {
  const auto check = [&] {
    auto result = demo::run({program(), "--mode", "validate", "--config-dir", files_.path()});
    EXPECT_TRUE(result);
    return std::to_string(result->status) + ": " + result->output;
  };
  EXPECT_EQ(check(), "0: 1 file, 1 object, 0 errors, 0 warnings\n");
  files_.write("shop.yaml", "kind: [\n");
  EXPECT_TRUE(check().starts_with("1: error: ")) << check();
  EXPECT_NE(check().find("shop.yaml:2:1: "), std::string::npos) << check();
}

TEST_F(Process, KnowsWrongUsageFromAFailedStart) {
  const auto status = [](std::vector<std::string> flags) {
    flags.insert(flags.begin(), program());
    const auto result = demo::run(flags);
    return result ? result->status : -1;
  };
  const std::string& files = files_.path();
  const std::string& kept = kept_.path();
  EXPECT_EQ(status({"--help"}), 0);
  EXPECT_EQ(status({"--version"}), 0);
  EXPECT_EQ(status({}), 2);
  EXPECT_EQ(status({"--config-dir", files}), 2);
  EXPECT_EQ(status({"--config-dir", files, "--state-dir", kept, "--listen", "nowhere"}), 2);
  EXPECT_EQ(status({"--config-dir", files, "--state-dir", kept, "--debounce", "soon"}), 2);
  EXPECT_EQ(
      status({"--config-dir", files, "--state-dir", kept, "--max-certificate-lifetime", "9s"}), 2);
  EXPECT_EQ(status({"--config-dir", files + "/none", "--state-dir", kept}), 1);
}

}  // namespace
}  // namespace weft::mesh_test
