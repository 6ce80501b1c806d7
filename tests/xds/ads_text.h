#pragma once
// What travels on an ADS stream as short lines of text, so that tests read like a transcript.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xds/client_state.h"
#include "xds/proto/discovery.pb.h"
#include "xds/resource.h"

namespace weft::xds::testing {

// "Cluster" -> its full name, and the type URL.
[[nodiscard]] std::string full_name(std::string_view type);
[[nodiscard]] std::string type_url(std::string_view type);

// A resource of that type, whose content is `text`.
[[nodiscard]] Resource resource(std::string_view type, std::string_view name,
                                std::string_view text);

// "Cluster v=1 n=2 [a b] error: …"; for delta "Cluster +a +b -c {a=1} n=2 error: …".
[[nodiscard]] std::string text_of(const envoy::service::discovery::v3::DiscoveryRequest& request);
[[nodiscard]] std::string text_of(
    const envoy::service::discovery::v3::DeltaDiscoveryRequest& request);
[[nodiscard]] std::string text_of(const ClientState::Request& request);
// "Cluster n=1 a=one b=two"; for delta also "-c". Content stands behind the name.
[[nodiscard]] std::string text_of(const envoy::service::discovery::v3::DiscoveryResponse& response);
[[nodiscard]] std::string text_of(
    const envoy::service::discovery::v3::DeltaDiscoveryResponse& response);
[[nodiscard]] std::string response_text(Variant variant, const std::string& bytes);

// Everything a client wants to say now, one request a line.
[[nodiscard]] std::string said_by(ClientState& client);

using Named = std::vector<std::pair<std::string, std::string>>;  // name and content
[[nodiscard]] envoy::service::discovery::v3::DiscoveryResponse sotw_response(
    std::string_view type, std::string_view version, std::string_view nonce,
    const Named& resources);
[[nodiscard]] envoy::service::discovery::v3::DeltaDiscoveryResponse delta_response(
    std::string_view type, std::string_view nonce, const Named& resources,
    const std::vector<std::string>& removed = {});

}  // namespace weft::xds::testing
