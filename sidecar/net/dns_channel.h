#pragma once
// DnsChannel: the questions of lookups, put to c-ares, and the line of lookups that wait until
// another question may be put.
//
// Owner: Resolver. Thread: its loop's. c-ares calls back exactly once for each question, at the
// latest when the channel dies; nobody outside is called from within that callback (lookups tell
// their holders later).

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/intrusive_list.h"
#include "sidecar/net/ares_channel.h"
#include "sidecar/net/dns_answer.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/resolver.h"

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

class DnsChannel final : private Deferred {
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
  static void answered(void* argument, int status, int timeouts, unsigned char* message, int size);
  void on_deferred() override;

  IntrusiveList<DnsLookup, AllLookups> all_;
  IntrusiveList<DnsLookup> line_;
  std::size_t waiting_ = 0;
  std::uint32_t questions_ = 0;  // with c-ares, heard or not
  AresChannel ares_;
};

}  // namespace weft::net
