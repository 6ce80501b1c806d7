#include "tests/bench/fleet_sidecar.h"

#include <utility>

#include "xds/ads.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::bench {

namespace discovery = envoy::service::discovery::v3;

namespace {

constexpr std::size_t kMessageBytesMax = 64 * 1024 * 1024;

}  // namespace

FleetSidecar::FleetSidecar(Turn& turn, Dialer& dialer, Owner& owner, std::size_t number,
                           std::string node_id)
    : turn_(turn), dialer_(dialer), owner_(owner), number_(number), node_id_(std::move(node_id)) {}

FleetSidecar::~FleetSidecar() {
  if (stream_ != nullptr) stream_->close();
  turn_.retire(std::move(stream_));
  if (connection_ != nullptr) connection_->abandon();
  turn_.retire(std::move(connection_));
}

void FleetSidecar::start() { dial_ = dialer_.dial(*this); }

void FleetSidecar::on_dial_failed(const Error& error) {
  turn_.retire(std::move(dial_));
  owner_.on_broken(*this, error);
}

void FleetSidecar::on_dialed(std::unique_ptr<Transport> transport) {
  turn_.retire(std::move(dial_));
  http::ConnectionOptions options;
  options.codec.secured = transport->tls().secured;
  options.timeouts.idle = Duration::zero();
  connection_ = std::make_unique<http::ClientConnection>(turn_, std::move(transport),
                                                         http::Protocol::kHttp2, options, *this);
  stream_ = std::make_unique<xds::GrpcClientStream>(
      turn_, *connection_,
      xds::GrpcClientStream::Call{
          .authority = "weft-control", .path = std::string(xds::kDeltaPath), .metadata = {}},
      *this, kMessageBytesMax);
  Request clusters = request_for(xds::kClusterType);
  clusters.mutable_node()->set_id(node_id_);
  send(clusters);
  send(request_for(xds::kListenerType));
  Request routes = request_for(xds::kRouteType);
  routes.add_resource_names_subscribe("15001");
  send(routes);
  Request generation = request_for(xds::kGenerationType);
  generation.add_resource_names_subscribe("generation");
  send(generation);
}

FleetSidecar::Request FleetSidecar::request_for(std::string_view type_url) {
  Request out;
  out.set_type_url(std::string(type_url));
  return out;
}

void FleetSidecar::send(const Request& request) { stream_->send(request.SerializeAsString()); }

void FleetSidecar::on_message(Buffer&& message) {
  bytes_ += message.size();
  discovery::DeltaDiscoveryResponse response;
  if (!response.ParseFromString(message.to_string())) {
    return owner_.on_broken(*this, {Fault::kProtocol, Side::kUpstream, "an unreadable response"});
  }
  const std::string_view type = xds::message_name(response.type_url());
  if (type == xds::message_name(xds::kClusterType)) follow_clusters(response);
  Request answer = request_for(response.type_url());
  answer.set_response_nonce(response.nonce());
  send(answer);
  if (type == xds::message_name(xds::kEndpointType)) {
    for (const auto& resource : response.resources()) owner_.on_endpoints(*this, resource.name());
  }
  if (type == xds::message_name(xds::kGenerationType) && response.resources_size() == 1) {
    weft::config::v1::Generation generation;
    if (generation.ParseFromString(response.resources(0).resource().value())) {
      generation_ = generation.number();
    }
    owner_.on_generation(*this);
  }
}

void FleetSidecar::follow_clusters(const discovery::DeltaDiscoveryResponse& response) {
  Request endpoints = request_for(xds::kEndpointType);
  for (const auto& resource : response.resources()) {
    if (!resource.name().starts_with("outbound|")) continue;
    if (clusters_.insert(resource.name()).second) {
      endpoints.add_resource_names_subscribe(resource.name());
    }
  }
  for (const std::string& name : response.removed_resources()) {
    if (clusters_.erase(name) > 0) endpoints.add_resource_names_unsubscribe(name);
  }
  if (endpoints.resource_names_subscribe_size() + endpoints.resource_names_unsubscribe_size() > 0) {
    send(endpoints);
  }
}

void FleetSidecar::on_grpc_end(const http::GrpcOutcome& outcome) {
  owner_.on_broken(*this, xds::error_of(outcome));
}

void FleetSidecar::on_connection_done(http::ClientConnection&, const Error& reason) {
  owner_.on_broken(*this, reason);
}

}  // namespace weft::bench
