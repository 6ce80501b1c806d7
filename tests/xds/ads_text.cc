#include "tests/xds/ads_text.h"

#include <map>

#include "xds/ads.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/wire.h"

namespace weft::xds::testing {

namespace discovery = envoy::service::discovery::v3;

namespace {

// Field 2 is a text, or may be read as one, in none of our types alike: contents hide in field 900,
// which nobody declares.
constexpr std::uint32_t kContent = 900;

std::string content_of(const google::protobuf::Any& any) {
  return std::string(peek_field(any.value(), kContent).value_or("?"));
}

std::string name_of(const google::protobuf::Any& any) {
  if (any.type_url() == kGenerationType) return "generation";
  return std::string(peek_field(any.value(), 1).value_or("?"));
}

std::string short_type(std::string_view url) { return std::string(short_name(message_name(url))); }

template <typename Request>
std::string tail_of(const Request& request) {
  std::string out;
  if (!request.response_nonce().empty()) out += " n=" + request.response_nonce();
  if (request.has_node()) out += " node=" + request.node().id();
  if (request.has_error_detail())
    out += " error " + std::to_string(request.error_detail().code()) + ": " +
           request.error_detail().message();
  return out;
}

}  // namespace

std::string full_name(std::string_view type) {
  static const std::map<std::string_view, std::string_view> kUrls{
      {"Cluster", kClusterType}, {"Endpoints", kEndpointType}, {"Listener", kListenerType},
      {"Route", kRouteType},     {"Secret", kSecretType},      {"Generation", kGenerationType}};
  const auto at = kUrls.find(type);
  return std::string(at == kUrls.end() ? type : message_name(at->second));
}

std::string type_url(std::string_view type) {
  return std::string(kTypeUrlPrefix) + full_name(type);
}

Resource resource(std::string_view type, std::string_view name, std::string_view text) {
  Resource made;
  made.name = name;
  std::string bytes;
  if (type != "Generation") write_field(bytes, 1, name);
  write_field(bytes, kContent, text);
  made.version = version_of(bytes);
  made.body.set_type_url(type_url(type));
  made.body.set_value(std::move(bytes));
  return made;
}

std::string text_of(const discovery::DiscoveryRequest& request) {
  std::string out = short_type(request.type_url()) + " v=" + request.version_info() + " [";
  for (const std::string& name : request.resource_names())
    out += (out.back() == '[' ? "" : " ") + name;
  return out + "]" + tail_of(request);
}

std::string text_of(const discovery::DeltaDiscoveryRequest& request) {
  std::string out = short_type(request.type_url());
  for (const std::string& name : request.resource_names_subscribe()) out += " +" + name;
  for (const std::string& name : request.resource_names_unsubscribe()) out += " -" + name;
  if (request.initial_resource_versions_size() > 0) {
    const std::map<std::string, std::string> sorted(request.initial_resource_versions().begin(),
                                                    request.initial_resource_versions().end());
    out += " {";
    for (const auto& [name, version] : sorted)
      out += (out.back() == '{' ? "" : " ") + name + "=" + version;
    out += "}";
  }
  return out + tail_of(request);
}

std::string text_of(const ClientState::Request& request) {
  return std::visit([](const auto& message) { return text_of(message); }, request);
}

std::string text_of(const discovery::DiscoveryResponse& response) {
  std::string out = short_type(response.type_url()) + " n=" + response.nonce();
  for (const google::protobuf::Any& any : response.resources())
    out += " " + name_of(any) + "=" + content_of(any);
  return out;
}

std::string text_of(const discovery::DeltaDiscoveryResponse& response) {
  std::string out = short_type(response.type_url()) + " n=" + response.nonce();
  for (const discovery::Resource& item : response.resources()) {
    out += " " + item.name() + "=" + content_of(item.resource());
  }
  for (const std::string& name : response.removed_resources()) out += " -" + name;
  return out;
}

std::string response_text(Variant variant, const std::string& bytes) {
  if (variant == Variant::kSotw) {
    discovery::DiscoveryResponse response;
    return response.ParseFromString(bytes) ? text_of(response) : "malformed";
  }
  discovery::DeltaDiscoveryResponse response;
  return response.ParseFromString(bytes) ? text_of(response) : "malformed";
}

std::string said_by(ClientState& client) {
  std::string out;
  while (const std::optional<ClientState::Request> request = client.next_request())
    out += text_of(*request) + "\n";
  return out;
}

discovery::DiscoveryResponse sotw_response(std::string_view type, std::string_view version,
                                           std::string_view nonce, const Named& resources) {
  discovery::DiscoveryResponse response;
  response.set_type_url(type_url(type));
  response.set_version_info(std::string(version));
  response.set_nonce(std::string(nonce));
  for (const auto& [name, text] : resources)
    *response.add_resources() = resource(type, name, text).body;
  return response;
}

discovery::DeltaDiscoveryResponse delta_response(std::string_view type, std::string_view nonce,
                                                 const Named& resources,
                                                 const std::vector<std::string>& removed) {
  discovery::DeltaDiscoveryResponse response;
  response.set_type_url(type_url(type));
  response.set_nonce(std::string(nonce));
  for (const auto& [name, text] : resources) {
    discovery::Resource& item = *response.add_resources();
    item.set_name(name);
    item.set_version(text);
    *item.mutable_resource() = resource(type, name, text).body;
  }
  for (const std::string& name : removed) response.add_removed_resources(name);
  return response;
}

}  // namespace weft::xds::testing
