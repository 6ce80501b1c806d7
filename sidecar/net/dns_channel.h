#pragma once
// DnsChannel: c-ares on a Loop: one channel, the sockets it opened, its clock, and the line of
// lookups that wait until another question may be put to the servers.
//
// Owner: Resolver. Thread: its loop's. c-ares calls back exactly once for each question, at the
// latest when the channel dies; nobody outside is called from within that callback (lookups tell
// their holders later).

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/intrusive_list.h"
#include "sidecar/net/dns_answer.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/resolver.h"

struct ares_channeldata;
struct uv_poll_s;

namespace weft::net {

class DnsChannel;
class DnsLookup;
struct AllLookups {};

// What c-ares calls back with: it stays until then, whatever became of the DnsLookup.
struct DnsQuestion {
  DnsChannel* channel;
  DnsLookup* lookup;  // null once nobody listens
  DnsType type;
};

class DnsChannel final : private Deferred, private TimerSink {
 public:
  DnsChannel(Loop& its_loop, Resolver::Options its_options);
  ~DnsChannel();

  void enter(DnsLookup& lookup);
  // Begins, or waits in line; false when the line is too long.
  bool admit(DnsLookup& lookup);
  void leave_line(DnsLookup& lookup);
  DnsQuestion* make_question(DnsLookup& lookup, DnsType type);
  void put(DnsQuestion& question, const std::string& name);  // may answer from inside
  [[nodiscard]] std::vector<IpAddress> hosts_file(const std::string& name, int family);

  Loop& loop;
  Resolver::Options options;
  Resolver::Stats stats;

 private:
  struct Watch;  // one socket of c-ares

  static void answered(void* argument, int status, int timeouts, unsigned char* message, int size);
  static void socket_changed(void* argument, int fd, int readable, int writable);
  static void socket_ready(uv_poll_s* poll, int status, int events);
  void on_deferred() override;
  void on_timer(Timer&) override;

  void open();
  void close();
  void reopen_if_changed();
  [[nodiscard]] timespec conf_changed() const;
  void rearm();
  void watch(int fd, int events);

  ares_channeldata* ares_ = nullptr;
  timespec conf_changed_{};
  std::vector<Watch*> watches_;
  IntrusiveList<DnsLookup, AllLookups> all_;
  IntrusiveList<DnsLookup> line_;
  std::size_t waiting_ = 0;
  std::uint32_t questions_ = 0;  // with c-ares, heard or not
  Timer timer_;
};

}  // namespace weft::net
