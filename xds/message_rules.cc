#include "xds/message_rules.h"

#include <google/protobuf/duration.pb.h>

#include <unordered_map>

namespace weft::xds {

namespace {

namespace pb = google::protobuf;
using Kind = MessageRules::Kind;

Kind kind_of(const pb::Descriptor& type) {
  if (type.file()->name() == "google/protobuf/wrappers.proto") return Kind::kWrapper;
  if (type.full_name() == pb::Duration::descriptor()->full_name()) return Kind::kDuration;
  return type.file()->package() == "google.protobuf" ? Kind::kOpaque : Kind::kMessage;
}

// Whether there is anything to check of a value of which nothing is said.
bool is_checked_anyway(const pb::FieldDescriptor& field) {
  using Type = pb::FieldDescriptor;
  const Type& value = field.is_map() ? *field.message_type()->map_value() : field;
  if (value.cpp_type() == Type::CPPTYPE_ENUM) return !field.is_map();
  if (value.cpp_type() != Type::CPPTYPE_MESSAGE) return false;
  const Kind kind = kind_of(*value.message_type());
  return kind == Kind::kMessage || kind == Kind::kDuration;
}

MessageRules rules_of(const pb::Descriptor& type) {
  MessageRules out{.kind = kind_of(type), .fields = {}, .one_ofs = {}};
  for (int at = 0; at < type.field_count(); ++at) {
    const pb::FieldDescriptor& field = *type.field(at);
    const auto is = field.options().GetExtension(weft::is);
    const bool ruled = field.options().HasExtension(weft::must);
    if (is == weft::Handling::READ && !ruled && !is_checked_anyway(field)) continue;
    out.fields.push_back({.descriptor = &field,
                          .is = is,
                          .must = ruled ? &field.options().GetExtension(weft::must) : nullptr});
  }
  for (int at = 0; at < type.real_oneof_decl_count(); ++at) {
    const pb::OneofDescriptor& one_of = *type.oneof_decl(at);
    if (one_of.options().GetExtension(weft::one_of)) out.one_ofs.push_back(&one_of);
  }
  return out;
}

}  // namespace

const MessageRules& MessageRules::of(const pb::Descriptor& type) {
  thread_local std::unordered_map<const pb::Descriptor*, MessageRules> known;
  const auto found = known.find(&type);
  return found != known.end() ? found->second : known.emplace(&type, rules_of(type)).first->second;
}

}  // namespace weft::xds
