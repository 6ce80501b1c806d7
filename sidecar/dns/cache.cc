#include "sidecar/dns/cache.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weft::dns {

namespace {

std::uint32_t seconds_between(TimePoint from, TimePoint to) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(to - from).count();
  return age <= 0 ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(age, UINT32_MAX));
}

}  // namespace

std::optional<std::vector<std::uint8_t>> Cache::find(const Query& query, TimePoint now) {
  const auto found = index_.find(key_of(query));
  if (found == index_.end()) return std::nullopt;
  const Entries::iterator entry = found->second;
  const std::uint32_t age = seconds_between(entry->since, now);
  if (age >= entry->answer.ttl_s) {
    forget(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return readdress(entry->message, entry->answer, query, age);
}

void Cache::keep(const Query& query, Bytes message, const Answer& answer, TimePoint now) {
  std::string key = key_of(query);
  if (const auto old = index_.find(key); old != index_.end()) forget(old->second);
  if (answer.ttl_s == 0 || message.size() > options_.answer_max) return;
  entries_.push_front(
      {.key = key, .message = {message.begin(), message.end()}, .answer = answer, .since = now});
  index_.emplace(std::move(key), entries_.begin());
  bytes_ += cost(entries_.front());
  while (entries_.size() > options_.entries_max || bytes_ > options_.bytes_max) {
    forget(std::prev(entries_.end()));
  }
}

std::size_t Cache::cost(const Entry& entry) {
  return entry.message.size() + entry.answer.ttls.size() * sizeof(std::size_t) + entry.key.size();
}

void Cache::forget(Entries::iterator entry) {
  bytes_ -= cost(*entry);
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace weft::dns
