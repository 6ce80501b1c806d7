#pragma once
// Cache: answers of the pod's resolvers, kept as long as their TTLs say. Bounded in entries and in
// bytes; when it is full, what was asked for longest ago goes. Thread: its owner's. The clock is
// the caller's.

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/dns/answer.h"
#include "sidecar/dns/query.h"

namespace weft::dns {

class Cache final {
 public:
  struct Options {
    std::size_t entries_max = 1024;
    std::size_t bytes_max = 512 * 1024;  // of answers and what is known of them
    std::size_t answer_max = 8 * 1024;   // a longer one is passed on and not kept
  };
  Cache() : Cache(Options()) {}
  explicit Cache(const Options& options) : options_(options) {}

  // For this asker: with its id, and TTLs that have become smaller.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> find(const Query& query, TimePoint now);
  void keep(const Query& query, Bytes message, const Answer& answer, TimePoint now);

  [[nodiscard]] std::size_t entries() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    std::vector<std::uint8_t> message;
    Answer answer;
    TimePoint since;
  };
  using Entries = std::list<Entry>;  // the one asked for last is first

  [[nodiscard]] static std::size_t cost(const Entry& entry);
  void forget(Entries::iterator entry);

  Options options_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> index_;
  std::size_t bytes_ = 0;
};

}  // namespace weft::dns
