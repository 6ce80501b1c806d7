#pragma once
// PolicyBlock: one block of a policy while it is read: each field into its Setting, with its line.
//
// What belongs to a destination is refused where a route is the target. For the policy readers of
// this folder, each of which reads one block of schemas.md 1. Lifetime: shorter than the Reader's.

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "control/model/policy_fields.h"
#include "control/model/reader.h"

namespace weft::control {

class PolicyBlock final {
 public:
  static constexpr Duration kShortest = std::chrono::milliseconds(1);
  static constexpr Duration kHour = std::chrono::hours(1);
  static constexpr Duration kDay = std::chrono::hours(24);
  static constexpr Duration kYear = 365 * kDay;
  static constexpr std::uint32_t kManyMax = 1'000'000;

  PolicyBlock(Reader& reader, PolicySide widest) : reader_(reader), widest_(widest) {}

  // `zero`: "0s" is allowed and means none.
  void duration(std::string_view key, PolicySide side, Setting<Duration>& out, bool zero,
                Duration max);
  void number(std::string_view key, PolicySide side, Setting<std::uint32_t>& out, std::uint32_t min,
              std::uint32_t max);
  void percent(std::string_view key, PolicySide side, Setting<double>& out);
  void whole_percent(std::string_view key, PolicySide side, Setting<std::uint32_t>& out);
  template <typename E>
  void choice(std::string_view key, PolicySide side, Setting<E>& out, Choices<E> choices) {
    E read{};
    if (mine(key, side) && reader_.choice(key, read, choices)) keep(key, read, out);
  }
  // A block inside, kept whole: `read` returns it.
  template <typename T, typename Read>
  void whole(std::string_view key, PolicySide side, Setting<T>& out, Read read) {
    if (!mine(key, side)) return;
    reader_.object(
        key, [&](Reader& inner) { out = {.value = read(inner), .line = inner.position().line}; });
  }
  template <typename T>
  void keep(std::string_view key, T value, Setting<T>& out) {
    const config::Value* written = reader_.find(key);
    if (written != nullptr) out = {.value = std::move(value), .line = written->position().line};
  }
  // The field is there, and may be: it does not belong to a destination while a route is the
  // target.
  [[nodiscard]] bool mine(std::string_view key, PolicySide side);
  // A choice of which only one is built yet.
  void only(std::string_view key, std::string_view accepted) { reader_.only(key, accepted); }
  [[nodiscard]] Reader& reader() { return reader_; }

 private:
  Reader& reader_;
  const PolicySide widest_;
};

// The blocks that are long enough for a source of their own.
void read_retry_block(PolicyBlock& in, PolicyFields& out);
void read_budget_block(PolicyBlock& in, PolicyFields& out);
void read_outlier_block(PolicyBlock& in, PolicyFields& out);
void read_balancer_block(PolicyBlock& in, PolicyFields& out);

}  // namespace weft::control
