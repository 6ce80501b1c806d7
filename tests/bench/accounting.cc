#include "tests/bench/accounting.h"

#include <algorithm>
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

void subtract(std::vector<ProcessUse>& begin) {
  for (ProcessUse& use : begin) {
    const ProcessUse now = read_process(use.pid);
    use.cpu_ns = now.cpu_ns - std::min(use.cpu_ns, now.cpu_ns);
    use.switches_voluntary =
        now.switches_voluntary - std::min(use.switches_voluntary, now.switches_voluntary);
    use.switches_forced = now.switches_forced - std::min(use.switches_forced, now.switches_forced);
  }
}

void subtract(std::vector<CoreUse>& begin) {
  const std::vector<CoreUse> now = read_cores();
  for (std::size_t i = 0; i < std::min(now.size(), begin.size()); ++i) {
    begin[i].busy = now[i].busy - begin[i].busy;
    begin[i].idle = now[i].idle - begin[i].idle;
    begin[i].steal = now[i].steal - begin[i].steal;
  }
}

}  // namespace weft::bench
