#include "xds/ads_server_client.h"

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "xds/proto/discovery.pb.h"
#include "xds/resource.h"

namespace weft::xds {

namespace discovery = envoy::service::discovery::v3;

namespace {

constexpr std::size_t kMetadataMax = 256;  // values kept of a node's metadata
constexpr std::size_t kMetadataDepthMax = 8;
constexpr std::size_t kMetadataBytesMax = 1024;  // of one value
constexpr std::size_t kNodeIdBytesMax = 1024;
constexpr int kFeaturesMax = 64;

// Whoever comes over TLS and shows no certificate will hardly be served, and cannot make us hold
// much before that is said.
std::size_t message_bytes_max(const AdsServer::Options& options, const TlsInfo& tls) {
  const bool stranger = tls.secured && tls.peer.empty();
  return stranger ? std::min(options.message_bytes_max, options.stranger_message_bytes_max)
                  : options.message_bytes_max;
}

void flatten(const google::protobuf::Struct& from, const std::string& prefix, std::size_t depth,
             NodeInfo& into) {
  for (const auto& [key, value] : from.fields()) {
    if (into.metadata.size() >= kMetadataMax) return;
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (name.size() > kMetadataBytesMax) continue;
    switch (value.kind_case()) {
      case google::protobuf::Value::kStringValue:
        if (value.string_value().size() <= kMetadataBytesMax)
          into.metadata[name] = value.string_value();
        break;
      case google::protobuf::Value::kBoolValue:
        into.metadata[name] = value.bool_value() ? "true" : "false";
        break;
      case google::protobuf::Value::kNumberValue:
        into.metadata[name] = fmt::format("{}", value.number_value());
        break;
      case google::protobuf::Value::kStructValue:
        if (depth < kMetadataDepthMax) flatten(value.struct_value(), name, depth + 1, into);
        break;
      case google::protobuf::Value::kListValue:
      case google::protobuf::Value::kNullValue:
      case google::protobuf::Value::KIND_NOT_SET:
        break;
    }
  }
}

}  // namespace

AdsServer::Client::Client(AdsServer& server, Variant variant, std::string_view type,
                          std::unique_ptr<http::ServerStream> stream, const TlsInfo& tls,
                          const SocketAddress& peer)
    : server_(server),
      variant_(variant),
      type_(type),
      stream_(std::make_unique<GrpcServerStream>(server.turn_, std::move(stream), *this,
                                                 message_bytes_max(server.options_, tls))),
      state_(variant, server.options_.control_plane, server.names_),
      since_(server.turn_.now()),
      behind_since_(server.turn_.now()),
      patience_(server.turn_.timers(), *this) {
  node_.identity = tls.peer;
  node_.peer = peer;
  patience_.arm(server.options_.first_request);
}

AdsServer::Client::~Client() = default;

// ---- what it says ----

void AdsServer::Client::on_message(Buffer&& message) {
  const std::string bytes = message.to_string();
  const auto read = [&](auto request) {
    if (!request.ParseFromString(bytes))
      return leave(http::GrpcStatus::kInvalidArgument, "a request that cannot be read");
    if (request.type_url().empty() && !type_.empty())
      request.set_type_url(std::string(kTypeUrlPrefix) + type_);
    if (step_ == Step::kUnknown) {
      if (!identify(request)) return;
      // Nothing more is read until the Catalog has answered: what the client holds already can only
      // be judged then.
      first_ = bytes;
      stream_->pause();
      step_ = Step::kWaiting;
      patience_.cancel();
      server_.ask_admission(*this);
      return;
    }
    WEFT_ASSERT(step_ == Step::kServing);
    hear(request);
  };
  if (variant_ == Variant::kSotw) {
    read(discovery::DiscoveryRequest());
  } else {
    read(discovery::DeltaDiscoveryRequest());
  }
}

template <typename Request>
bool AdsServer::Client::identify(const Request& request) {
  const auto& node = request.node();
  if (node.id().empty() || node.id().size() > kNodeIdBytesMax) {
    leave(http::GrpcStatus::kInvalidArgument, "the first request of a stream must hold node.id");
    return false;
  }
  node_.id = node.id();
  node_.cluster = node.cluster().substr(0, kNodeIdBytesMax);
  node_.user_agent = node.user_agent_name().substr(0, kMetadataBytesMax);
  for (const std::string& feature : node.client_features()) {
    if (node_.client_features.size() < kFeaturesMax)
      node_.client_features.push_back(feature.substr(0, kMetadataBytesMax));
  }
  flatten(node.metadata(), "", 0, node_);
  if (const Status allowed = server_.authorize_(node_); !allowed) {
    server_.stats_.denied.add();
    WEFT_LOG_LIMITED(kWarn, "ads: {} from {} as {}: {}", escape(node_.id), node_.peer.to_string(),
                     node_.identity.empty() ? "nobody" : node_.identity.uri(),
                     escape(allowed.error().detail));
    leave(http::GrpcStatus::kPermissionDenied, allowed.error().detail);
    return false;
  }
  return true;
}

template <typename Request>
void AdsServer::Client::hear(Request&& request) {
  if (!request.response_nonce().empty()) answered_at_ = server_.turn_.now();
  if (request.has_error_detail()) {
    server_.stats_.rejections.add();
    WEFT_LOG_LIMITED(kWarn, "ads: {} refused {}: {}", escape(node_.id),
                     escape(short_name(message_name(request.type_url()))),
                     escape(request.error_detail().message(), ServerState::kNackBytesMax));
  }
  if (const Status heard = state_.on_request(request); !heard) {
    leave(heard.error().fault == Fault::kLimit ? http::GrpcStatus::kResourceExhausted
                                               : http::GrpcStatus::kInvalidArgument,
          heard.error().detail);
    return;
  }
  if (message_name(request.type_url()) == message_name(kDestinationType)) hear_of_destinations();
  tell();
}

// What it asks for is found before anything is told, or it would be told that nobody is there.
void AdsServer::Client::hear_of_destinations() {
  const NameSet* names = state_.names_of(message_name(kDestinationType));
  if (names == nullptr || std::ranges::equal(*names, destinations_)) return;
  destinations_ = {names->begin(), names->end()};
  std::shared_ptr<const ResourceSet> set = subscription_->want(destinations_);
  if (set == nullptr) return;
  if (state_.settled()) behind_since_ = server_.turn_.now();
  generation_ = set->generation;
  state_.on_resources(std::move(set));
}

// ---- what it is told ----

void AdsServer::Client::begin() {
  WEFT_ASSERT(step_ == Step::kWaiting);
  step_ = Step::kSubscribed;
  subscription_ = server_.catalog_.subscribe(node_, *this);
}

void AdsServer::Client::on_resources(std::shared_ptr<const ResourceSet> set) {
  if (step_ == Step::kOver || set == nullptr) return;
  if (state_.settled()) behind_since_ = server_.turn_.now();
  generation_ = set->generation;
  state_.on_resources(std::move(set));
  if (step_ == Step::kServing) return tell();
  step_ = Step::kServing;
  stream_->resume();
  const std::string first = std::exchange(first_, {});
  on_message(Buffer(first));
}

void AdsServer::Client::tell() {
  if (step_ != Step::kServing) return;
  bool told = false;
  while (stream_->writable()) {
    const std::optional<std::string> response = state_.next_response();
    if (!response) break;
    stream_->send(*response);
    server_.stats_.responses.add();
    told = true;
  }
  if (const std::uint64_t settled = state_.settled_generation(); settled != settled_told_) {
    settled_told_ = settled;
    if (server_.watcher_ != nullptr) server_.watcher_->on_settled(node_, settled, since_);
  }
  if (!state_.awaits_answer()) {
    patience_.cancel();
  } else if (told) {
    patience_.arm(server_.options_.answer_patience);
  }
}

void AdsServer::Client::on_timer(Timer&) {
  if (step_ == Step::kUnknown) return leave(http::GrpcStatus::kDeadlineExceeded, "no request came");
  if (step_ != Step::kServing) return;
  WEFT_LOG_LIMITED(kWarn, "ads: {} leaves a response unanswered", escape(node_.id));
  state_.stop_waiting();
  tell();
}

// ---- it ends ----

void AdsServer::Client::end(http::GrpcStatus status, std::string_view message) {
  if (step_ == Step::kOver) return;
  step_ = Step::kOver;
  patience_.cancel();
  subscription_.reset();
  stream_->finish(status, message);
  stream_->close();
}

void AdsServer::Client::leave(http::GrpcStatus status, std::string_view message) {
  if (step_ == Step::kOver) return;
  if (status != http::GrpcStatus::kOk && status != http::GrpcStatus::kPermissionDenied)
    server_.stats_.broken.add();
  end(status, message);
  server_.remove(*this);
}

void AdsServer::Client::on_grpc_end(const http::GrpcOutcome& outcome) {
  // The client's own leaving is nobody's fault.
  const bool gone = outcome.status == http::GrpcStatus::kCancelled;
  leave(gone ? http::GrpcStatus::kOk : outcome.status, outcome.message);
}

AdsServer::ClientReport AdsServer::Client::report() const {
  const bool settled = step_ == Step::kServing && state_.settled() && !state_.awaits_answer();
  return ClientReport{.node = node_,
                      .variant = variant_,
                      .since = since_,
                      .generation = generation_,
                      .settled_generation = state_.settled_generation(),
                      .settled = settled,
                      .refused = state_.refused(),
                      .behind = settled ? Duration::zero() : server_.turn_.now() - behind_since_,
                      .since_answer = answered_at_
                                          ? std::optional(server_.turn_.now() - *answered_at_)
                                          : std::nullopt,
                      .types = state_.report()};
}

}  // namespace weft::xds
