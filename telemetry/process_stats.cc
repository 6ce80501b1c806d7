#include "telemetry/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/strings.h"

namespace weft::telemetry {
namespace {

constexpr Family kCpu{"process_cpu_seconds_total", MetricType::kCounter,
                      "User and system CPU time spent, in seconds."};
constexpr Family kStart{"process_start_time_seconds", MetricType::kGauge,
                        "Start time, in seconds since the epoch."};
constexpr Family kResident{"process_resident_memory_bytes", MetricType::kGauge,
                           "Resident memory size in bytes."};
constexpr Family kVirtual{"process_virtual_memory_bytes", MetricType::kGauge,
                          "Virtual memory size in bytes."};
constexpr Family kThreads{"process_threads", MetricType::kGauge, "Threads of the process."};
constexpr Family kOpen{"process_open_fds", MetricType::kGauge, "Open file descriptors."};
constexpr Family kOpenMax{"process_max_fds", MetricType::kGauge, "Limit of open file descriptors."};

// The front of a small file of /proc.
std::string read_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 4096> bytes;
  const ssize_t size = read(fd, bytes.data(), bytes.size());
  close(fd);
  return size > 0 ? std::string(bytes.data(), static_cast<std::size_t>(size)) : std::string{};
}

double seconds_of(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// When the machine was started, in seconds since the epoch. Read once: a start time must not move
// between scrapes.
double boot_time() {
  static const double boot = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
  return boot;
}

std::uint64_t count_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries > 3 ? entries - 3 : 0;  // ".", ".." and the folder itself
}

}  // namespace

ProcessStats read_process_stats() {
  ProcessStats stats;
  const std::string text = read_file("/proc/self/stat");
  // The second field is the name in brackets and may hold anything; what follows the last bracket
  // is numbers (proc(5)).
  const std::size_t bracket = text.rfind(')');
  if (bracket != std::string::npos && bracket + 2 < text.size()) {
    const std::vector<std::string_view> fields =
        split(std::string_view(text).substr(bracket + 2), ' ');
    const auto field =
        [&fields](std::size_t number) {  // as numbered by proc(5); the first here is 3
          return number - 3 < fields.size() ? parse_u64(fields[number - 3]).value_or(0) : 0;
        };
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    stats.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks;
    stats.threads = field(20);
    stats.virtual_bytes = field(23);
    stats.resident_bytes = field(24) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    stats.start_time_seconds = boot_time() + static_cast<double>(field(22)) / ticks;
  }
  stats.descriptors_open = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    stats.descriptors_max = limit.rlim_cur;
  return stats;
}

void collect(const ProcessStats& stats, MetricsPage& page) {
  const auto add = [&page](const Family& family, auto value) {
    if (value != 0) page.add(family, "", static_cast<double>(value));
  };
  page.add(kCpu, "", stats.cpu_seconds);
  add(kStart, stats.start_time_seconds);
  add(kResident, stats.resident_bytes);
  add(kVirtual, stats.virtual_bytes);
  add(kThreads, stats.threads);
  add(kOpen, stats.descriptors_open);
  add(kOpenMax, stats.descriptors_max);
}

}  // namespace weft::telemetry
