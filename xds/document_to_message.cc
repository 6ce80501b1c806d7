#include "xds/document_to_message.h"

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>

#include "sidecar/core/base64.h"
#include "sidecar/core/strings.h"
#include "xds/field_slot.h"
#include "xds/known_types.h"
#include "xds/resource.h"
#include "xds/struct_value.h"
#include "xds/well_known.h"

namespace weft::xds {

namespace pb = google::protobuf;
using config::Value;

namespace {

constexpr std::size_t kQuotedBytesMax = 64;
constexpr std::size_t kEnumNamesMax = 12;

// google.protobuf.Value is the one message that nothing is a value of.
bool holds_null(const pb::Descriptor* type) {
  return type != nullptr && well_known(*type) == WellKnown::kValue;
}

std::string found(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
    case Value::Kind::kScalar:
      return "'" + escape(value.text(), kQuotedBytesMax) + "'";
  }
  return {};
}

std::string wanted(std::string_view what, const Value& value) {
  return fmt::format("want {}, found {}", what, found(value));
}

// The JSON mapping writes 64-bit numbers as text, so digits in quotes are a number as well.
template <typename Number>
std::optional<Number> number_in(const Value& value) {
  if (!value.is_scalar()) return std::nullopt;
  const std::string& text = value.text();
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

class Walk final {
 public:
  explicit Walk(Mistakes& mistakes) : mistakes_(mistakes) {}

  void message(const Value& value, pb::Message& out);

 private:
  void fields(const Value& value, pb::Message& out, std::string_view passed_over = {});
  void field(const Value::Member& member, pb::Message& out, const pb::FieldDescriptor& field);
  void map(const Value& value, pb::Message& out, const pb::FieldDescriptor& field);
  void one(const Value& value, FieldSlot slot);
  void enumeration(const Value& value, FieldSlot slot);
  template <typename Number>
  void number(const Value& value, FieldSlot slot, std::string_view what);
  void truth(const Value& value, FieldSlot slot);
  void key(const Value::Member& member, FieldSlot slot);

  void any(const Value& value, pb::Any& out);
  void time(const Value& value, pb::Message& out, bool duration);

  void mistake(const Value& value, std::string_view why) {
    mistakes_.add(value.position(), path_, why);
  }

  // Lengthens the path while it lives.
  class Step final {
   public:
    Step(std::string& path, std::string_view field) : path_(path), length_(path.size()) {
      if (!path.empty()) path += '.';
      path += escape(field, kQuotedBytesMax);
    }
    Step(std::string& path, std::size_t index) : path_(path), length_(path.size()) {
      path += fmt::format("[{}]", index);
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { path_.resize(length_); }
    [[nodiscard]] static std::string keyed(std::string_view text) {
      return "[" + escape(text, kQuotedBytesMax) + "]";
    }

   private:
    std::string& path_;
    std::size_t length_;
  };

  Mistakes& mistakes_;
  std::string path_;
};

void Walk::message(const Value& value, pb::Message& out) {
  switch (well_known(*out.GetDescriptor())) {
    case WellKnown::kNone:
      return fields(value, out);
    case WellKnown::kAny:
      return any(value, *pb::DynamicCastToGenerated<pb::Any>(&out));
    case WellKnown::kDuration:
      return time(value, out, true);
    case WellKnown::kTimestamp:
      return time(value, out, false);
    case WellKnown::kWrapper:
      return one(value, FieldSlot(out, *out.GetDescriptor()->field(0)));
    case WellKnown::kStruct:
      if (!value.is_map()) return mistake(value, wanted("a map", value));
      return put_struct(value, *pb::DynamicCastToGenerated<pb::Struct>(&out));
    case WellKnown::kValue:
      return put_value(value, *pb::DynamicCastToGenerated<pb::Value>(&out));
    case WellKnown::kListValue:
      if (!value.is_list()) return mistake(value, wanted("a list", value));
      return put_list(value, *pb::DynamicCastToGenerated<pb::ListValue>(&out));
  }
}

void Walk::fields(const Value& value, pb::Message& out, std::string_view passed_over) {
  if (!value.is_map()) return mistake(value, wanted("a map", value));
  const pb::Descriptor& type = *out.GetDescriptor();
  std::vector<const pb::FieldDescriptor*> written;
  for (const Value::Member& member : value.members()) {
    if (member.key == passed_over) continue;
    const Step step(path_, member.key);
    const pb::FieldDescriptor* found_field = type.FindFieldByName(member.key);
    if (found_field == nullptr) found_field = type.FindFieldByCamelcaseName(member.key);
    if (found_field == nullptr) {
      mistakes_.add(member.key_position, path_, fmt::format("{} has no such field", type.name()));
      continue;
    }
    const auto excludes = [&](const pb::FieldDescriptor* other) {
      return other == found_field ||
             (other->real_containing_oneof() != nullptr &&
              other->real_containing_oneof() == found_field->real_containing_oneof());
    };
    const auto other = std::find_if(written.begin(), written.end(), excludes);
    if (other != written.end()) {
      mistakes_.add(member.key_position, path_,
                    *other == found_field
                        ? "is there twice, under both of its names"
                        : fmt::format("excludes {}, which is there too", (*other)->name()));
      continue;
    }
    written.push_back(found_field);
    field(member, out, *found_field);
  }
}

void Walk::field(const Value::Member& member, pb::Message& out, const pb::FieldDescriptor& field) {
  const Value& value = member.value;
  if (value.is_null() && !(holds_null(field.message_type()) && !field.is_repeated())) {
    // Nothing has no place of its own: the parser is past it when it notices.
    mistakes_.add(member.key_position, path_,
                  "is empty: give it a value ({} for a message without fields), or leave it out");
    return;
  }
  if (field.is_map()) return map(value, out, field);
  if (!field.is_repeated()) return one(value, FieldSlot(out, field));
  if (!value.is_list()) return mistake(value, wanted("a list", value));
  std::size_t index = 0;
  for (const Value& item : value.items()) {
    const Step step(path_, index++);
    if (item.is_null() && !holds_null(field.message_type())) {
      mistake(item, "is empty");
      continue;
    }
    one(item, FieldSlot(out, field));
  }
}

void Walk::map(const Value& value, pb::Message& out, const pb::FieldDescriptor& field) {
  if (!value.is_map()) return mistake(value, wanted("a map", value));
  const pb::Descriptor& entry_type = *field.message_type();
  for (const Value::Member& member : value.members()) {
    const std::size_t length = path_.size();
    path_ += Step::keyed(member.key);
    if (member.value.is_null() && !holds_null(entry_type.map_value()->message_type())) {
      mistakes_.add(member.key_position, path_, "is empty");
    } else {
      pb::Message& entry = *out.GetReflection()->AddMessage(&out, &field);
      key(member, FieldSlot(entry, *entry_type.map_key()));
      one(member.value, FieldSlot(entry, *entry_type.map_value()));
    }
    path_.resize(length);
  }
}

void Walk::key(const Value::Member& member, FieldSlot slot) {
  const auto put = [&](auto number) {
    const std::string& text = member.key;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
      mistakes_.add(member.key_position, path_, "want a whole number as the key");
      return;
    }
    slot.set(number);
  };
  switch (slot.field().cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return slot.set(member.key);
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return put(std::int32_t{});
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return put(std::int64_t{});
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return put(std::uint32_t{});
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return put(std::uint64_t{});
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      if (member.key == "true" || member.key == "false") return slot.set(member.key == "true");
      mistakes_.add(member.key_position, path_, "want true or false as the key");
      return;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
    case pb::FieldDescriptor::CPPTYPE_ENUM:
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return;  // no such map keys
  }
}

template <typename Number>
void Walk::number(const Value& value, FieldSlot slot, std::string_view what) {
  const std::optional<Number> read = number_in<Number>(value);
  if (!read) return mistake(value, wanted(what, value));
  if constexpr (std::is_floating_point_v<Number>) {
    // from_chars reads "nan" and "inf", which no setting means.
    if (*read != *read || *read > std::numeric_limits<Number>::max() ||
        *read < std::numeric_limits<Number>::lowest()) {
      return mistake(value, wanted(what, value));
    }
  }
  slot.set(*read);
}

void Walk::truth(const Value& value, FieldSlot slot) {
  const Result<bool> read = value.as_bool();
  if (!read) return mistake(value, read.error().detail);
  slot.set(*read);
}

void Walk::one(const Value& value, FieldSlot slot) {
  switch (slot.field().cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return number<std::int32_t>(value, slot, "a whole number of 32 bits");
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return number<std::int64_t>(value, slot, "a whole number of 64 bits");
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return number<std::uint32_t>(value, slot, "a whole number from 0 to 4294967295");
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return number<std::uint64_t>(value, slot, "a whole number, not negative");
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return number<double>(value, slot, "a number");
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return number<float>(value, slot, "a number");
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return truth(value, slot);
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return enumeration(value, slot);
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return message(value, slot.message());
    case pb::FieldDescriptor::CPPTYPE_STRING:
      break;
  }
  if (!value.is_scalar()) return mistake(value, wanted("text", value));
  if (slot.field().type() != pb::FieldDescriptor::TYPE_BYTES) return slot.set(value.text());
  std::optional<std::string> bytes = decode_base64(value.text());
  if (!bytes) return mistake(value, wanted("base64", value));
  slot.set(*std::move(bytes));
}

void Walk::enumeration(const Value& value, FieldSlot slot) {
  const pb::EnumDescriptor& type = *slot.field().enum_type();
  const pb::EnumValueDescriptor* named = nullptr;
  if (value.is_scalar()) {
    named = type.FindValueByName(value.text());
    const std::optional<int> number = number_in<int>(value);
    if (named == nullptr && number) named = type.FindValueByNumber(*number);
  }
  if (named != nullptr) return slot.set(named);
  std::string names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (static_cast<std::size_t>(i) == kEnumNamesMax) {
      names += ", …";
      break;
    }
    if (i > 0) names += ", ";
    names += type.value(i)->name();
  }
  mistake(value, wanted("one of " + names, value));
}

// ---- messages with a form of their own ----

void Walk::any(const Value& value, pb::Any& out) {
  if (!value.is_map()) return mistake(value, wanted("a map with \"@type\"", value));
  const Value* url = value.find("@type");
  if (url == nullptr || !url->is_scalar()) return mistake(value, "has no \"@type\"");
  const std::string_view name = message_name(url->text());
  const pb::Descriptor* type = find_type(name);
  if (type == nullptr) {
    return mistake(*url,
                   fmt::format("no message is known as '{}'", escape(name, 2 * kQuotedBytesMax)));
  }
  const std::unique_ptr<pb::Message> inner(
      pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (well_known(*type) == WellKnown::kNone) {
    fields(value, *inner, "@type");
  } else {
    // "value" holds what has a form of its own.
    for (const Value::Member& member : value.members()) {
      if (member.key == "@type") continue;
      const Step step(path_, member.key);
      if (member.key == "value") {
        message(member.value, *inner);
      } else {
        mistakes_.add(member.key_position, path_, "only \"value\" may stand beside this \"@type\"");
      }
    }
  }
  out.set_type_url(name.size() == url->text().size() ? std::string(kTypeUrlPrefix) + url->text()
                                                     : url->text());
  out.set_value(serialize(*inner));
}

void Walk::time(const Value& value, pb::Message& out, bool duration) {
  if (value.is_scalar()) {
    if (duration && pb::util::TimeUtil::FromString(
                        value.text(), pb::DynamicCastToGenerated<pb::Duration>(&out))) {
      return;
    }
    if (!duration && pb::util::TimeUtil::FromString(
                         value.text(), pb::DynamicCastToGenerated<pb::Timestamp>(&out))) {
      return;
    }
  }
  mistake(value,
          wanted(duration ? "seconds such as \"0.25s\"" : "a time such as \"2026-01-31T12:00:00Z\"",
                 value));
}

}  // namespace

void value_to_message(const Value& value, pb::Message& out, Mistakes& mistakes) {
  Walk(mistakes).message(value, out);
}

Status document_to_message(const config::Document& document, pb::Message& out) {
  Mistakes mistakes(document.source);
  value_to_message(document.root, out, mistakes);
  if (!mistakes.empty()) return fail(mistakes.error());
  return {};
}

}  // namespace weft::xds
