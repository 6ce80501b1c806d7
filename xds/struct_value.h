#pragma once
// A Document's value as google.protobuf.Struct, Value or ListValue, which take any. Pure.

#include <google/protobuf/struct.pb.h>

#include "sidecar/config/document.h"

namespace weft::xds {

// REQUIRES a map.
void put_struct(const config::Value& value, google::protobuf::Struct& out);
// REQUIRES a list.
void put_list(const config::Value& value, google::protobuf::ListValue& out);
void put_value(const config::Value& value, google::protobuf::Value& out);

}  // namespace weft::xds
