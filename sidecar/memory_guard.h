#pragma once
// MemoryGuard: tells when the memory group of this process (cgroup, version 2 or 1) is nearly full,
// so that new work is refused before the kernel kills the process.
//
// Counted is what cannot be given back: the group's use without its file pages. Above 90 % of the
// limit it is full, and in a small group already when less than kRoom is left, because between two
// looks a crowd of callers costs the same however small the group is; 10 % below that no longer,
// and in between what was said last holds. Read once a second, more often the fuller it is, and
// where there is no limit, not at all. What the group leaves for the workers' BufferBudgets follows
// from each reading. Owner: Sidecar. Thread: main loop.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "sidecar/core/timers.h"

namespace weft::sidecar {

struct MemoryReading {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;

  // What stays free when the group counts as full.
  static constexpr std::uint64_t kRoom = 16 * 1024 * 1024;
  [[nodiscard]] bool limited() const {
    return limit != 0 && limit != std::numeric_limits<std::uint64_t>::max();
  }
  [[nodiscard]] std::uint64_t room() const;
  [[nodiscard]] std::uint64_t full_above() const { return limit - room(); }
  [[nodiscard]] std::uint64_t relaxed_at() const { return full_above() - limit / 10; }
  // For all buffers together, of which `in_buffers` are in use now: two thirds of the group, and
  // less where everything else takes more than the other third. Half of the room counts as theirs:
  // a crowd that fills them must be seen as full. Never nothing.
  [[nodiscard]] std::uint64_t for_buffers(std::uint64_t in_buffers) const;
};

// Files of one group, of whichever version.
class MemoryGroup final {
 public:
  // The nearest with a limit, from that of this process upwards; nothing when there is none. `root`
  // and `self` are /sys/fs/cgroup and /proc/self/cgroup.
  [[nodiscard]] static std::optional<MemoryGroup> find(const std::string& root,
                                                       const std::string& self);
  [[nodiscard]] std::optional<MemoryReading> read() const;

 private:
  MemoryGroup(std::string directory, bool second)
      : directory_(std::move(directory)), second_(second) {}
  [[nodiscard]] std::optional<std::uint64_t> limit() const;

  std::string directory_;
  bool second_;  // version
};

class MemoryGuard final : public TimerSink {
 public:
  static constexpr std::chrono::seconds kEvery{1};
  static constexpr std::chrono::milliseconds kEveryFromHalf{100};
  static constexpr std::chrono::milliseconds kEveryFromThreeQuarters{20};

  class Owner {
   public:
    // Each time it changes.
    virtual void on_memory_full(bool full) = 0;
    // Each look, before that.
    virtual void on_memory_read(const MemoryReading& reading) = 0;

   protected:
    ~Owner() = default;
  };

  MemoryGuard(Timers& timers, Owner& owner, MemoryGroup group);

  void on_timer(Timer&) override;
  [[nodiscard]] const MemoryReading& reading() const { return reading_; }

 private:
  [[nodiscard]] Duration until_next() const;
  void trim();

  Timers& timers_;
  Owner& owner_;
  MemoryGroup group_;
  Timer timer_;
  MemoryReading reading_;
  bool full_ = false;
  TimePoint trimmed_{};
};

}  // namespace weft::sidecar
