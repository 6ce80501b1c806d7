#include "tests/bench/fleet_memory.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <thread>

#include "control/cli/sidecar_config.h"
#include "control/registry.h"
#include "sidecar/net/owned_fd.h"
#include "tests/bench/fleet_mesh.h"

namespace weft::bench {

namespace {

constexpr const char* kWorkload = "s1-0";
constexpr Duration kPatience = std::chrono::seconds(30);
constexpr Duration kRest = std::chrono::seconds(2);  // what a start leaves behind is given back

bool is_ready(const IpAddress& address) {
  const net::OwnedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(control::Workload::kAdminPort);
  (void)::inet_pton(AF_INET, address.to_string().c_str(), &to.sin_addr);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return false;
  const std::string ask =
      "GET /ready HTTP/1.1\r\nhost: " + address.to_string() + "\r\nconnection: close\r\n\r\n";
  if (::send(fd.get(), ask.data(), ask.size(), MSG_NOSIGNAL) < 0) return false;
  std::array<char, 64> answer{};
  const ssize_t got = ::recv(fd.get(), answer.data(), answer.size() - 1, 0);
  return got > 0 && std::string_view(answer.data()).starts_with("HTTP/1.1 200");
}

}  // namespace

Result<double> resident_mb_of_sidecar(const std::string& program, const std::string& directory,
                                      const FleetControl& control,
                                      const std::vector<std::string>& more) {
  std::ifstream in(directory + "/mesh/" + fleet_file_name(1));
  std::ostringstream text;
  text << in.rdbuf();
  control::Registry registry;
  registry.set_files({{.name = fleet_file_name(1), .text = text.str()}});
  const auto& mesh = *registry.mesh();
  const auto workload = mesh.workloads.find({kFleetNamespace, kWorkload});
  if (workload == mesh.workloads.end()) return fail(Fault::kInternal, "no such Workload");
  const Result<std::string> token = control.make_token();
  if (!token) return fail(token.error());
  const std::string token_file = directory + "/token";
  write_file(token_file, *token);
  const std::string start_file = directory + "/sidecar.yaml";
  write_file(start_file, control::cli::make_sidecar_config(
                             mesh, *workload->second,
                             {.control = control.address(), .token_file = token_file}));
  std::vector<std::string> arguments = {program, "--config", start_file};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Result<demo::Child> child =
      demo::Child::start({.arguments = arguments, .output = directory + "/sidecar.log"});
  if (!child) return fail(child.error());
  const TimePoint until = read_monotonic_clock() + kPatience;
  while (!is_ready(workload->second->address)) {
    if (read_monotonic_clock() > until || !child->alive()) {
      std::ifstream log(directory + "/sidecar.log");
      std::ostringstream said;
      said << log.rdbuf();
      return fail(Fault::kInvalid, "the sidecar is not ready: " + said.str());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::this_thread::sleep_for(kRest);
  return usage_of(child->pid()).resident_mb;
}

}  // namespace weft::bench
