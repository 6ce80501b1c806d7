#include "sidecar/proxy/detection_memory.h"

#include <iterator>

namespace weft::proxy {

void DetectionMemory::learn_silence(const SocketAddress& destination, TimePoint now) {
  learn_speech(destination);
  if (entries_.size() >= kDestinationsMax) {
    by_destination_.erase(entries_.front().destination);
    entries_.pop_front();
  }
  entries_.push_back({destination, now + kKeep});
  by_destination_.emplace(destination, std::prev(entries_.end()));
}

void DetectionMemory::learn_speech(const SocketAddress& destination) {
  const auto found = by_destination_.find(destination);
  if (found == by_destination_.end()) return;
  entries_.erase(found->second);
  by_destination_.erase(found);
}

bool DetectionMemory::expects_silence(const SocketAddress& destination, TimePoint now) const {
  const auto found = by_destination_.find(destination);
  return found != by_destination_.end() && now < found->second->until;
}

}  // namespace weft::proxy
