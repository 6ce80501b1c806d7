#include "xds/well_known.h"

namespace weft::xds {

WellKnown well_known(const google::protobuf::Descriptor& type) {
  using google::protobuf::Descriptor;
  switch (type.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_ANY:
      return WellKnown::kAny;
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return WellKnown::kDuration;
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return WellKnown::kTimestamp;
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return WellKnown::kStruct;
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return WellKnown::kValue;
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return WellKnown::kListValue;
    case Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return WellKnown::kWrapper;
    case Descriptor::WELLKNOWNTYPE_FIELDMASK:
    case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
    default:  // protobuf says of this enum that it grows
      break;
  }
  return WellKnown::kNone;
}

}  // namespace weft::xds
