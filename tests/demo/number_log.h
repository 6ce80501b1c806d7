#pragma once
// NumberLog: the numbers an origin has seen, in a file that is memory of both the origin and the
// director: what was noted is there even when the origin dies by SIGKILL in the next instruction.
//
// One writer at a time, any number of readers. A file that exists is continued, so that an instance
// that comes back adds to what it saw before. Owner: the shop's app (writing), the Stage (reading).
// Thread: one each; a reader sees every number whose note() has returned.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::demo {

class NumberLog final {
 public:
  static constexpr std::size_t kNumbersMax = std::size_t{1} << 24U;  // further ones are not noted

  // Makes the file where there is none.
  static Result<NumberLog> open(const std::string& path);
  NumberLog(NumberLog&& other) noexcept;
  NumberLog& operator=(NumberLog&& other) noexcept;
  NumberLog(const NumberLog&) = delete;
  NumberLog& operator=(const NumberLog&) = delete;
  ~NumberLog();

  void note(std::uint64_t number);
  [[nodiscard]] std::size_t size() const;
  // In the order they came; `from` skips that many.
  [[nodiscard]] std::vector<std::uint64_t> numbers(std::size_t from = 0) const;

 private:
  struct Page;
  explicit NumberLog(Page* page) : page_(page) {}

  Page* page_ = nullptr;
};

}  // namespace weft::demo
