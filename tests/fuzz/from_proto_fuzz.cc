// Any bytes as any resource type must be refused or translated, never more. The first byte chooses
// the type; its bits 7 and 6 say how unknown fields are taken and whether it is a table of names.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/config/describe.h"
#include "xds/from_proto.h"
#include "xds/resource.h"

namespace {

void describe(const weft::xds::Decoded& decoded) {
  if (const auto* listener = std::get_if<weft::config::ListenerConfig>(&decoded)) {
    (void)weft::config::describe(*listener);
  } else if (const auto* routes = std::get_if<weft::config::RouteConfig>(&decoded)) {
    (void)weft::config::describe(*routes);
  } else if (const auto* cluster = std::get_if<weft::config::ClusterConfig>(&decoded)) {
    (void)weft::config::describe(*cluster);
  } else if (const auto* endpoints = std::get_if<weft::config::EndpointSet>(&decoded)) {
    (void)weft::config::describe(*endpoints);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::xds;
  static constexpr std::array kTypes = {kListenerType,   kRouteType,  kClusterType,
                                        kEndpointType,   kSecretType, kGenerationType,
                                        kDestinationType};
  if (size == 0) return 0;
  google::protobuf::Any body;
  const bool names = (data[0] & 0x40) != 0;
  body.set_type_url(std::string(names ? kNameTableType : kTypes[data[0] % kTypes.size()]));
  body.set_value(data + 1, size - 1);
  FromProtoOptions options;
  if ((data[0] & 0x80) != 0) options.unknown = UnknownFields::kRefuse;
  Findings findings;
  const auto decoded = decode(body, options, findings);
  if (decoded) describe(*decoded);
  return 0;
}
