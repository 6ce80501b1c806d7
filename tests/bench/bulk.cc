#include "tests/bench/bulk.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "tests/bench/poller.h"

namespace weft::bench {
namespace {

constexpr std::size_t kBlock = 256 * 1024;

std::array<char, kBlock>& block() {
  static std::array<char, kBlock> bytes{};
  return bytes;
}

class Flow final : public Poller::Handler {
 public:
  Flow(Poller& poller, const BulkOptions& options, BulkReport& report)
      : options_(options), report_(report), socket_(connect_to(options.target)) {
    if (!socket_.valid()) die("meshload: connect");
    poller.watch(socket_, options.way == BulkOptions::Way::kUp ? EPOLLOUT : EPOLLIN, *this);
  }

  void on_ready(std::uint32_t /*events*/) override {
    const bool up = options_.way == BulkOptions::Way::kUp;
    const ssize_t moved = up ? ::send(socket_.number(), block().data(), kBlock, MSG_NOSIGNAL)
                             : ::recv(socket_.number(), block().data(), kBlock, 0);
    if (moved > 0) {
      report_.bytes += static_cast<std::uint64_t>(moved);
    } else if (moved == 0 || errno != EAGAIN) {
      ++report_.lost;
      socket_.reset();
    }
  }

 private:
  const BulkOptions& options_;
  BulkReport& report_;
  Fd socket_;
};

}  // namespace

BulkReport run_bulk(const BulkOptions& options) {
  Poller poller;
  BulkReport report;
  std::vector<std::unique_ptr<Flow>> flows;
  for (unsigned i = 0; i < options.connections; ++i) {
    flows.push_back(std::make_unique<Flow>(poller, options, report));
  }
  const auto run_until = [&](Clock::time_point end) {
    while (Clock::now() < end && !stop_requested() && report.lost < options.connections)
      poller.poll(end);
  };
  run_until(Clock::now() + options.warmup);
  for (const pid_t pid : options.watched) report.processes.push_back(read_process(pid));
  report.cores = read_cores();
  const auto begin = Clock::now();
  report.bytes = 0;
  run_until(begin + options.duration);
  report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  subtract(report.processes);
  subtract(report.cores);
  return report;
}

}  // namespace weft::bench
