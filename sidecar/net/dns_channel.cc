#include "sidecar/net/dns_channel.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/net/dns_lookup.h"

namespace weft::net {

struct DnsChannel::Watch {
  uv_poll_t poll;
  DnsChannel* channel;
  int fd;
};

DnsChannel::DnsChannel(Loop& its_loop, Resolver::Options its_options)
    : loop(its_loop), options(std::move(its_options)), timer_(its_loop.timers(), *this) {
  static const int kReady = ares_library_init(ARES_LIB_INIT_ALL);
  WEFT_ASSERT(kReady == ARES_SUCCESS);
  open();
}

DnsChannel::~DnsChannel() {
  all_.for_each([](DnsLookup& lookup) { lookup.orphan(); });
  close();
}

void DnsChannel::open() {
  conf_changed_ = conf_changed();
  ares_options settings{};
  settings.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options.try_timeout).count());
  settings.tries = static_cast<int>(options.tries);
  settings.udp_port = options.port;
  settings.tcp_port = options.port;
  settings.resolvconf_path = options.resolv_conf.data();
  char no_files[] = "b";  // we look into the hosts file ourselves
  settings.lookups = no_files;
  settings.sock_state_cb = socket_changed;
  settings.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT |
                   ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&ares_, &settings, mask) != ARES_SUCCESS) ares_ = nullptr;
  if (ares_ == nullptr || options.servers.empty()) return;
  std::string list;
  for (const SocketAddress& server : options.servers) {
    list += (list.empty() ? "" : ",") + server.to_string();
  }
  if (ares_set_servers_ports_csv(ares_, list.c_str()) != ARES_SUCCESS) close();
}

void DnsChannel::close() {
  timer_.cancel();
  if (ares_ != nullptr) ares_destroy(std::exchange(ares_, nullptr));
  while (!watches_.empty()) watch(watches_.back()->fd, 0);
}

timespec DnsChannel::conf_changed() const {
  struct stat status{};
  if (!options.servers.empty() || ::stat(options.resolv_conf.c_str(), &status) != 0) return {};
  return status.st_mtim;
}

// A container's or a laptop's servers change; whoever is idle reads the file again before the next
// question.
void DnsChannel::reopen_if_changed() {
  if (questions_ != 0) return;
  const timespec changed = conf_changed();
  const bool same =
      changed.tv_sec == conf_changed_.tv_sec && changed.tv_nsec == conf_changed_.tv_nsec;
  if (ares_ != nullptr && same) return;
  close();
  open();
}

void DnsChannel::enter(DnsLookup& lookup) { all_.push_back(lookup); }

bool DnsChannel::admit(DnsLookup& lookup) {
  if (line_.empty() && questions_ < options.questions_max) {
    reopen_if_changed();
    lookup.begin_asking();
    rearm();
    return true;
  }
  if (waiting_ >= options.waiting_max) return false;
  ++waiting_;
  line_.push_back(lookup);
  return true;
}

void DnsChannel::leave_line(DnsLookup& lookup) {
  static_cast<ListNode<DnsLookup>&>(lookup).unlink();
  --waiting_;
}

DnsQuestion* DnsChannel::make_question(DnsLookup& lookup, DnsType type) {
  ++questions_;
  return std::make_unique<DnsQuestion>(DnsQuestion{this, &lookup, type})
      .release();  // answered() takes it back
}

void DnsChannel::put(DnsQuestion& question, const std::string& name) {
  const int type = static_cast<int>(question.type);
  if (ares_ == nullptr) return answered(&question, ARES_ENOTINITIALIZED, 0, nullptr, 0);
  if (options.search) return ares_search(ares_, name.c_str(), 1, type, answered, &question);
  ares_query(ares_, name.c_str(), 1, type, answered, &question);
}

void DnsChannel::answered(void* argument, int status, int, unsigned char* message, int size) {
  const std::unique_ptr<DnsQuestion> question(static_cast<DnsQuestion*>(argument));
  DnsChannel& channel = *question->channel;
  --channel.questions_;
  // Starting the next from in here would be a call into c-ares from its own callback.
  if (!channel.line_.empty()) channel.loop.defer(channel);
  if (question->lookup == nullptr) return;
  const Bytes bytes(message, message == nullptr ? 0 : static_cast<std::size_t>(size));
  question->lookup->answered(*question, status, bytes);
}

void DnsChannel::on_deferred() {
  while (questions_ < options.questions_max) {
    DnsLookup* next = line_.pop_front();
    if (next == nullptr) break;
    --waiting_;
    next->begin_asking();
  }
  rearm();
}

void DnsChannel::on_timer(Timer&) {
  if (ares_ == nullptr) return;
  ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  rearm();
}

void DnsChannel::rearm() {
  timeval wait{};
  if (ares_ == nullptr || ares_timeout(ares_, nullptr, &wait) == nullptr) return timer_.cancel();
  timer_.arm(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec));
}

void DnsChannel::socket_changed(void* argument, int fd, int readable, int writable) {
  static_cast<DnsChannel*>(argument)->watch(
      fd, (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0));
}

// c-ares says 0 before it closes a socket, so the poll handle is out of the way when the number is
// used again.
void DnsChannel::watch(int fd, int events) {
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
    if (uv_poll_init(loop.uv(), &fresh->poll, fd) != 0)
      return;  // unheard, the question runs into its timeout
    watch = fresh.release();
    watch->poll.data = watch;
    watches_.push_back(watch);
  }
  uv_poll_start(&watch->poll, events, socket_ready);
}

void DnsChannel::socket_ready(uv_poll_t* poll, int status, int events) {
  const Watch& watch = *static_cast<Watch*>(poll->data);
  DnsChannel* const channel = watch.channel;
  if (channel == nullptr) return;
  channel->loop.begin_event();
  const int fd = watch.fd;
  const bool readable = status < 0 || (events & UV_READABLE) != 0;
  const bool writable = status < 0 || (events & UV_WRITABLE) != 0;
  ares_process_fd(channel->ares_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
  channel->rearm();
}

std::vector<IpAddress> DnsChannel::hosts_file(const std::string& name, int family) {
  std::vector<IpAddress> addresses;
  hostent* found = nullptr;
  const std::string bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
  if (ares_ == nullptr ||
      ares_gethostbyname_file(ares_, bare.c_str(), family, &found) != ARES_SUCCESS)
    return addresses;
  for (char** entry = found->h_addr_list; *entry != nullptr; ++entry) {
    if (addresses.size() == DnsAnswer::kAddressesMax) break;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    v4.sin_family = AF_INET;
    v6.sin6_family = AF_INET6;
    const bool is_v4 = family == AF_INET;
    if (is_v4) std::memcpy(&v4.sin_addr, *entry, sizeof v4.sin_addr);
    if (!is_v4) std::memcpy(&v6.sin6_addr, *entry, sizeof v6.sin6_addr);
    const auto* native =
        is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
    addresses.push_back(SocketAddress::from_native(native, is_v4 ? sizeof v4 : sizeof v6).ip());
  }
  ares_free_hostent(found);
  return addresses;
}

}  // namespace weft::net
