#include "sidecar/listener_sockets.h"

#include <algorithm>

namespace weft::sidecar {

std::string socket_key(const config::ListenerConfig& listener, const SocketAddress& address) {
  if (address.is_ip() && address.port() == 0) return listener.name + "@" + address.to_string();
  return address.to_string();
}

Status ListenerSockets::bind(const config::ListenerConfig& listener) {
  if (!listener.bind) return {};
  std::vector<SocketAddress> addresses = listener.extra_addresses;
  addresses.insert(addresses.begin(), listener.address);
  std::map<std::string, Entry> fresh;
  for (const SocketAddress& address : addresses) {
    const std::string key = socket_key(listener, address);
    if (entries_.contains(key) || fresh.contains(key)) continue;
    net::ListenOptions options;
    options.reuse_port = workers_ > 1;
    options.transparent = listener.transparent;
    Result<std::vector<net::OwnedFd>> bound = net::bind_listeners(address, workers_, options);
    if (!bound) return fail(bound.error());
    Entry entry;
    entry.address = net::local_address_of(bound->front().get());
    entry.descriptors = std::move(*bound);
    fresh.emplace(key, std::move(entry));
  }
  entries_.merge(fresh);
  return {};
}

net::OwnedFd ListenerSockets::take(const std::string& key, std::uint32_t worker) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return net::OwnedFd();
  return std::exchange(found->second.descriptors[worker], net::OwnedFd());
}

SocketAddress ListenerSockets::address_of(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? SocketAddress() : found->second.address;
}

void ListenerSockets::keep_only(const std::vector<std::string>& wanted) {
  std::erase_if(entries_, [&](const auto& entry) {
    return std::find(wanted.begin(), wanted.end(), entry.first) == wanted.end();
  });
}

}  // namespace weft::sidecar
