#include "xds/struct_value.h"

#include <cstdint>

namespace weft::xds {

using config::Value;

void put_struct(const Value& value, google::protobuf::Struct& out) {
  for (const Value::Member& member : value.members())
    put_value(member.value, (*out.mutable_fields())[member.key]);
}

void put_list(const Value& value, google::protobuf::ListValue& out) {
  for (const Value& item : value.items()) put_value(item, *out.add_values());
}

void put_value(const Value& value, google::protobuf::Value& out) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return out.set_null_value(google::protobuf::NULL_VALUE);
    case Value::Kind::kMap:
      return put_struct(value, *out.mutable_struct_value());
    case Value::Kind::kList:
      return put_list(value, *out.mutable_list_value());
    case Value::Kind::kScalar:
      break;
  }
  if (const Result<bool> truth = value.as_bool()) return out.set_bool_value(*truth);
  if (const Result<std::int64_t> number = value.as_int()) {
    return out.set_number_value(static_cast<double>(*number));
  }
  if (const Result<double> number = value.as_double()) return out.set_number_value(*number);
  out.set_string_value(value.text());
}

}  // namespace weft::xds
