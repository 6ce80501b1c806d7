#pragma once
// Messages from text, and the wrappings that tests of from_proto share: an inner piece in an
// otherwise good resource.

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"

namespace weft::xds {

template <typename Message>
Message from_text(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

inline std::string any(std::string_view type, std::string_view content = {}) {
  return fmt::format("[type.googleapis.com/{}] {{ {} }}", type, content);
}

inline constexpr std::string_view kManager =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
inline constexpr std::string_view kTcpProxy =
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
inline constexpr std::string_view kRouter = "envoy.extensions.filters.http.router.v3.Router";
inline constexpr std::string_view kUpstreamTls =
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
inline constexpr std::string_view kDownstreamTls =
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

inline std::string router_filter() {
  return fmt::format("http_filters {{ name: 'router' typed_config {{ {} }} }}", any(kRouter));
}

inline std::string filter(std::string_view type, std::string_view content) {
  return fmt::format("filters {{ name: 'f' typed_config {{ {} }} }}", any(type, content));
}

// A listener with `inner` beside its one chain.
inline std::string listener(std::string_view inner, std::string_view chain) {
  return fmt::format(
      "name: 'l' address {{ socket_address {{ address: '127.0.0.1' port_value: 80 }} }} "
      "{} filter_chains {{ {} }}",
      inner, chain);
}
inline std::string tcp_chain() { return filter(kTcpProxy, "stat_prefix: 's' cluster: 'c'"); }
// A listener whose connection manager holds `inner`.
inline std::string manager(std::string_view inner) {
  return listener(
      "", filter(kManager, fmt::format("stat_prefix: 's' rds {{ config_source {{ ads {{}} }} "
                                       "route_config_name: 'r' }} {} {}",
                                       inner, router_filter())));
}
inline std::string host(std::string_view inner) {
  return fmt::format("name: 'r' virtual_hosts {{ name: 'h' domains: '*' {} }}", inner);
}
inline std::string route(std::string_view inner) {
  return host(fmt::format("routes {{ match {{ prefix: '/' }} {} }}", inner));
}
inline std::string match(std::string_view inner) {
  return host(fmt::format("routes {{ match {{ {} }} route {{ cluster: 'c' }} }}", inner));
}
inline std::string action(std::string_view inner) {
  return route(fmt::format("route {{ cluster: 'c' {} }}", inner));
}
inline std::string cluster(std::string_view inner) { return fmt::format("name: 'c' {}", inner); }
inline std::string endpoint(std::string_view address, std::string_view inner = {}) {
  return fmt::format(
      "lb_endpoints {{ endpoint {{ address {{ socket_address {{ address: '{}' port_value: 80 }} }} "
      "}} "
      "{} }}",
      address, inner);
}
inline std::string upstream_tls(std::string_view inner) {
  return cluster(fmt::format("transport_socket {{ name: 'tls' typed_config {{ {} }} }}",
                             any(kUpstreamTls, inner)));
}
inline std::string downstream_tls(std::string_view inner) {
  return listener("", fmt::format("transport_socket {{ name: 'tls' typed_config {{ {} }} }} {}",
                                  any(kDownstreamTls, inner), tcp_chain()));
}

}  // namespace weft::xds
