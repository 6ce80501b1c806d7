#include "control/model/object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "control/model/grpc_route.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

struct KnownKind {
  std::string_view kind;
  std::string_view api_version;
  Kind what;
};

constexpr std::array<KnownKind, 24> kDocuments = {{
    {"Service", "v1", Kind::kService},
    {"ConfigMap", "v1", Kind::kConfigMap},
    {"Workload", "weft.dev/v1alpha1", Kind::kWorkload},
    {"HTTPRoute", "gateway.networking.k8s.io/v1", Kind::kHttpRoute},
    {"HTTPRoute", "gateway.networking.k8s.io/v1beta1", Kind::kHttpRoute},
    {"GRPCRoute", "gateway.networking.k8s.io/v1", Kind::kGrpcRoute},
    {"TLSRoute", "gateway.networking.k8s.io/v1", Kind::kTlsRoute},
    {"TLSRoute", "gateway.networking.k8s.io/v1alpha2", Kind::kTlsRoute},
    {"TLSRoute", "gateway.networking.k8s.io/v1alpha3", Kind::kTlsRoute},
    {"TCPRoute", "gateway.networking.k8s.io/v1", Kind::kTcpRoute},
    {"TCPRoute", "gateway.networking.k8s.io/v1alpha2", Kind::kTcpRoute},
    {"ReferenceGrant", "gateway.networking.k8s.io/v1", Kind::kReferenceGrant},
    {"ReferenceGrant", "gateway.networking.k8s.io/v1beta1", Kind::kReferenceGrant},
    {"BackendTLSPolicy", "gateway.networking.k8s.io/v1", Kind::kBackendTlsPolicy},
    {"BackendTLSPolicy", "gateway.networking.k8s.io/v1alpha3", Kind::kBackendTlsPolicy},
    {"XBackendTrafficPolicy", "gateway.networking.x-k8s.io/v1alpha1", Kind::kBackendTrafficPolicy},
    {"VirtualService", "networking.istio.io/v1", Kind::kVirtualService},
    {"VirtualService", "networking.istio.io/v1beta1", Kind::kVirtualService},
    {"VirtualService", "networking.istio.io/v1alpha3", Kind::kVirtualService},
    {"DestinationRule", "networking.istio.io/v1", Kind::kDestinationRule},
    {"DestinationRule", "networking.istio.io/v1beta1", Kind::kDestinationRule},
    {"DestinationRule", "networking.istio.io/v1alpha3", Kind::kDestinationRule},
    {"TrafficPolicy", "weft.dev/v1alpha1", Kind::kTrafficPolicy},
    {"MeshConfig", "weft.dev/v1alpha1", Kind::kMeshConfig},
}};

std::string known_kinds() {
  std::string out;
  std::string_view last;
  for (const KnownKind& known : kDocuments) {
    if (known.kind == last) continue;
    out += fmt::format("{}{}", out.empty() ? "" : ", ", known.kind);
    last = known.kind;
  }
  return out;
}

// Which kind the document is of, or nothing and a mistake.
std::optional<Kind> read_kind(Reader& document) {
  std::string kind;
  std::string api_version;
  const bool both = document.require("kind") & document.require("apiVersion");
  if (!both || !document.text("kind", kind) || !document.text("apiVersion", api_version)) {
    return std::nullopt;
  }
  std::string versions;
  for (const KnownKind& known : kDocuments) {
    if (known.kind != kind) continue;
    if (known.api_version == api_version) return known.what;
    versions += fmt::format("{}{}", versions.empty() ? "" : " or ", known.api_version);
  }
  if (versions.empty()) {
    document.refuse("kind",
                    fmt::format("want one of {}, found '{}'", known_kinds(), escape(kind, 64)));
  } else {
    document.refuse("apiVersion", fmt::format("want {} for {}, found '{}'", versions, kind,
                                              escape(api_version, 64)));
  }
  return std::nullopt;
}

