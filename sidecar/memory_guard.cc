#include "sidecar/memory_guard.h"

#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "sidecar/core/log.h"

namespace weft::sidecar {

namespace {

// What a group without a limit says in version 1 is a number that no machine has.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;
constexpr std::uint64_t kMebibyte = 1024 * 1024;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;  // "max"
  return number;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  return number_of(text);
}

// Of memory.stat: lines of a name and a number.
std::uint64_t file_pages(const std::string& path, bool second) {
  std::ifstream file(path);
  std::uint64_t total = 0;
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    std::string_view name = std::string_view(line).substr(0, space);
    // Version 1 has two of each: of the group, and of those under it as well.
    if (!second && !name.starts_with("total_")) continue;
    if (!second) name.remove_prefix(6);
    if (name == "inactive_file" || name == "active_file")
      total += number_of(std::string_view(line).substr(space + 1)).value_or(0);
  }
  return total;
}

}  // namespace

std::optional<MemoryGroup> MemoryGroup::find(const std::string& root, const std::string& self) {
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {
    // "0::/path" is version 2; "4:memory:/path" a hierarchy of version 1.
    const std::size_t first = line.find(':');
    const std::size_t last = line.find(':', first + 1);
    if (last == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, last - first - 1) + ",";
    const bool second = controllers == ",,";
    if (!second && controllers.find(",memory,") == std::string::npos) continue;
    const std::string top = second ? root : root + "/memory";
    // In a container the path is that outside of it, and the mount shows only the end.
    for (std::string path = line.substr(last + 1);; path.erase(path.rfind('/'))) {
      MemoryGroup group(path.size() > 1 ? top + path : top, second);
      if (group.limit()) return group;
      if (path.find('/') == std::string::npos) break;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> MemoryGroup::limit() const {
  const auto found = number_in(directory_ + (second_ ? "/memory.max" : "/memory.limit_in_bytes"));
  if (!found || *found == 0 || *found >= kNoLimit) return std::nullopt;
  return found;
}

std::optional<MemoryReading> MemoryGroup::read() const {
  const auto used =
      number_in(directory_ + (second_ ? "/memory.current" : "/memory.usage_in_bytes"));
  const auto most = limit();
  if (!used || !most) return std::nullopt;
  const std::uint64_t files = file_pages(directory_ + "/memory.stat", second_);
  return MemoryReading{.used = *used - std::min(files, *used), .limit = *most};
}

std::uint64_t MemoryReading::room() const {
  return std::max(limit / 10, std::min(kRoom, limit / 4));
}

std::uint64_t MemoryReading::for_buffers(std::uint64_t in_buffers) const {
  const std::uint64_t others = used - std::min(used, in_buffers);
  const std::uint64_t bound = limit - room() / 2;
  const std::uint64_t left = bound - std::min(bound, others);
  return std::max(std::min(left, limit / 3 * 2), limit / 16);
}

MemoryGuard::MemoryGuard(Timers& timers, Owner& owner, MemoryGroup group)
    : timers_(timers),
      owner_(owner),
      group_(std::move(group)),
      timer_(timers, *this),
      reading_(group_.read().value_or(MemoryReading{})) {
  timer_.arm(kEvery);
}

Duration MemoryGuard::until_next() const {
  const std::uint64_t percent = reading_.used / std::max<std::uint64_t>(reading_.limit / 100, 1);
  if (percent >= 75) return kEveryFromThreeQuarters;
  return percent >= 50 ? Duration(kEveryFromHalf) : Duration(kEvery);
}

// What was freed may still be in the allocator's lists; the kernel counts it as ours.
void MemoryGuard::trim() {
  if (trimmed_ != TimePoint{} && timers_.now() - trimmed_ < kEvery) return;
  trimmed_ = timers_.now();
  ::malloc_trim(0);
}

void MemoryGuard::on_timer(Timer&) {
  // Without a limit any more nothing is full.
  reading_ =
      group_.read().value_or(MemoryReading{.limit = std::numeric_limits<std::uint64_t>::max()});
  timer_.arm(until_next());
  owner_.on_memory_read(reading_);
  const bool full = reading_.used > (full_ ? reading_.relaxed_at() : reading_.full_above());
  if (full) trim();
  if (full == std::exchange(full_, full)) return;
  if (full) {
    WEFT_LOG(kWarn,
             "memory: {} of the {} MiB of this process's group are in use; new connections wait "
             "and new requests are refused until it is less than {} MiB",
             reading_.used / kMebibyte, reading_.limit / kMebibyte,
             reading_.relaxed_at() / kMebibyte);
  } else {
    WEFT_LOG(kInfo, "memory: {} MiB in use; everybody is served again", reading_.used / kMebibyte);
  }
  owner_.on_memory_full(full);
}

}  // namespace weft::sidecar
