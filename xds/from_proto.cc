#include "xds/from_proto.h"

#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include <concepts>
#include <type_traits>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/reading.h"
#include "xds/resource.h"
#include "xds/routes.h"
#include "xds/tls_settings.h"

namespace weft::xds {

namespace {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

struct Names {
  static inline const std::string kGeneration = "generation";
  const std::string& operator()(const config::EndpointSet& endpoints) const {
    return endpoints.cluster;
  }
  const std::string& operator()(const Generation&) const { return kGeneration; }
  const std::string& operator()(const auto& other) const { return other.name; }
};

// There may be thousands of them, and nobody compares their versions: that of the bytes they came
// as does. To write them out in one order first takes as long as all the rest of their reading.
template <typename Config>
constexpr bool kKnownByItsBytes =
    std::same_as<Config, config::ClusterConfig> || std::same_as<Config, config::EndpointSet>;

template <typename Message, typename Translate>
Result<Decoded> decode_as(const google::protobuf::Any& body, const FromProtoOptions& options,
                          Findings& findings, Translate translate) {
  // A set of ten endpoints is some hundred small objects, which go as they came: together.
  google::protobuf::Arena arena;
  auto& message = *google::protobuf::Arena::CreateMessage<Message>(&arena);
  if (!message.ParsePartialFromString(body.value())) {
    findings.refuse({}, fmt::format("is not a {}", message.GetTypeName()));
    return fail(findings.error());
  }
  auto read = translate(message, options, findings);
  if (!read) return fail(std::move(read).error());
  if constexpr (kKnownByItsBytes<std::remove_reference_t<decltype(*read)>>) {
    read->version = version_of(body.value());
  }
  return Decoded(*std::move(read));
}

}  // namespace

Result<config::RouteConfig> routes_from_proto(
    const envoy::config::route::v3::RouteConfiguration& routes, const FromProtoOptions& options,
    Findings& findings) {
  const FieldPath path;
  Reading in(options, findings);
  check(routes, path, options.unknown, findings);
  auto out = read_routes(routes, path, in);
  if (out.name.empty()) in.refuse(path / "name", "must not be empty");
  out.version = version_of(serialize(routes));
  if (findings.refused()) return fail(findings.error());
  return out;
}

Result<Secret> secret_from_proto(const tls_v3::Secret& secret, const FromProtoOptions& options,
                                 Findings& findings) {
  const FieldPath path;
  Reading in(options, findings);
  check(secret, path, options.unknown, findings);
  Secret out{.name = secret.name()};
  if (out.name.empty()) in.refuse(path / "name", "must not be empty");
  switch (secret.type_case()) {
    case tls_v3::Secret::kTlsCertificate:
      read_certificate(secret.tls_certificate(), path / "tls_certificate", in, out.material);
      break;
    case tls_v3::Secret::kValidationContext:
      read_validation(secret.validation_context(), path / "validation_context", in, out.material,
                      out.peer_names);
      break;
    case tls_v3::Secret::kSessionTicketKeys:
    case tls_v3::Secret::kGenericSecret:
      break;  // refused by the walk
    case tls_v3::Secret::TYPE_NOT_SET:
      in.refuse(path, "one of tls_certificate, validation_context must be set");
      break;
  }
  // Of the content, files included: a file read again makes a new version.
  out.version = version_of(out.material.chain_pem + out.material.key_pem + out.material.roots_pem);
  out.material.version = out.version;
  if (findings.refused()) return fail(findings.error());
  return out;
}

Result<Generation> generation_from_proto(const weft::config::v1::Generation& generation,
                                         const FromProtoOptions& options, Findings& findings) {
  check(generation, {}, options.unknown, findings);
  Generation out{.number = generation.number()};
  const auto& created = generation.created();
  // The years 1970 to 2262; what is outside is nobody's push.
  if (created.seconds() < 0 || created.seconds() > kDurationSecondsMax || created.nanos() < 0 ||
      created.nanos() > 999'999'999) {
    const FieldPath path;
    findings.refuse(path / "created", "is not a time");
  } else {
    out.created = WallTime(std::chrono::seconds(created.seconds()) +
                           std::chrono::nanoseconds(created.nanos()));
  }
  for (const auto& held : generation.held()) {
    out.held.push_back(
        {.type_url = held.type_url(), .resources = held.resources(), .digest = held.digest()});
  }
  if (findings.refused()) return fail(findings.error());
  return out;
}

Result<Destination> destination_from_proto(const weft::config::v1::Destination& destination,
                                           const FromProtoOptions& options, Findings& findings) {
  check(destination, {}, options.unknown, findings);
  if (findings.refused()) return fail(findings.error());
  return Destination{.name = destination.name(),
                     .clusters = {destination.clusters().begin(), destination.clusters().end()}};
}

Result<Decoded> decode(const google::protobuf::Any& body, const FromProtoOptions& options,
                       Findings& findings) {
  const auto type = message_name(body.type_url());
  if (type == message_name(kListenerType)) {
    return decode_as<envoy::config::listener::v3::Listener>(body, options, findings,
                                                            listener_from_proto);
  }
  if (type == message_name(kRouteType)) {
    return decode_as<envoy::config::route::v3::RouteConfiguration>(body, options, findings,
                                                                   routes_from_proto);
  }
  if (type == message_name(kClusterType)) {
    return decode_as<envoy::config::cluster::v3::Cluster>(body, options, findings,
                                                          cluster_from_proto);
  }
  if (type == message_name(kEndpointType)) {
    return decode_as<envoy::config::endpoint::v3::ClusterLoadAssignment>(body, options, findings,
                                                                         endpoints_from_proto);
  }
  if (type == message_name(kSecretType)) {
    return decode_as<tls_v3::Secret>(body, options, findings, secret_from_proto);
  }
  if (type == message_name(kNameTableType)) {
    return decode_as<weft::config::v1::NameTable>(body, options, findings, names_from_proto);
  }
  if (type == message_name(kGenerationType)) {
    return decode_as<weft::config::v1::Generation>(body, options, findings, generation_from_proto);
  }
  if (type == message_name(kDestinationType)) {
    return decode_as<weft::config::v1::Destination>(body, options, findings,
                                                    destination_from_proto);
  }
  findings.refuse({}, fmt::format("unknown resource type {}", escape(type)));
  return fail(findings.error());
}

const std::string& name_of(const Decoded& resource) { return std::visit(Names{}, resource); }

}  // namespace weft::xds
