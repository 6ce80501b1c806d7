#pragma once
// Hop: what passing through one proxy changes in a head: fields that only the mesh may write, edits
// that routes ask for, rewrites of path and host. Pure functions on heads; texts they make live in
// the head's arena.

#include <cstdint>
#include <string_view>
#include <vector>

#include "sidecar/config/route_config.h"
#include "sidecar/http/message.h"
#include "telemetry/cause.h"

namespace weft::telemetry {
struct TraceContext;
}

namespace weft::proxy {

// Whose head it is: the app's beside us, which may say how much its requests matter and no more; a
// sidecar's of the mesh over mTLS, which may say everything; anybody else's.
enum class Sender : std::uint8_t { kStranger, kOwnApp, kMeshPeer };

// Removes x-weft-* fields that came from somebody who may not set them, and
// x-forwarded-client-cert whoever sent it.
void strip_mesh_fields(http::Headers& headers, Sender sender);

void apply_each(const std::vector<config::HeaderEdit>& edits, http::Headers& headers);
// Asked eight times for each request, and nearly always of nothing.
inline void apply_edits(const std::vector<config::HeaderEdit>& edits, http::Headers& headers) {
  if (!edits.empty()) apply_each(edits, headers);
}
// Those of a route, its virtual host (may be null) and its table; who comes last wins, which is the
// table unless it leaves that to the route.
inline void apply_levels(std::vector<config::HeaderEdit> config::HeaderEdits::* part,
                         const config::Route& route, const config::VirtualHost* host,
                         const config::RouteConfig& table, http::Headers& headers) {
  const bool route_wins = table.most_specific_edits_win;
  apply_edits((route_wins ? table.edits : route.edits).*part, headers);
  if (host != nullptr) apply_edits(host->edits.*part, headers);
  apply_edits((route_wins ? route.edits : table.edits).*part, headers);
}

// The path and host that the upstream sees.
void rewrite_request(const config::Route& route, const config::ForwardAction& action,
                     http::RequestHead& head);
// Location of a redirect; lives in `head`'s arena.
[[nodiscard]] std::string_view redirect_location(const config::Route& route,
                                                 const config::RedirectAction& action,
                                                 http::RequestHead& head);

// x-weft-cause as a sidecar writes it and as its peer reads it: "connect_failure;unprocessed".
struct PeerCause {
  telemetry::Cause cause = telemetry::Cause::kNone;
  bool unprocessed = false;
  // A refusal by policy or protection: no verdict on the endpoint (behaviour.md 5).
  [[nodiscard]] bool neutral() const;
};
[[nodiscard]] PeerCause parse_peer_cause(std::string_view text);

// The trace fields of a request that goes out, as W3C and, where the caller wrote it, B3; one that
// has nothing to say is removed.
void write_trace(const telemetry::TraceContext& context, http::Headers& headers);

// A version 4 UUID from the worker's generator, for x-request-id: 36 characters.
[[nodiscard]] std::string_view make_request_id(http::Headers& headers, std::uint64_t high,
                                               std::uint64_t low);

}  // namespace weft::proxy
