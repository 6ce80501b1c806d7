#pragma once
// ResponseWriter: discovery responses written straight to the wire around resources that are
// encoded already, so that ten thousand of them are copied once and decoded never.
//
// Pure. Owner: one call of ServerState. Source: envoy.service.discovery.v3.DiscoveryResponse,
// DeltaDiscoveryResponse.

#include <cstddef>
#include <string>
#include <string_view>

#include "xds/ads.h"
#include "xds/resource.h"

namespace weft::xds {

class ResponseWriter final {
 public:
  ResponseWriter(Variant variant, std::string_view type, std::string_view nonce);

  void add(const Resource& resource);
  void remove(std::string_view name);  // delta only
  // SotW: of the type. Delta: of the system, for people.
  void set_version(std::string_view version);
  void set_control_plane(std::string_view identifier);

  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] static std::size_t bytes_of(const Resource& resource);
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  Variant variant_;
  std::string bytes_;
};

}  // namespace weft::xds
