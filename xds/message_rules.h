#pragma once
// MessageRules: of which fields of a message there is something to check, and what: the rules that
// stand in the .proto files (xds/proto/rule.proto), looked up once for each type. To ask a
// descriptor for an option takes longer than to judge most values, and most fields have no rule.
//
// Remembered for each thread, one for each type of message that it has checked. Internal to
// check().

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <vector>

#include "xds/proto/rule.pb.h"

namespace weft::xds {

struct MessageRules {
  // Wrappers and durations stand for one value. Opaque: Google's others (Any, Struct), into which
  // nobody looks here.
  enum class Kind : std::uint8_t { kMessage, kWrapper, kDuration, kOpaque };
  struct Field {
    const google::protobuf::FieldDescriptor* descriptor;
    weft::Handling::Kind is;
    const weft::Must* must;  // null: nothing is said of its value
  };

  Kind kind = Kind::kMessage;
  std::vector<Field> fields;                                      // in their order
  std::vector<const google::protobuf::OneofDescriptor*> one_ofs;  // of which one must be set

  [[nodiscard]] static const MessageRules& of(const google::protobuf::Descriptor& type);
};

}  // namespace weft::xds
