#pragma once
// Load: customers of the shop who do not wait for each other: so many requests a second, each with
// a number of its own, each due at its time whatever became of the ones before (an open loop; a
// request that must wait for its turn has that wait in its latency).
//
// Requests go to one address over kept HTTP/1.1 connections, as many as are needed at once. They
// are POST: what the mesh repeats it must know to be unprocessed. begin() starts a window of them,
// end() closes it and gives the list of what was sent. A thread and a loop of its own; every call
// is from one other thread, the director's.

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/net/loop.h"
#include "tests/demo/journal.h"

namespace weft::demo {

class Load final {
 public:
  struct Options {
    SocketAddress address;  // the outbound port of the visitor's sidecar
    std::string host;       // "web"
    std::string target = "/shop";
    Duration timeout = std::chrono::seconds(10);
    std::size_t connections_max = 1000;  // further requests wait
  };
  struct Window {
    double rate = 100;                                                // a second
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max();  // then stop
  };
  struct Progress {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;  // 200
    std::uint64_t failed = 0;
    std::size_t in_flight = 0;
    std::size_t waiting = 0;  // due, and no connection free
  };

  explicit Load(Options options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // REQUIRES: no window is open.
  void begin(const Window& window);
  // Of the window.
  [[nodiscard]] Progress progress();
  // Sends no more, waits for what is in flight, gives the list.
  [[nodiscard]] std::vector<Sent> end();

 private:
  class Driver;
  // Runs `call` on the loop's thread and waits.
  template <typename Call>
  auto on_loop(Call call);

  net::Loop loop_;
  std::unique_ptr<Driver> driver_;
  std::thread thread_;
};

// Due to ended, of those that were answered.
[[nodiscard]] std::vector<Duration> latencies_of(const std::vector<Sent>& sent);
// "web-a>cart-v1-b>ledger-a" -> "cart-v1-b"; empty when there is none.
[[nodiscard]] std::string cart_in(std::string_view way);

}  // namespace weft::demo
