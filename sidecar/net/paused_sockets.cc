#include "sidecar/net/paused_sockets.h"

#include <poll.h>

#include <vector>

namespace weft::net {

void PausedSockets::add(PausedSocket& socket) {
  if (!socket.linked()) sockets_.push_back(socket);
  if (!look_.armed()) look_.arm(kLookEvery);
}

void PausedSockets::on_timer(Timer&) {
  if (sockets_.empty()) return;
  std::vector<pollfd> looks;
  sockets_.for_each([&](const PausedSocket& socket) {
    looks.push_back({.fd = socket.watched_fd(), .events = 0, .revents = 0});
  });
  // Unlike SO_ERROR, a look takes nothing away: what was sent before a reset can still be read.
  if (::poll(looks.data(), looks.size(), 0) > 0) {
    auto look = looks.begin();
    sockets_.for_each([&](PausedSocket& socket) {
      if (((look++)->revents & POLLERR) != 0) socket.on_reset_seen();
    });
  }
  look_.arm(kLookEvery);
}

}  // namespace weft::net
