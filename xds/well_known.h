#pragma once
// WellKnown: the messages of google.protobuf that the JSON mapping writes in a way of their own.
// Source: the ProtoJSON format page of protobuf.dev.

#include <google/protobuf/descriptor.h>

#include <cstdint>

namespace weft::xds {

enum class WellKnown : std::uint8_t {
  kNone,
  kAny,
  kDuration,
  kTimestamp,
  kWrapper,
  kStruct,
  kValue,
  kListValue,
};

[[nodiscard]] WellKnown well_known(const google::protobuf::Descriptor& type);

}  // namespace weft::xds
