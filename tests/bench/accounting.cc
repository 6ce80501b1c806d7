#include "tests/bench/accounting.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace weft::bench {
namespace {

void add_thread(const std::filesystem::path& task, ProcessUse& use) {
  std::uint64_t cpu_ns = 0;
  if (std::ifstream{task / "schedstat"} >> cpu_ns) use.cpu_ns += cpu_ns;
  std::ifstream status{task / "status"};
  std::string name;
  std::uint64_t value = 0;
  for (std::string line; std::getline(status, line);) {
    std::istringstream fields{line};
    if (!(fields >> name >> value)) continue;
    if (name == "voluntary_ctxt_switches:") use.switches_voluntary += value;
    if (name == "nonvoluntary_ctxt_switches:") use.switches_forced += value;
  }
}

}  // namespace

ProcessUse read_process(pid_t pid) {
  ProcessUse use{.pid = pid};
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  std::filesystem::directory_iterator it{tasks, error};
  while (!error && it != std::filesystem::directory_iterator{}) {
    add_thread(it->path(), use);
    it.increment(error);
  }
  return use;
}

std::vector<CoreUse> read_cores() {
  std::vector<CoreUse> cores;
  std::ifstream stat{"/proc/stat"};
  for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
    if (line.size() < 4 || line[3] == ' ') continue;  // The sum of all cores.
    std::istringstream fields{line.substr(3)};
    CoreUse core;
    std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0,
                  steal = 0;
    fields >> core.core >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    core.busy = user + nice + system + irq + softirq;
    core.idle = idle + iowait;
    core.steal = steal;
    cores.push_back(core);
  }
  return cores;
}

}  // namespace weft::bench
