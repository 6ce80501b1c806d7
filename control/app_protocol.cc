#include "control/app_protocol.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace weft::control {

namespace {

struct ProtocolName {
  std::string_view name;
  AppProtocol protocol;
};

// What Kubernetes, Istio and people call them. An unknown word says that it is not HTTP.
constexpr std::array<ProtocolName, 11> kProtocols = {{
    {"http", AppProtocol::kHttp1},
    {"http1", AppProtocol::kHttp1},
    {"grpc-web", AppProtocol::kHttp1},
    {"kubernetes.io/ws", AppProtocol::kHttp1},
    {"http2", AppProtocol::kHttp2},
    {"h2c", AppProtocol::kHttp2},
    {"kubernetes.io/h2c", AppProtocol::kHttp2},
    {"grpc", AppProtocol::kHttp2},
    {"tcp", AppProtocol::kTcp},
    {"tls", AppProtocol::kTcp},
    {"https", AppProtocol::kTcp},
}};

const ProtocolName* find_protocol(std::string_view name) {
  const auto found = std::ranges::find(kProtocols, name, &ProtocolName::name);
  return found == kProtocols.end() ? nullptr : &*found;
}

std::optional<AppProtocol> said_protocol(const std::string& app_protocol, const std::string& name,
                                         std::uint16_t port, const MeshConfig& config) {
  if (!app_protocol.empty()) {
    const ProtocolName* known = find_protocol(app_protocol);
    return known == nullptr ? AppProtocol::kTcp : known->protocol;
  }
  for (const std::string& word : {name, name.substr(0, name.find('-'))}) {
    if (const ProtocolName* known = find_protocol(word)) return known->protocol;
  }
  if (config.opaque_ports.contains(port)) return AppProtocol::kTcp;
  return std::nullopt;
}

}  // namespace

AppProtocol protocol_of(const std::string& app_protocol, const std::string& name,
                        std::uint16_t port, const MeshConfig& config) {
  return said_protocol(app_protocol, name, port, config).value_or(AppProtocol::kHttp1);
}

bool is_declared(const std::string& app_protocol, const std::string& name, std::uint16_t port,
                 const MeshConfig& config) {
  return said_protocol(app_protocol, name, port, config).has_value();
}

}  // namespace weft::control
