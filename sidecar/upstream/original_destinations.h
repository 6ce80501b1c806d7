#pragma once
// OriginalDestinations: the endpoints of a cluster of type ORIGINAL_DST, which exist because
// somebody called their addresses.
//
// Owner: LiveCluster, which owns the endpoints too. Thread: its worker. Bounded: at most kMax; the
// one that has been idle for longest makes room for a new one, and one that nobody has used for
// kKept goes, with the connections that it has ready. What is in use stays. Where callers'
// addresses are kept (ClusterConfig::keep_source) each caller has endpoints of its own.

#include <cstddef>
#include <unordered_map>

#include "sidecar/core/address.h"
#include "sidecar/core/timers.h"

namespace weft::upstream {

class LiveEndpoint;

struct OriginalDestinations {
  static constexpr std::size_t kMax = 1024;
  static constexpr Duration kKept = std::chrono::seconds(60);

  OriginalDestinations(Timers& timers, TimerSink& sink) : sweep(timers, sink) {}

  struct Key {
    SocketAddress destination;
    IpAddress source;  // any, unless it is kept
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    [[nodiscard]] std::size_t operator()(const Key& key) const {
      const SocketAddressHash hash;
      return hash(key.destination) ^ (hash(SocketAddress(key.source, 1)) * 31);
    }
  };
  struct Entry {
    LiveEndpoint* endpoint = nullptr;
    TimePoint used{};
  };
  std::unordered_map<Key, Entry, KeyHash> entries;
  Timer sweep;
};

}  // namespace weft::upstream