// The name as far as it can be told, so that a bad text can be matched with the good one before it.
std::optional<ObjectKey> key_of(Kind kind, const Metadata& metadata) {
  if (metadata.name.name.empty()) return std::nullopt;
  return ObjectKey{.kind = kind, .name = metadata.name};
}

template <typename T>
void take(ReadObject& out, Kind kind, T read, const config::Document& document,
          const Mistakes& mistakes) {
  out.key = key_of(kind, read.metadata);
  read.metadata.place = fmt::format("{}:{}", document.source, document.root.position().line);
  if constexpr (std::is_same_v<T, VirtualService>) {
    read.http.metadata = read.metadata;
    read.streams.metadata = read.metadata;
  }
  if constexpr (std::is_same_v<T, HttpRoute> || std::is_same_v<T, StreamRoute>) {
    if (!mistakes.empty()) out.refused_route = RouteHead{read.metadata.generation, read.parents};
  }
  if (mistakes.empty()) out.object = std::make_shared<const T>(std::move(read));
}

}  // namespace

std::optional<RouteHead> route_head_of(const Object& object) {
  return std::visit(
      []<typename T>(const std::shared_ptr<const T>& held) -> std::optional<RouteHead> {
        if constexpr (std::is_same_v<T, HttpRoute> || std::is_same_v<T, StreamRoute>) {
          return RouteHead{held->metadata.generation, held->parents};
        } else {
          return std::nullopt;
        }
      },
      object);
}

const Metadata& metadata_of(const Object& object) {
  return std::visit([](const auto& held) -> const Metadata& { return held->metadata; }, object);
}

ReadObject read_object(const config::Document& document) {
  ReadObject out;
  Mistakes mistakes(document.source);
  const auto read = [&](auto reading) {
    auto value = [&] {
      Reader reader(document.root, "", mistakes);
      reader.pass("kind");
      reader.pass("apiVersion");
      return reading(reader);
    }();  // the Reader is gone, so unknown fields are known
    return value;
  };
  std::optional<Kind> kind;
  if (!document.root.is_map()) {
    mistakes.add(document.root.position(), "", "want an object: a map with apiVersion and kind");
  } else {
    Reader reader(document.root, "", mistakes);
    kind = read_kind(reader);
    for (const auto& member : document.root.members()) reader.pass(member.key);
  }
  if (kind) {
    switch (*kind) {
      case Kind::kMeshConfig:
        take(out, *kind, read(read_mesh_config), document, mistakes);
        break;
      case Kind::kService:
        take(out, *kind, read(read_service), document, mistakes);
        break;
      case Kind::kWorkload:
        take(out, *kind, read(read_workload), document, mistakes);
        break;
      case Kind::kHttpRoute:
        take(out, *kind, read(read_http_route), document, mistakes);
        break;
      case Kind::kTrafficPolicy:
        take(out, *kind, read(read_traffic_policy), document, mistakes);
        break;
      case Kind::kGrpcRoute:
        take(out, *kind, read(read_grpc_route), document, mistakes);
        break;
      case Kind::kTlsRoute:
        take(out, *kind, read(read_tls_route), document, mistakes);
        break;
      case Kind::kTcpRoute:
        take(out, *kind, read(read_tcp_route), document, mistakes);
        break;
      case Kind::kReferenceGrant:
        take(out, *kind, read(read_reference_grant), document, mistakes);
        break;
      case Kind::kVirtualService:
        take(out, *kind, read(read_virtual_service), document, mistakes);
        break;
      case Kind::kDestinationRule:
        take(out, *kind, read(read_destination_rule), document, mistakes);
        break;
      case Kind::kBackendTrafficPolicy:
        take(out, *kind, read(read_backend_traffic_policy), document, mistakes);
        break;
      case Kind::kBackendTlsPolicy:
        take(out, *kind, read(read_backend_tls_policy), document, mistakes);
        break;
      case Kind::kConfigMap:
        take(out, *kind, read(read_config_map), document, mistakes);
        break;
    }
  }
  out.mistakes = mistakes.texts();
  out.notes = mistakes.notes();
  return out;
}

}  // namespace weft::control
