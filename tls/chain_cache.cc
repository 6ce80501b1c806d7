#include "tls/chain_cache.h"

#include <utility>

namespace weft::tls {

const ChainCache::Entry* ChainCache::find(const Digest& digest, WallTime now) {
  const auto found = entries_.find(digest);
  if (found == entries_.end()) return nullptr;
  // An entry outside its time stays until its turn to leave comes: the clock may be set back, and
  // the full check that follows refuses the chain anyway.
  if (now < found->second.valid_from || now >= found->second.valid_until) return nullptr;
  ++hits_;
  return &found->second;
}

void ChainCache::insert(const Digest& digest, Entry entry) {
  if (entries_max_ == 0) return;
  if (const auto found = entries_.find(digest); found != entries_.end()) {
    found->second = std::move(entry);
    return;
  }
  if (entries_.size() >= entries_max_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  entries_.emplace(digest, std::move(entry));
  order_.push_back(digest);
}

void ChainCache::clear() {
  entries_.clear();
  order_.clear();
}

}  // namespace weft::tls
