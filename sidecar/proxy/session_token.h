#pragma once
// SessionToken: the words by which a client's session names its endpoint: in a cookie or a header,
// read from requests and told by answers (behaviour.md 8, GEP-1619).
//
// The value is 16 hexadecimal digits, a hash of the endpoint's address: it tells nobody an address
// and is the same whichever sidecar wrote it. It is never trusted: what it does not name among the
// usable endpoints of the route's clusters is as good as none.

#include <cstdint>
#include <optional>

#include "sidecar/config/route_config.h"
#include "sidecar/config/session_persistence.h"
#include "sidecar/http/message.h"
#include "sidecar/upstream/cluster_set.h"

namespace weft::proxy {

[[nodiscard]] std::optional<std::uint64_t> read_session(
    const config::SessionPersistence& persistence, const http::RequestHead& head);

// The cluster of the split that has this endpoint: a session stays where it is, whatever the
// weights are now.
[[nodiscard]] std::optional<std::size_t> cluster_of_session(const config::ForwardAction& action,
                                                            std::uint64_t session,
                                                            upstream::ClusterSet& clusters);

void write_session(const config::SessionPersistence& persistence, std::uint64_t session,
                   http::Headers& answer);

}  // namespace weft::proxy
