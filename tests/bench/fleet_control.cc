#include "tests/bench/fleet_control.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "control/authority.h"
#include "tests/bench/fleet_mesh.h"
#include "tls/csr.h"

namespace weft::bench {

namespace {

constexpr Duration kPatience = std::chrono::minutes(2);

std::string read_whole(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

double kilobytes_of(const std::string& status, const std::string& key) {
  const std::size_t at = status.find(key + ":");
  return at == std::string::npos ? 0 : std::strtod(status.c_str() + at + key.size() + 1, nullptr);
}

// "… ready xds=127.0.0.1:40001 …"
Result<SocketAddress> address_in(const std::string& log) {
  const std::string key = " ready xds=";
  const std::size_t at = log.find(key);
  if (at == std::string::npos) return fail(Fault::kInvalid, "it does not say that it is ready");
  const std::size_t begin = at + key.size();
  return SocketAddress::parse(log.substr(begin, log.find(' ', begin) - begin));
}

}  // namespace

Usage usage_of(pid_t process) {
  const std::string directory = "/proc/" + std::to_string(process);
  const std::string status = read_whole(directory + "/status");
  Usage out;
  out.resident_mb = kilobytes_of(status, "VmRSS") / 1024;
  out.resident_most_mb = kilobytes_of(status, "VmHWM") / 1024;
  // Fields 14 and 15, counted from behind the name, which may hold anything.
  const std::string stat = read_whole(directory + "/stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string field;
  double ticks = 0;
  for (int number = 3; fields >> field && number <= 15; ++number) {
    if (number >= 14) ticks += std::strtod(field.c_str(), nullptr);
  }
  out.cpu_seconds = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return out;
}

Result<FleetControl> FleetControl::start(const std::string& program, const std::string& directory,
                                         int core, const std::vector<std::string>& more) {
  std::vector<std::string> arguments;
  if (core >= 0) arguments = {"/usr/bin/taskset", "-c", std::to_string(core)};
  for (const std::string& one :
       {program, std::string("--config-dir"), directory + "/mesh", std::string("--state-dir"),
        directory + "/state", std::string("--listen"), std::string("127.0.0.1:0"),
        std::string("--admin"), std::string("off"), std::string("--log-level"),
        std::string("warn")}) {
    arguments.push_back(one);
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  const std::string log = directory + "/control.log";
  Result<demo::Child> child = demo::Child::start({.arguments = arguments, .output = log});
  if (!child) return fail(child.error());
  const TimePoint until = read_monotonic_clock() + kPatience;
  while (read_monotonic_clock() < until && child->alive()) {
    if (const Result<SocketAddress> address = address_in(read_whole(log))) {
      return FleetControl(std::move(*child), directory, *address);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(Fault::kInvalid, "weft-control does not start: " + read_whole(log));
}

Result<TlsMaterial> FleetControl::make_material() const {
  Result<control::Authority> authority =
      control::Authority::open({.state_dir = directory_ + "/state"});
  if (!authority) return fail(authority.error());
  const Result<SpiffeId> id =
      SpiffeId::make(authority->trust_domain(), kFleetNamespace, kFleetAccount);
  const Result<tls::Key> key = tls::Key::generate();
  if (!id || !key) return fail(Fault::kInternal, "no key");
  const Result<std::string> request = tls::make_csr(*key, *id);
  if (!request) return fail(request.error());
  const auto issued = authority->sign(*request, std::chrono::hours(1), {.peer = *id, .token = {}});
  if (!issued) return fail(Fault::kInternal, issued.error().detail);
  return TlsMaterial{.version = "1",
                     .chain_pem = issued->leaf_pem,
                     .key_pem = key->private_pem(),
                     .roots_pem = authority->root_pem()};
}

Result<std::string> FleetControl::make_token() const {
  const Result<control::Authority> authority =
      control::Authority::open({.state_dir = directory_ + "/state"});
  if (!authority) return fail(authority.error());
  return authority->make_token(kFleetNamespace, kFleetAccount, std::chrono::hours(1));
}

void write_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  {
    std::ofstream out(beside, std::ios::trunc);
    out << text;
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) std::abort();
}

}  // namespace weft::bench
