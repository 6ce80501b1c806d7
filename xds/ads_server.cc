#include "xds/ads_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/http/grpc.h"
#include "xds/ads_server_client.h"
#include "xds/resource.h"

namespace weft::xds {

namespace {

// A service for one type: /envoy.service.<package>.v3.<Service>/Stream<Method>, Delta<Method>.
struct TypeService {
  std::string_view service;
  std::string_view method;
  std::string_view type_url;
};
constexpr std::array<TypeService, 5> kTypeServices{{
    {"cluster.v3.ClusterDiscoveryService", "Clusters", kClusterType},
    {"endpoint.v3.EndpointDiscoveryService", "Endpoints", kEndpointType},
    {"listener.v3.ListenerDiscoveryService", "Listeners", kListenerType},
    {"route.v3.RouteDiscoveryService", "Routes", kRouteType},
    {"secret.v3.SecretDiscoveryService", "Secrets", kSecretType},
}};

}  // namespace

AdsServer::AdsServer(Turn& turn, Catalog& catalog, Authorize authorize, Options options)
    : turn_(turn),
      catalog_(catalog),
      authorize_(std::move(authorize)),
      options_(std::move(options)),
      admissions_(options_.admissions_per_second, std::max(options_.admissions_burst, 1.0),
                  turn.now()),
      admission_(turn.timers(), *this) {}

AdsServer::~AdsServer() { drain(); }

void AdsServer::serve(http::Service& service) {
  const auto add = [&](std::string path, Variant variant, std::string_view type) {
    service.handle_stream(
        std::move(path),
        [this, variant, type](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head,
                              bool, Transport& transport) {
          if (!head.is_grpc()) {
            http::ResponseHead answer;
            answer.status = 415;
            stream->send_head(answer, true);
            return;
          }
          accept(variant, type, std::move(stream), transport.tls(), transport.peer_address());
        });
  };
  add(std::string(kSotwPath), Variant::kSotw, "");
  add(std::string(kDeltaPath), Variant::kDelta, "");
  for (const TypeService& one : kTypeServices) {
    const std::string path = "/envoy.service." + std::string(one.service) + "/";
    add(path + "Stream" + std::string(one.method), Variant::kSotw, message_name(one.type_url));
    add(path + "Delta" + std::string(one.method), Variant::kDelta, message_name(one.type_url));
  }
}

void AdsServer::accept(Variant variant, std::string_view type,
                       std::unique_ptr<http::ServerStream> stream, const TlsInfo& tls,
                       const SocketAddress& peer) {
  if (draining_ || clients_.size() >= options_.streams_max) {
    stats_.refused.add();
    stream->send_head(http::make_trailers_only(http::GrpcStatus::kUnavailable,
                                               draining_ ? "shutting down" : "too many streams"),
                      true);
    return;
  }
  if (options_.certificate_required && tls.peer.empty()) {
    stats_.denied.add();
    stream->send_head(http::make_trailers_only(http::GrpcStatus::kPermissionDenied,
                                               "show a certificate of the mesh"),
                      true);
    return;
  }
  stats_.accepted.add();
  clients_.push_back(std::make_unique<Client>(*this, variant, type, std::move(stream), tls, peer));
}

void AdsServer::ask_admission(Client& client) {
  if (waiting_.empty() && admissions_.take(turn_.now())) return client.begin();
  waiting_.push_back(&client);
  if (!admission_.armed()) admission_.arm(admissions_.wait_for(turn_.now()));
}

void AdsServer::on_timer(Timer&) {
  while (!waiting_.empty() && admissions_.take(turn_.now())) {
    Client& next = *waiting_.front();
    waiting_.pop_front();
    next.begin();
  }
  if (!waiting_.empty()) admission_.arm(admissions_.wait_for(turn_.now()));
}

void AdsServer::remove(Client& client) {
  std::erase(waiting_, &client);
  const auto at = std::find_if(clients_.begin(), clients_.end(),
                               [&](const auto& held) { return held.get() == &client; });
  if (at == clients_.end()) return;
  turn_.retire(std::move(*at));
  clients_.erase(at);
}

void AdsServer::drain() {
  draining_ = true;
  waiting_.clear();
  admission_.cancel();
  for (std::unique_ptr<Client>& client : clients_) {
    client->end(http::GrpcStatus::kUnavailable, "shutting down");
    turn_.retire(std::move(client));
  }
  clients_.clear();
}

std::vector<AdsServer::ClientReport> AdsServer::report() const {
  std::vector<ClientReport> out;
  out.reserve(clients_.size());
  for (const std::unique_ptr<Client>& client : clients_) out.push_back(client->report());
  return out;
}

}  // namespace weft::xds
