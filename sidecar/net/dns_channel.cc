#include "sidecar/net/dns_channel.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <utility>

#include "sidecar/net/dns_lookup.h"

namespace weft::net {

namespace {

AresChannel::Options options_of(const Resolver::Options& options) {
  return {.servers = options.servers,
          .resolv_conf = options.resolv_conf,
          .port = options.port,
          .try_timeout = options.try_timeout,
          .tries = options.tries};
}

}  // namespace

DnsChannel::DnsChannel(Loop& its_loop, Resolver::Options its_options)
    : loop(its_loop), options(std::move(its_options)), ares_(its_loop, options_of(options)) {}

DnsChannel::~DnsChannel() {
  all_.for_each([](DnsLookup& lookup) { lookup.orphan(); });
  ares_.close();
}

void DnsChannel::enter(DnsLookup& lookup) { all_.push_back(lookup); }

bool DnsChannel::admit(DnsLookup& lookup) {
  if (line_.empty() && questions_ < options.questions_max) {
    if (questions_ == 0) ares_.refresh();
    lookup.begin_asking();
    ares_.rearm();
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
  if (ares_.get() == nullptr) return answered(&question, ARES_ENOTINITIALIZED, 0, nullptr, 0);
  if (options.search) return ares_search(ares_.get(), name.c_str(), 1, type, answered, &question);
  ares_query(ares_.get(), name.c_str(), 1, type, answered, &question);
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
  ares_.rearm();
}

std::vector<IpAddress> DnsChannel::hosts_file(const std::string& name, int family) {
  std::vector<IpAddress> addresses;
  hostent* found = nullptr;
  const std::string bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
  if (ares_.get() == nullptr ||
      ares_gethostbyname_file(ares_.get(), bare.c_str(), family, &found) != ARES_SUCCESS)
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
