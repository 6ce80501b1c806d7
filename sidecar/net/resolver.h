#pragma once
// Resolver: names to addresses by DNS, on a Loop.
//
// c-ares asks (servers, search domains, retries, TCP for long answers); the answers are read by
// dns_answer. Names found in the hosts file, "localhost" and numbers need no question. The holder
// hears exactly one event, in a later turn, and may then destroy the Query or the Resolver;
// dropping a Query before is silent. c-ares cannot cancel one question: a dropped one runs to its
// end unheard (decisions D15).
//
// Faults: kNameNotResolved: the servers say there is no such name or no address; kTimeout: they say
// nothing; kProtocol: what they say is broken; kConnect: they refuse, fail or cannot be reached;
// kInvalid: no host name; kLimit: too many waiting. Owner: the main loop. Thread: its loop's. An
// idle Resolver holds no socket and no timer.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/error.h"
#include "sidecar/net/loop.h"

namespace weft::net {

class DnsChannel;

// After envoy's Cluster.DnsLookupFamily.
enum class DnsFamily : std::uint8_t {
  kAuto,  // IPv6; IPv4 when there is none
  kV4,
  kV6,
  kV4Preferred,  // IPv4; IPv6 when there is none
  kAll,          // both, IPv6 first
};

struct Resolved {
  std::vector<IpAddress> addresses;  // never empty
  Duration ttl{};
};

class QueryHolder {
 public:
  virtual void on_resolved(const Resolved& resolved) = 0;
  virtual void on_not_resolved(const Error& error) = 0;

 protected:
  ~QueryHolder() = default;
};

class Resolver final {
 public:
  struct Options {
    std::vector<SocketAddress> servers;            // empty: those of resolv_conf
    std::string resolv_conf = "/etc/resolv.conf";  // looked at again when it changes
    std::uint16_t port = 53;                       // of servers without one of their own
    Duration try_timeout = std::chrono::seconds(2);
    std::uint32_t tries = 2;                      // per server
    Duration timeout = std::chrono::seconds(10);  // of one Query in all
    bool search = true;                           // try resolv_conf's search domains
    std::uint32_t questions_max = 64;  // with the servers at a time; further Queries wait in line
    std::uint32_t waiting_max = 4096;  // and are refused beyond this
    Duration ttl_min = std::chrono::seconds(1);    // a server that says 0 must not be asked all day
    Duration ttl_local{std::chrono::seconds(60)};  // of the hosts file
  };
  struct Stats {
    Counter queries;
    Counter failures;
    Counter refused;  // by waiting_max
  };

  class Query {
   public:
    virtual ~Query() = default;
  };

  Resolver(Loop& loop, Options options);
  explicit Resolver(Loop& loop) : Resolver(loop, Options()) {}
  ~Resolver();  // Queries still held hear nothing more
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  [[nodiscard]] std::unique_ptr<Query> resolve(std::string_view name, DnsFamily family,
                                               QueryHolder& holder);
  [[nodiscard]] const Stats& stats() const;

 private:
  std::unique_ptr<DnsChannel> channel_;
};

}  // namespace weft::net
