#pragma once
// AresChannel: one c-ares channel on a Loop: the servers it asks, the sockets it has open, its
// clock.
//
// c-ares calls back exactly once for each question, at the latest from close(); one question alone
// cannot be cancelled (decisions D15). Sockets close when no question is under way, so that the
// next one leaves from another port. Owner: DnsChannel, which asks for addresses, or DnsForwarder,
// which passes whole messages on. Thread: its loop's. Idle it holds no socket and no timer.

#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/net/loop.h"

struct ares_channeldata;
struct uv_poll_s;

namespace weft::net {

class AresChannel final : private TimerSink {
 public:
  struct Options {
    std::vector<SocketAddress> servers;            // empty: those of resolv_conf
    std::string resolv_conf = "/etc/resolv.conf";  // looked at again when it changes
    std::uint16_t port = 53;                       // of servers without one of their own
    Duration try_timeout = std::chrono::seconds(2);
    std::uint32_t tries = 2;           // per server
    std::vector<SocketAddress> never;  // our own: whoever asks himself never hears the end of it
  };

  AresChannel(Loop& loop, Options options);
  ~AresChannel();
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  // Null when it could not be opened, or is closed, or nobody is left to ask.
  [[nodiscard]] ares_channeldata* get() const { return ares_; }
  // Opens anew when resolv_conf has changed. REQUIRES no question under way.
  void refresh();
  // After every call into c-ares but close().
  void rearm();
  // Ends every question with ARES_EDESTRUCTION, from inside.
  void close();

  // Who is asked, with their ports; and who is named and never asked.
  [[nodiscard]] const std::vector<SocketAddress>& servers() const { return servers_; }
  [[nodiscard]] const std::vector<SocketAddress>& left_out() const { return left_out_; }

 private:
  struct Watch;  // one socket of c-ares

  static void socket_changed(void* argument, int fd, int readable, int writable);
  static void socket_ready(uv_poll_s* poll, int status, int events);
  void on_timer(Timer&) override;

  void open();
  void settle_servers();
  [[nodiscard]] bool is_never(const SocketAddress& server) const;
  [[nodiscard]] bool set_servers(const std::vector<SocketAddress>& servers);
  [[nodiscard]] timespec conf_changed() const;
  void watch(int fd, int events);

  Loop& loop_;
  Options options_;
  ares_channeldata* ares_ = nullptr;
  timespec conf_changed_{};
  std::vector<SocketAddress> servers_;
  std::vector<SocketAddress> left_out_;
  std::vector<Watch*> watches_;
  Timer timer_;
};

}  // namespace weft::net
