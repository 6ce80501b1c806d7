// Splits by the thousand: how exact each weight is on one worker and on four, and how long a run
// without a canary request may be. Prints its table; tests/mesh/split_table_test.cc does the same
// with sockets, retries and ejection.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sidecar/config/route_table.h"

namespace weft::config {
namespace {

struct SplitCase {
  const char* name;
  std::uint32_t stable;
  std::uint32_t canary;
};

// Requests fall on workers by chance, each with a split of its own. The largest error of any worker
// and the longest run of all requests without a canary one.
struct SplitFigures {
  double worker_error = 0;
  double total_error = 0;
  std::size_t longest_run = 0;
};

SplitFigures measure_split(const SplitCase& weights, std::size_t requests, std::size_t workers,
                           std::uint64_t seed) {
  Random random(seed);
  std::vector<Split> splits;
  for (std::size_t i = 0; i < workers; ++i)
    splits.emplace_back(std::vector<WeightedCluster>{{"stable", weights.stable, {}},
                                                     {"canary", weights.canary, {}}},
                        random);
  std::vector<double> asked(workers);
  std::vector<double> got(workers);
  SplitFigures out;
  std::size_t run = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    const auto worker = static_cast<std::size_t>(random.below(workers));
    asked[worker] += 1;
    const bool canary = splits[worker].next() == 1;
    got[worker] += canary ? 1 : 0;
    run = canary ? 0 : run + 1;
    out.longest_run = std::max(out.longest_run, run);
  }
  const double share = static_cast<double>(weights.canary) / (weights.stable + weights.canary);
  double total = 0;
  for (std::size_t i = 0; i < workers; ++i) {
    out.worker_error = std::max(out.worker_error, std::abs(got[i] - asked[i] * share));
    total += got[i] - asked[i] * share;
  }
  out.total_error = std::abs(total);
  return out;
}

TEST(SplitTable, ErrorsAndLongestRuns) {
  for (const SplitCase& weights : {SplitCase{"1 %", 99, 1}, SplitCase{"5 %", 95, 5},
                                   SplitCase{"33.3 %", 667, 333}, SplitCase{"0.1 %", 999, 1}}) {
    for (const std::size_t requests : {1'000U, 10'000U, 100'000U}) {
      for (const std::size_t workers : {1U, 4U}) {
        SplitFigures worst;
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
          const SplitFigures one = measure_split(weights, requests, workers, seed);
          worst.worker_error = std::max(worst.worker_error, one.worker_error);
          worst.total_error = std::max(worst.total_error, one.total_error);
          worst.longest_run = std::max(worst.longest_run, one.longest_run);
        }
        std::printf(
            "%-6s %6zu requests  %zu workers  worst error of a worker %4.2f, of all %4.2f, longest "
            "run without a canary %5zu\n",
            weights.name, requests, workers, worst.worker_error, worst.total_error,
            worst.longest_run);
        EXPECT_LE(worst.worker_error, 1.0) << weights.name;
        const double round =
            (weights.stable + weights.canary) / static_cast<double>(weights.canary);
        // One worker: never longer than one round and the rest of another. Four meet by chance.
        const double bound =
            workers == 1 ? round * 2 : round * 2 * static_cast<double>(workers) * 2;
        EXPECT_LE(static_cast<double>(worst.longest_run), bound) << weights.name;
      }
    }
  }
}

}  // namespace
}  // namespace weft::config
