#include "tests/mesh/program.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/support/tree_file.h"

namespace weft::mesh_test {

namespace {

using std::chrono::steady_clock;

// Nobody has it now; the program that is told it takes it at once.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), length), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length), 0);
  ::close(fd);
  return ntohs(at.sin_port);
}

std::string start_file(std::uint16_t admin, std::uint16_t in, std::uint16_t origin) {
  std::ostringstream text;
  text << R"(admin: {address: {socket_address: {address: 127.0.0.1, port_value: )" << admin
       << R"(}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: )"
       << in << R"(}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {cluster: app}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: app
    type: STATIC
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: )"
       << origin << R"(}}}
)";
  return std::move(text).str();
}

}  // namespace

Program::Program(std::uint16_t origin, const std::string& before, Wish wish)
    : admin_(free_port()), in_(free_port()) {
  static int number = 0;
  directory_ = std::filesystem::temp_directory_path() /
               ("weft-program-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
  std::filesystem::create_directory(directory_);
  const std::string file = directory_ / "sidecar.yaml";
  std::ofstream(file) << start_file(admin_, in_, origin);
  Result<demo::Child> child = demo::Child::start(
      {.arguments = {"/bin/sh", "-c",
                     before + " && exec " + WEFT_BIN_DIR + "/weft-sidecar -c " + file},
       .output = directory_ / "log"});
  if (!child) return;
  child_.emplace(std::move(*child));
  const auto until = steady_clock::now() + kPatience;
  while (!ready() && child_->alive() && steady_clock::now() < until) {
  }
  EXPECT_TRUE(wish == Wish::kMayEnd || ready()) << log();
}

Program::~Program() {
  child_.reset();
  // What a sanitizer says of it, when the tests are run by hand; ./dev test has that in files.
  EXPECT_EQ(log().find("Sanitizer"), std::string::npos) << log();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Program::ending() {
  const auto until = steady_clock::now() + kPatience;
  while (alive() && steady_clock::now() < until) {
  }
  return child_ ? child_->ending() : "";
}

Wire::Message Program::page(std::string_view target) const {
  Wire wire = Wire::to(admin_);
  if (!wire.open() || !wire.send("GET " + std::string(target) +
                                 " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    return {};
  return wire.read_message(true);
}

double Program::metric(std::string_view name, std::string_view label) const {
  std::istringstream lines(page("/metrics").body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name) && line.find(label) != std::string::npos)
      return std::stod(line.substr(line.rfind(' ') + 1));
  }
  return -1;
}

bool Program::metric_reaches(double value, std::string_view name, std::string_view label) const {
  const auto until = steady_clock::now() + kPatience;
  while (metric(name, label) < value) {
    if (steady_clock::now() > until) return false;
  }
  return true;
}

long Program::ticks() const {
  std::ifstream file("/proc/" + std::to_string(child_->pid()) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return user + system;
}

std::string Program::log() const { return testing::read_text(directory_ / "log"); }

}  // namespace weft::mesh_test
