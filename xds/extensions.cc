#include "xds/extensions.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sidecar/core/strings.h"
#include "xds/proto/udpa_type.pb.h"
#include "xds/proto/xds_type.pb.h"
#include "xds/resource.h"

namespace weft::xds {

namespace {

namespace pb = google::protobuf;

constexpr std::string_view kTypedStruct = "xds.type.v3.TypedStruct";
constexpr std::string_view kOldTypedStruct = "udpa.type.v1.TypedStruct";

bool is_typed_struct(std::string_view type) {
  return type == kTypedStruct || type == kOldTypedStruct;
}

// Both names have the same two fields. proto3 has no required ones, so that a partial parse is a
// parse; the full one refuses a map entry that left its empty value away.
bool read_typed_struct(const pb::Any& any, ::xds::type::v3::TypedStruct& out) {
  return out.ParsePartialFromString(any.value());
}

bool from_struct(const pb::Struct& value, const FieldPath& path, UnknownFields unknown,
                 Findings& findings, pb::Message& out) {
  std::string json;
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = unknown == UnknownFields::kCount;
  auto status = pb::util::MessageToJsonString(value, &json);
  if (status.ok()) status = pb::util::JsonStringToMessage(json, &out, options);
  if (!status.ok()) {
    findings.refuse(path, fmt::format("is not a {}: {}", out.GetTypeName(),
                                      escape(status.message().as_string())));
  }
  return status.ok();
}

}  // namespace

std::string type_of(const pb::Any& any) {
  const auto type = message_name(any.type_url());
  if (!is_typed_struct(type)) return std::string(type);
  ::xds::type::v3::TypedStruct wrapped;
  if (!read_typed_struct(any, wrapped)) return std::string(type);
  return std::string(message_name(wrapped.type_url()));
}

bool unpack(const pb::Any& any, const FieldPath& path, UnknownFields unknown, Findings& findings,
            pb::Message& out) {
  const auto type = type_of(any);
  if (type != out.GetDescriptor()->full_name()) {
    findings.refuse(path, fmt::format("is a {}, must be a {}", escape(type), out.GetTypeName()));
    return false;
  }
  if (is_typed_struct(message_name(any.type_url()))) {
    ::xds::type::v3::TypedStruct wrapped;
    if (!read_typed_struct(any, wrapped) ||
        !from_struct(wrapped.value(), path, unknown, findings, out)) {
      return false;
    }
  } else if (!out.ParsePartialFromString(any.value())) {
    findings.refuse(path, fmt::format("is not a {}", out.GetTypeName()));
    return false;
  }
  check(out, path, unknown, findings);
  return true;
}

bool is_istio_telemetry(std::string_view type) {
  static constexpr std::array<std::string_view, 7> kTypes = {
      "io.istio.http.peer_metadata.Config",
      "envoy.tcp.metadataexchange.config.MetadataExchange",
      "stats.PluginConfig",
      "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
      "envoy.extensions.network_filters.peer_metadata.Config",
      "envoy.extensions.network_filters.peer_metadata.UpstreamConfig",
      "istio.workload.BootstrapExtension",
  };
  return std::ranges::find(kTypes, type) != kTypes.end();
}

}  // namespace weft::xds
