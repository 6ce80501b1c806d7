#pragma once
// ChainCache: certificate chains that were found good, so that a peer seen before costs no
// signature check.
//
// Peers of a mesh repeat; checking a chain costs two to three signature verifications of about 0.1
// ms. Only good chains are kept, only while every certificate in them is valid, and only under the
// digest of exactly the roots and certificates that were checked: whatever changes is a different
// entry. Identity is judged anew each time. Bounded by kEntriesMax: the oldest goes. Owner:
// Library. Thread: its worker's.

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>

#include "sidecar/core/clock.h"

namespace weft::tls {

class ChainCache final {
 public:
  static constexpr std::size_t kEntriesMax = 4096;
  using Digest = std::array<std::uint8_t, 32>;

  struct Entry {
    WallTime valid_from;
    WallTime valid_until;
    std::string trust_domain;  // the anchor's, empty when it names none
  };

  explicit ChainCache(std::size_t entries_max = kEntriesMax) : entries_max_(entries_max) {}

  // Null when unknown or outside its time; valid until the next call.
  [[nodiscard]] const Entry* find(const Digest& digest, WallTime now);
  void insert(const Digest& digest, Entry entry);
  void clear();

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t hits() const { return hits_; }

 private:
  struct Hash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t value = 0;
      std::memcpy(&value, digest.data(), sizeof value);
      return value;
    }
  };

  std::size_t entries_max_;
  std::unordered_map<Digest, Entry, Hash> entries_;
  std::deque<Digest> order_;  // oldest first; one per entry
  std::uint64_t hits_ = 0;
};

}  // namespace weft::tls
