#pragma once
// Random: a small fast generator (xoshiro256++ of Blackman and Vigna), one per worker, seeded in
// tests. Not for secrets.

#include <array>
#include <cstdint>

namespace weft {

class Random final {
 public:
  explicit Random(std::uint64_t seed);
  static Random from_system();  // seeded by the operating system

  [[nodiscard]] std::uint64_t next();
  // Uniform in [0, bound); 0 for bound 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  [[nodiscard]] double unit();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace weft
