#include "xds/document_to_message.h"

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>

#include "sidecar/core/base64.h"
#include "sidecar/core/strings.h"
#include "xds/known_types.h"
#include "xds/printable.h"
#include "xds/resource.h"

namespace weft::xds {

namespace pb = google::protobuf;
using config::Value;

void Mistakes::add(config::Position position, std::string_view path, std::string_view why) {
  ++count_;
  if (texts_.size() >= kKept) return;
  std::string text = fmt::format("{}:{}:{}: ", source_, position.line, position.column);
  if (!path.empty()) text += printable(path, kPathBytesMax) + ": ";
  texts_.push_back(text + printable(why, kReasonBytesMax));
}

Error Mistakes::error() const {
  std::string text;
  for (const std::string& line : texts_) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  if (count_ > texts_.size()) text += fmt::format("\nand {} more", count_ - texts_.size());
  return Error{Fault::kInvalid, Side::kLocal, std::move(text)};
}

namespace {

constexpr std::size_t kQuotedBytesMax = 64;
constexpr std::size_t kEnumNamesMax = 12;

// Messages that the JSON mapping writes in a way of their own.
enum class Special { kNone, kAny, kDuration, kTimestamp, kWrapper, kStruct, kValue, kListValue };

Special special_of(const pb::Descriptor& type) {
  switch (type.well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_ANY:
      return Special::kAny;
    case pb::Descriptor::WELLKNOWNTYPE_DURATION:
      return Special::kDuration;
    case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return Special::kTimestamp;
    case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
      return Special::kStruct;
    case pb::Descriptor::WELLKNOWNTYPE_VALUE:
      return Special::kValue;
    case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return Special::kListValue;
    case pb::Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case pb::Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case pb::Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case pb::Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case pb::Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return Special::kWrapper;
    case pb::Descriptor::WELLKNOWNTYPE_FIELDMASK:
    case pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
    default:  // protobuf says of this enum that it grows
      break;
  }
  return Special::kNone;
}

// google.protobuf.Value is the one message that nothing is a value of.
bool holds_null(const pb::Descriptor* type) {
  return type != nullptr && special_of(*type) == Special::kValue;
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

// A scalar field of a message, one of its items, or half of a map entry: set or added.
class Slot final {
 public:
  Slot(pb::Message& message, const pb::FieldDescriptor& field) : message_(message), field_(field) {}

  [[nodiscard]] const pb::FieldDescriptor& field() const { return field_; }
  [[nodiscard]] pb::Message& message() {
    const pb::Reflection& reflection = *message_.GetReflection();
    return field_.is_repeated() ? *reflection.AddMessage(&message_, &field_)
                                : *reflection.MutableMessage(&message_, &field_);
  }
  void set(std::int32_t v) { put(&pb::Reflection::SetInt32, &pb::Reflection::AddInt32, v); }
  void set(std::int64_t v) { put(&pb::Reflection::SetInt64, &pb::Reflection::AddInt64, v); }
  void set(std::uint32_t v) { put(&pb::Reflection::SetUInt32, &pb::Reflection::AddUInt32, v); }
  void set(std::uint64_t v) { put(&pb::Reflection::SetUInt64, &pb::Reflection::AddUInt64, v); }
  void set(float v) { put(&pb::Reflection::SetFloat, &pb::Reflection::AddFloat, v); }
  void set(double v) { put(&pb::Reflection::SetDouble, &pb::Reflection::AddDouble, v); }
  void set(bool v) { put(&pb::Reflection::SetBool, &pb::Reflection::AddBool, v); }
  void set(const pb::EnumValueDescriptor* v) {
    put(&pb::Reflection::SetEnum, &pb::Reflection::AddEnum, v);
  }
  void set(std::string v) {
    put(&pb::Reflection::SetString, &pb::Reflection::AddString, std::move(v));
  }

 private:
  template <typename Setter, typename Adder, typename T>
  void put(Setter setter, Adder adder, T v) {
    const pb::Reflection& reflection = *message_.GetReflection();
    if (field_.is_repeated()) {
      (reflection.*adder)(&message_, &field_, std::move(v));
    } else {
      (reflection.*setter)(&message_, &field_, std::move(v));
    }
  }

  pb::Message& message_;
  const pb::FieldDescriptor& field_;
};

class Walk final {
 public:
  explicit Walk(Mistakes& mistakes) : mistakes_(mistakes) {}

  void message(const Value& value, pb::Message& out);

 private:
  void fields(const Value& value, pb::Message& out, std::string_view passed_over = {});
  void field(const Value::Member& member, pb::Message& out, const pb::FieldDescriptor& field);
  void map(const Value& value, pb::Message& out, const pb::FieldDescriptor& field);
  void one(const Value& value, Slot slot);
  void enumeration(const Value& value, Slot slot);
  template <typename Number>
  void number(const Value& value, Slot slot, std::string_view what);
  void truth(const Value& value, Slot slot);
  void key(const Value::Member& member, Slot slot);

  void any(const Value& value, pb::Any& out);
  void time(const Value& value, pb::Message& out, bool duration);
  void structure(const Value& value, pb::Struct& out);
  void dynamic(const Value& value, pb::Value& out);
  void list(const Value& value, pb::ListValue& out);

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
  switch (special_of(*out.GetDescriptor())) {
    case Special::kNone:
      return fields(value, out);
    case Special::kAny:
      return any(value, *pb::DynamicCastToGenerated<pb::Any>(&out));
    case Special::kDuration:
      return time(value, out, true);
    case Special::kTimestamp:
      return time(value, out, false);
    case Special::kWrapper:
      return one(value, Slot(out, *out.GetDescriptor()->field(0)));
    case Special::kStruct:
      return structure(value, *pb::DynamicCastToGenerated<pb::Struct>(&out));
    case Special::kValue:
      return dynamic(value, *pb::DynamicCastToGenerated<pb::Value>(&out));
    case Special::kListValue:
      return list(value, *pb::DynamicCastToGenerated<pb::ListValue>(&out));
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
  if (!field.is_repeated()) return one(value, Slot(out, field));
  if (!value.is_list()) return mistake(value, wanted("a list", value));
  std::size_t index = 0;
  for (const Value& item : value.items()) {
    const Step step(path_, index++);
    if (item.is_null() && !holds_null(field.message_type())) {
      mistake(item, "is empty");
      continue;
    }
    one(item, Slot(out, field));
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
      key(member, Slot(entry, *entry_type.map_key()));
      one(member.value, Slot(entry, *entry_type.map_value()));
    }
    path_.resize(length);
  }
}

void Walk::key(const Value::Member& member, Slot slot) {
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
void Walk::number(const Value& value, Slot slot, std::string_view what) {
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

void Walk::truth(const Value& value, Slot slot) {
  const Result<bool> read = value.as_bool();
  if (!read) return mistake(value, read.error().detail);
  slot.set(*read);
}

void Walk::one(const Value& value, Slot slot) {
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

void Walk::enumeration(const Value& value, Slot slot) {
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
  if (special_of(*type) == Special::kNone) {
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

void Walk::structure(const Value& value, pb::Struct& out) {
  if (!value.is_map()) return mistake(value, wanted("a map", value));
  for (const Value::Member& member : value.members()) {
    const Step step(path_, member.key);
    dynamic(member.value, (*out.mutable_fields())[member.key]);
  }
}

void Walk::list(const Value& value, pb::ListValue& out) {
  if (!value.is_list()) return mistake(value, wanted("a list", value));
  std::size_t index = 0;
  for (const Value& item : value.items()) {
    const Step step(path_, index++);
    dynamic(item, *out.add_values());
  }
}

void Walk::dynamic(const Value& value, pb::Value& out) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return out.set_null_value(pb::NULL_VALUE);
    case Value::Kind::kMap:
      return structure(value, *out.mutable_struct_value());
    case Value::Kind::kList:
      return list(value, *out.mutable_list_value());
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

// The next piece of a field path: "name", "[3]" or "[key]".
std::string_view take_piece(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  const std::size_t end = path.starts_with('[') ? std::min(path.find(']'), path.size() - 1) + 1
                                                : path.find_first_of(".[");
  const std::string_view piece = path.substr(0, end);
  path.remove_prefix(piece.size());
  return piece;
}

// cluster_name and clusterName are one field.
bool same_field(std::string_view key, std::string_view name) {
  std::size_t at = 0;
  bool capital = false;
  for (const char c : name) {
    if (c == '_') {
      capital = true;
      if (at < key.size() && key[at] == '_') ++at;
      continue;
    }
    if (at >= key.size()) return false;
    if (key[at] != c && !(capital && to_lower(key[at]) == c)) return false;
    capital = false;
    ++at;
  }
  return at == key.size();
}

const Value* follow(const Value& value, std::string_view piece) {
  if (piece.starts_with('[')) piece = piece.substr(1, piece.size() - 2);
  if (value.is_list()) {
    const std::optional<std::uint64_t> index = parse_u64(piece);
    return index && *index < value.items().size() ? &value.items()[*index] : nullptr;
  }
  for (const Value::Member& member : value.members()) {
    if (member.key == piece || same_field(member.key, piece)) return &member.value;
  }
  return nullptr;
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

config::Position position_of(const Value& root, std::string_view field_path) {
  const Value* place = &root;
  while (!field_path.empty()) {
    const Value* next = follow(*place, take_piece(field_path));
    if (next == nullptr) break;
    place = next;
  }
  return place->position();
}

}  // namespace weft::xds
