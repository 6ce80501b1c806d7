#pragma once
// DetectionMemory: the destinations whose callers wait for the server to speak, so that the next
// caller is not made to wait as long as the first.
//
// Owner: Listener. Thread: its worker. A caller that says nothing until the deadline of detection
// is taken for one that waits (MySQL, SMTP, SSH), and so are those after it: they get kPatience
// instead of the deadline. One that speaks in time is believed and has its destination forgotten.
// Nothing is lost by a wrong guess but the wait: silence was and is carried as opaque bytes.
// Memory: at most kDestinationsMax entries, the one learned longest ago goes first; none is kept
// beyond kKeep.

#include <cstddef>
#include <list>
#include <unordered_map>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"

namespace weft::proxy {

class DetectionMemory final {
 public:
  static constexpr std::size_t kDestinationsMax = 1024;
  static constexpr Duration kKeep = std::chrono::minutes(10);
  // Enough for what was sent together with the connection, or right behind it.
  static constexpr Duration kPatience = std::chrono::milliseconds(5);

  void learn_silence(const SocketAddress& destination, TimePoint now);
  void learn_speech(const SocketAddress& destination);
  [[nodiscard]] bool expects_silence(const SocketAddress& destination, TimePoint now) const;
  [[nodiscard]] std::size_t size() const { return by_destination_.size(); }

 private:
  struct Entry {
    SocketAddress destination;
    TimePoint until;
  };
  std::list<Entry> entries_;  // oldest first
  std::unordered_map<SocketAddress, std::list<Entry>::iterator, SocketAddressHash> by_destination_;
};

}  // namespace weft::proxy
