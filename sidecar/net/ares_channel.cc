#include "sidecar/net/ares_channel.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"

namespace weft::net {

struct AresChannel::Watch {
  uv_poll_t poll;
  AresChannel* channel;
  int fd;
};

namespace {

IpAddress ip_of(const ares_addr_port_node& node) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  if (node.family == AF_INET) {
    v4.sin_addr = node.addr.addr4;
    return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&v4), sizeof v4).ip();
  }
  static_assert(sizeof node.addr.addr6 == sizeof v6.sin6_addr);
  std::memcpy(&v6.sin6_addr, &node.addr.addr6, sizeof v6.sin6_addr);
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&v6), sizeof v6).ip();
}

}  // namespace

AresChannel::AresChannel(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), timer_(loop.timers(), *this) {
  static const int kReady = ares_library_init(ARES_LIB_INIT_ALL);
  WEFT_ASSERT(kReady == ARES_SUCCESS);
  open();
}

AresChannel::~AresChannel() { close(); }

void AresChannel::open() {
  conf_changed_ = conf_changed();
  ares_options settings{};
  settings.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.try_timeout).count());
  settings.tries = static_cast<int>(options_.tries);
  settings.udp_port = options_.port;
  settings.tcp_port = options_.port;
  settings.resolvconf_path = options_.resolv_conf.data();
  char no_files[] = "b";  // whoever wants the hosts file looks into it itself
  settings.lookups = no_files;
  settings.sock_state_cb = socket_changed;
  settings.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT |
                   ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&ares_, &settings, mask) != ARES_SUCCESS) ares_ = nullptr;
  if (ares_ == nullptr) return;
  if (!options_.servers.empty() && !set_servers(options_.servers)) return close();
  settle_servers();
}

// Learns whom c-ares would ask, and takes out who must not be.
void AresChannel::settle_servers() {
  servers_.clear();
  left_out_.clear();
  ares_addr_port_node* list = nullptr;
  if (ares_get_servers_ports(ares_, &list) != ARES_SUCCESS) return close();
  for (const ares_addr_port_node* node = list; node != nullptr; node = node->next) {
    const auto said = static_cast<std::uint16_t>(node->udp_port);
    const SocketAddress server(ip_of(*node), said == 0 ? options_.port : said);
    (is_never(server) ? left_out_ : servers_).push_back(server);
  }
  if (list != nullptr) ares_free_data(list);
  if (left_out_.empty()) return;
  for (const SocketAddress& server : left_out_) {
    WEFT_LOG(kWarn, "dns: the server {} is this process itself and is not asked",
             server.to_string());
  }
  if (servers_.empty() || !set_servers(servers_)) close();
}

// "0.0.0.0" as a destination is this machine.
bool AresChannel::is_never(const SocketAddress& server) const {
  return std::ranges::any_of(options_.never, [&](const SocketAddress& own) {
    const IpAddress ip = server.ip().unmapped();
    return server.port() == own.port() &&
           (ip == own.ip() || (ip.is_any() && own.ip().is_loopback()));
  });
}

bool AresChannel::set_servers(const std::vector<SocketAddress>& servers) {
  std::string list;
  for (const SocketAddress& server : servers)
    list += (list.empty() ? "" : ",") + server.to_string();
  return ares_set_servers_ports_csv(ares_, list.c_str()) == ARES_SUCCESS;
}

void AresChannel::close() {
  timer_.cancel();
  if (ares_ != nullptr) ares_destroy(std::exchange(ares_, nullptr));
  while (!watches_.empty()) watch(watches_.back()->fd, 0);
}

timespec AresChannel::conf_changed() const {
  struct stat status{};
  if (!options_.servers.empty() || ::stat(options_.resolv_conf.c_str(), &status) != 0) return {};
  return status.st_mtim;
}

// A container's or a laptop's servers change; whoever is idle reads the file again before the next
// question.
void AresChannel::refresh() {
  const timespec changed = conf_changed();
  const bool same =
      changed.tv_sec == conf_changed_.tv_sec && changed.tv_nsec == conf_changed_.tv_nsec;
  // Nobody left to ask is an answer too, until the file says something else.
  if (same && (ares_ != nullptr || !left_out_.empty())) return;
  close();
  open();
}

void AresChannel::on_timer(Timer&) {
  if (ares_ == nullptr) return;
  ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  rearm();
}

void AresChannel::rearm() {
  timeval wait{};
  if (ares_ == nullptr || ares_timeout(ares_, nullptr, &wait) == nullptr) return timer_.cancel();
  timer_.arm(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec));
}

void AresChannel::socket_changed(void* argument, int fd, int readable, int writable) {
  static_cast<AresChannel*>(argument)->watch(
      fd, (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0));
}

// c-ares says 0 before it closes a socket, so the poll handle is out of the way when the number is
// used again.
void AresChannel::watch(int fd, int events) {
  const auto found = std::ranges::find(watches_, fd, &Watch::fd);
  if (events == 0) {
    if (found == watches_.end()) return;
    Watch* const watch = *found;
    watches_.erase(found);
    watch->channel = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->poll),
             [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
    return;
  }
  Watch* watch = found == watches_.end() ? nullptr : *found;
  if (watch == nullptr) {
    auto fresh = std::make_unique<Watch>(Watch{.poll = {}, .channel = this, .fd = fd});
    if (uv_poll_init(loop_.uv(), &fresh->poll, fd) != 0)
      return;  // unheard, the question runs into its timeout
    watch = fresh.release();
    watch->poll.data = watch;
    watches_.push_back(watch);
  }
  uv_poll_start(&watch->poll, events, socket_ready);
}

void AresChannel::socket_ready(uv_poll_t* poll, int status, int events) {
  const Watch& watch = *static_cast<Watch*>(poll->data);
  AresChannel* const channel = watch.channel;
  if (channel == nullptr) return;
  channel->loop_.begin_event();
  const int fd = watch.fd;
  const bool readable = status < 0 || (events & UV_READABLE) != 0;
  const bool writable = status < 0 || (events & UV_WRITABLE) != 0;
  ares_process_fd(channel->ares_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
  channel->rearm();
}

}  // namespace weft::net
