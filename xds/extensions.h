#pragma once
// Extensions: what stands in an Any: which type it is, and the message inside, checked.
//
// The type URL decides, the name beside it is only a label. Knows udpa.type.v1.TypedStruct and
// xds.type.v3.TypedStruct, which carry a message of a named type as a JSON-like Struct.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <string>

#include "xds/check.h"
#include "xds/field_path.h"
#include "xds/findings.h"

namespace weft::xds {

// "envoy.extensions.filters.http.router.v3.Router"; for a TypedStruct the type it stands for. Empty
// when `any` is.
[[nodiscard]] std::string type_of(const google::protobuf::Any& any);

// Reads the message inside into `out` and checks it; false, and a reason in `findings`, when there
// is nothing to go on with: another type, or broken. A broken rule is only a reason, so that the
// caller finds the other mistakes.
bool unpack(const google::protobuf::Any& any, const FieldPath& path, UnknownFields unknown,
            Findings& findings, google::protobuf::Message& out);

// Types that Istio's control plane emits for Istio's own build of Envoy: telemetry and metadata
// exchange. Dropping them loses Istio's labels, never traffic.
[[nodiscard]] bool is_istio_telemetry(std::string_view type);

}  // namespace weft::xds
