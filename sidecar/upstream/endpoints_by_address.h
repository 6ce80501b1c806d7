#pragma once
// EndpointsByAddress: a cluster's endpoints, to be taken one by one by whoever goes on using them.
//
// Most of a push are where they were in the list; only when one is not are all of them filed by
// their addresses. Thread: one; lives no longer than the list.

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/upstream/live_endpoint.h"

namespace weft::upstream {

class EndpointsByAddress final {
 public:
  explicit EndpointsByAddress(std::vector<std::unique_ptr<LiveEndpoint>>& endpoints)
      : endpoints_(endpoints) {}

  // Null: none that was not taken. `place`: where it is looked for first.
  [[nodiscard]] std::unique_ptr<LiveEndpoint> take(const SocketAddress& address,
                                                   std::size_t place) {
    if (place < endpoints_.size() && endpoints_[place] != nullptr &&
        endpoints_[place]->config().address == address) {
      return std::move(endpoints_[place]);
    }
    if (!places_) fill();
    const auto found = places_->find(address);
    return found == places_->end() ? nullptr : std::move(endpoints_[found->second]);
  }

 private:
  void fill() {
    places_.emplace();
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      if (endpoints_[i] != nullptr) places_->emplace(endpoints_[i]->config().address, i);
    }
  }

  std::vector<std::unique_ptr<LiveEndpoint>>& endpoints_;
  std::optional<std::unordered_map<SocketAddress, std::size_t, SocketAddressHash>> places_;
};

}  // namespace weft::upstream
