#include "tests/demo/number_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <utility>

#include "sidecar/net/owned_fd.h"

namespace weft::demo {

// A fresh file is all zero, which is a Page without numbers; it takes up only what was written.
struct NumberLog::Page {
  std::atomic<std::uint64_t> count;
  std::uint64_t numbers[kNumbersMax];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

Result<NumberLog> NumberLog::open(const std::string& path) {
  const auto failed = [&](const char* what) {
    return fail(Fault::kInvalid, path + ": " + what + ": " + ::strerror(errno));
  };
  const net::OwnedFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return failed("open");
  if (::ftruncate(fd.get(), sizeof(Page)) != 0) return failed("ftruncate");
  void* memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return failed("mmap");
  return NumberLog(static_cast<Page*>(memory));
}

NumberLog::NumberLog(NumberLog&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

NumberLog& NumberLog::operator=(NumberLog&& other) noexcept {
  std::swap(page_, other.page_);
  return *this;
}

NumberLog::~NumberLog() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

void NumberLog::note(std::uint64_t number) {
  const std::uint64_t at = page_->count.load(std::memory_order_relaxed);
  if (at >= kNumbersMax) return;
  page_->numbers[at] = number;
  page_->count.store(at + 1, std::memory_order_release);
}

std::size_t NumberLog::size() const { return page_->count.load(std::memory_order_acquire); }

std::vector<std::uint64_t> NumberLog::numbers(std::size_t from) const {
  const std::size_t end = size();
  if (from >= end) return {};
  return {page_->numbers + from, page_->numbers + end};
}

}  // namespace weft::demo
