#pragma once
// document_to_message: a Document (YAML or JSON) -> a protobuf message, strictly.
//
// Reads the proto3 JSON mapping field by field along the message's descriptor, so that one walk
// finds every mistake and each names its line, column and field path. Stricter than protobuf's own
// reader where leniency hides mistakes: unknown fields, two members of one oneof, a field written
// under both of its names, and empty values are refused. What stands in an Any is looked up among
// known_types. Pure. Thread: any. Source: the ProtoJSON format page of protobuf.dev; xDS v3
// reference, 1.0 and 1.17.

#include <google/protobuf/message.h>

#include "sidecar/config/document.h"
#include "sidecar/core/result.h"
#include "xds/mistakes.h"

namespace weft::xds {

// Fills `out` with what can be read, and tells everything that cannot.
void value_to_message(const config::Value& value, google::protobuf::Message& out,
                      Mistakes& mistakes);

[[nodiscard]] Status document_to_message(const config::Document& document,
                                         google::protobuf::Message& out);

}  // namespace weft::xds
