#pragma once
// known_types: every message that may stand in an Any of ours, by name.
//
// Protobuf finds messages by name only among those the linker kept; naming them here keeps them, so
// that an Any in a start file is understood whatever else the program uses. Thread: any.

#include <google/protobuf/descriptor.h>

#include <string_view>

namespace weft::xds {

// "envoy.extensions.filters.http.router.v3.Router" -> its descriptor; null when nobody here knows
// the message.
[[nodiscard]] const google::protobuf::Descriptor* find_type(std::string_view name);

}  // namespace weft::xds
