#pragma once
// PathIndex: which routes of a virtual host a request has to be compared with at all, so that a
// table of ten thousand routes costs hardly more than one of ten.
//
// Routes are found by their exact path or their prefix in hash tables, and among those with the
// same one by a header that most of them want to have some value. What cannot be found so (regular
// expressions, paths of which case does not matter) is compared with every request. The first
// match in the order of the routes wins all the same: candidates come in that order.
//
// Owner: RouteTable, one per virtual host. Immutable once built, shared by all workers; no
// allocation per request unless a header comes in several lines. Refers to the routes it was built
// from.

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/config/route_config.h"

namespace weft::config {

class PathIndex final {
 public:
  // Fewer routes than this are looked through one by one, which is as quick.
  static constexpr std::size_t kWorthHashing = 8;
  // Prefixes of so many lengths are hashed; those of further lengths, the rarer ones, are compared
  // with every request.
  static constexpr std::size_t kLengthsMax = 24;

  // `routes` outlive this and stay where they are.
  explicit PathIndex(const std::vector<Route>& routes);

  // The first route, in their order, of which `matches(route)` says so; null when there is none.
  template <typename Matches>
  [[nodiscard]] const Route* find(const http::RequestHead& head, Matches matches) const {
    Candidates candidates;
    collect(head, candidates);
    while (const Route* route = candidates.next(*routes_)) {
      if (matches(*route)) return route;
    }
    return nullptr;
  }

 private:
  using Numbers = std::vector<std::uint32_t>;  // of routes, ascending
  // Routes that the path alone does not tell apart.
  struct Bucket {
    Numbers all;  // but for those in by_value
    const HeaderMatch* header = nullptr;
    std::unordered_map<std::string_view, Numbers> by_value;
  };
  // Lists of numbers, taken together in ascending order.
  class Candidates final {
   public:
    void add(const Numbers& numbers) {
      if (!numbers.empty()) lists_[count_++] = {numbers.data(), numbers.data() + numbers.size()};
    }
    [[nodiscard]] const Route* next(const std::vector<Route>& routes);

   private:
    struct List {
      const std::uint32_t* at;
      const std::uint32_t* end;
    };
    std::array<List, 2 * (kLengthsMax + 2)> lists_;  // two for each bucket that can be hit
    std::size_t count_ = 0;
  };

  void choose_lengths();
  void divide(Bucket& bucket) const;
  void collect(const http::RequestHead& head, Candidates& out) const;
  static void collect(const Bucket& bucket, const http::RequestHead& head, Candidates& out);

  const std::vector<Route>* routes_;
  std::unordered_map<std::string_view, Bucket> exact_;
  std::unordered_map<std::string_view, Bucket> prefixes_;
  std::vector<std::size_t> lengths_;  // of the prefixes, ascending
  Bucket others_;
};

}  // namespace weft::config
