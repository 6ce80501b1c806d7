#pragma once
// Read: resources written as text, translated, with what was noted on the way. Fails the test when
// one is refused.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/xds/text.h"
#include "xds/from_proto.h"
#include "xds/proto/tls.pb.h"

namespace weft::xds {

inline FromProtoOptions with_files() {
  return {.read_file = [](const std::string& path) -> Result<std::string> {
    if (path == "/missing") return fail(Fault::kInvalid, "no such file: /missing");
    return "-----BEGIN " + path;
  }};
}

struct Read {
  Findings findings;
  FromProtoOptions options = with_files();

  config::ListenerConfig listener(std::string_view text) {
    return good(listener_from_proto(from_text<envoy::config::listener::v3::Listener>(text), options,
                                    findings));
  }
  config::RouteConfig routes(std::string_view text) {
    return good(routes_from_proto(from_text<envoy::config::route::v3::RouteConfiguration>(text),
                                  options, findings));
  }
  config::ClusterConfig cluster(std::string_view text) {
    return good(cluster_from_proto(from_text<envoy::config::cluster::v3::Cluster>(text), options,
                                   findings));
  }
  config::EndpointSet endpoints(std::string_view text) {
    return good(endpoints_from_proto(
        from_text<envoy::config::endpoint::v3::ClusterLoadAssignment>(text), options, findings));
  }
  Secret secret(std::string_view text) {
    return good(secret_from_proto(
        from_text<envoy::extensions::transport_sockets::tls::v3::Secret>(text), options, findings));
  }

  template <typename T>
  T good(Result<T> read) {
    EXPECT_TRUE(read) << (read ? "" : read.error().detail);
    return read ? *std::move(read) : T{};
  }
};

}  // namespace weft::xds
