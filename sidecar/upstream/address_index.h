#pragma once
// AddressIndex: which endpoint of any cluster is at an address: what is known of it when somebody
// calls the address itself. Where several are, one with an identity is told.
//
// Owner: ClusterSet, which makes it when it is first asked after a change and drops it with the
// next one. Thread: its worker. Memory: a pointer and a key for each address, only where clients
// call addresses. Lifetime of what it tells: until the next apply.

#include <cstring>
#include <unordered_map>

#include "sidecar/config/cluster_config.h"

namespace weft::upstream {

class AddressIndex final {
 public:
  void add(const config::EndpointSet& set) {
    for (const config::Endpoint& endpoint : set.endpoints) {
      if (!endpoint.address.is_ip()) continue;
      const auto [at, first] = by_address_.try_emplace(endpoint.address.ip(), &endpoint);
      if (!first && at->second->identity.empty()) at->second = &endpoint;
    }
  }
  // Null: nobody is known there.
  [[nodiscard]] const config::Endpoint* find(const IpAddress& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : found->second;
  }

 private:
  struct Hash {
    std::size_t operator()(const IpAddress& address) const {
      std::uint64_t high = 0;
      std::uint64_t low = 0;
      std::memcpy(&high, address.bytes().data(), 8);
      std::memcpy(&low, address.bytes().data() + 8, 8);
      return static_cast<std::size_t>((high ^ (low * 0x9e3779b97f4a7c15ULL)) *
                                      0xff51afd7ed558ccdULL);
    }
  };
  std::unordered_map<IpAddress, const config::Endpoint*, Hash> by_address_;
};

}  // namespace weft::upstream
