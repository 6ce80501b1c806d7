#pragma once
// Responder: what to do with a query that the kernel brought to the sidecar: answer it from the
// mesh's table or from the cache, or ask the pod's own resolvers and pass their word on. Decides;
// sockets and waiting are its owner's. Thread: its owner's.
//
// Of a mesh name only A and AAAA are answered here; SRV and the rest go on to the cluster's DNS,
// which knows ports. Several addresses are told in another order each time, as whoever asks mostly
// takes the first. A resolver that fails is passed on as SERVFAIL, never as "no such name".

#include <cstdint>
#include <optional>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/counters.h"
#include "sidecar/dns/cache.h"
#include "sidecar/dns/name_table.h"
#include "sidecar/dns/query.h"

namespace weft::dns {

enum class Road : std::uint8_t { kUdp, kTcp };

class Responder final {
 public:
  struct Options {
    std::uint32_t mesh_ttl_s = 5;  // addresses of a headless Service change at any time
    Cache::Options cache;
  };
  struct Stats {
    Counter from_mesh;
    Counter from_cache;
    Counter forwarded;
    Counter refused;   // answered with an error of ours: not understood
    Counter ignored;   // no query at all
    Counter unusable;  // resolvers' answers that are none to the question, or broken
  };

  // `names` outlives it.
  Responder(const Names& names, const Options& options);

  // At most one of the two is there; neither: say nothing.
  struct Decision {
    std::optional<std::vector<std::uint8_t>> reply;
    std::optional<Query> forward;
  };
  [[nodiscard]] Decision decide(Bytes message, Road road, TimePoint now);

  // What a resolver said to a forwarded query, as its asker shall have it. Nonsense is SERVFAIL.
  [[nodiscard]] std::vector<std::uint8_t> answered(const Query& query, Bytes message, Road road,
                                                   TimePoint now);
  [[nodiscard]] std::vector<std::uint8_t> not_answered(const Query& query) const;

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Cache& cache() const { return cache_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  const Names& names_;
  const Options options_;
  Cache cache_;
  Stats stats_;
  std::size_t turn_ = 0;  // of the addresses of mesh names
};

}  // namespace weft::dns
