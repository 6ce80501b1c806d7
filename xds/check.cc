#include "xds/check.h"

#include <fmt/format.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "sidecar/core/strings.h"
#include "xds/message_rules.h"
#include "xds/proto/rule.pb.h"

namespace weft::xds {

namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

bool token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool header_name(std::string_view text) {
  if (text.starts_with(':')) text.remove_prefix(1);
  return std::ranges::all_of(text, token_char);
}

bool header_value(std::string_view text) {
  return text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

class Inspection final {
 public:
  Inspection(UnknownFields unknown, Findings& out) : unknown_(unknown), out_(out) {}

  void message(const pb::Message& message, const FieldPath& path) {
    check_by(MessageRules::of(*message.GetDescriptor()), message, path);
  }

 private:
  void check_by(const MessageRules& rules, const pb::Message& message, const FieldPath& path) {
    const auto& reflection = *message.GetReflection();
    unknown_fields(reflection.GetUnknownFields(message), path);
    for (const MessageRules::Field& one : rules.fields) field(message, one, path);
    for (const pb::OneofDescriptor* one_of : rules.one_ofs) {
      if (reflection.HasOneof(message, one_of)) continue;
      out_.refuse(path, fmt::format("one of {} must be set", names(*one_of)));
    }
  }

  void unknown_fields(const pb::UnknownFieldSet& fields, const FieldPath& path) {
    for (int at = 0; at < fields.field_count(); ++at) {
      const int number = fields.field(at).number();
      if (unknown_ == UnknownFields::kRefuse) {
        out_.refuse(path, fmt::format("has unknown field {}", number));
      } else {
        out_.unknown(path, number);
      }
    }
  }

  static std::string names(const pb::OneofDescriptor& one_of) {
    std::string out;
    for (int at = 0; at < one_of.field_count(); ++at) {
      const auto& field = *one_of.field(at);
      if (field.options().GetExtension(weft::is) != weft::Handling::READ) continue;
      if (!out.empty()) out += ", ";
      out += field.name();
    }
    return out;
  }

  void field(const pb::Message& message, const MessageRules::Field& rules, const FieldPath& path) {
    const Field& field = *rules.descriptor;
    const auto& reflection = *message.GetReflection();
    const bool set = field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                                         : reflection.HasField(message, &field);
    switch (rules.is) {
      case weft::Handling::REFUSED:
        if (set && !says_no(message, field)) out_.refuse(path / field.name(), "is not supported");
        return;
      case weft::Handling::IGNORED:
        if (set) out_.note(path / field.name(), "has no effect here");
        return;
      default:
        break;
    }
    const bool ruled = rules.must != nullptr;
    const auto& must = ruled ? *rules.must : weft::Must::default_instance();
    if (field.is_repeated()) {
      repeated(message, field, must, path);
    } else if (set) {
      single(message, field, must, path / field.name());
    } else if (ruled) {
      absent(field, must, path / field.name());
    }
  }

  // `require_sni: false` asks for what happens anyway.
  static bool says_no(const pb::Message& message, const Field& field) {
    if (field.is_repeated() || field.cpp_type() != Field::CPPTYPE_MESSAGE) return false;
    if (field.message_type()->full_name() != "google.protobuf.BoolValue") return false;
    return message.GetReflection()->GetMessage(message, &field).ByteSizeLong() == 0;
  }

  void absent(const Field& field, const weft::Must& must, const FieldPath& path) {
    if (must.present()) {
      out_.refuse(path, "is required");
    } else if (field.containing_oneof() == nullptr && field.cpp_type() == Field::CPPTYPE_STRING) {
      if (must.non_empty()) out_.refuse(path, "must not be empty");
    } else if (!field.has_presence()) {
      number(0, must, path, "");
    }
  }

  void repeated(const pb::Message& message, const Field& field, const weft::Must& must,
                const FieldPath& path) {
    const auto& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, &field);
    const auto items = static_cast<std::uint32_t>(size);
    if (items < must.items_min()) {
      out_.refuse(path / field.name(), fmt::format("needs at least {} item{}", must.items_min(),
                                                   must.items_min() == 1 ? "" : "s"));
    }
    if (must.items_max() != 0 && items > must.items_max()) {
      out_.refuse(path / field.name(),
                  fmt::format("has {} items, at most {} are allowed", items, must.items_max()));
      return;
    }
    if (field.is_map()) {
      map(message, field, path);
      return;
    }
    std::set<std::string, std::less<>> seen;
    for (int at = 0; at < size; ++at) {
      const auto item = path.at(field.name(), at);
      value(message, field, at, must, item);
      if (must.unique() && !seen.insert(printed(message, field, at)).second) {
        out_.refuse(item, fmt::format("repeats {}", printed(message, field, at)));
      }
    }
  }

  void map(const pb::Message& message, const Field& field, const FieldPath& path) {
    const auto& reflection = *message.GetReflection();
    const auto& value_field = *field.message_type()->map_value();
    if (value_field.cpp_type() != Field::CPPTYPE_MESSAGE) return;
    // Metadata and extensions, of which descend() would look at nothing: to be asked for its
    // entries a map makes a list of copies.
    if (MessageRules::of(*value_field.message_type()).kind == MessageRules::Kind::kOpaque) return;
    const auto& key_field = *field.message_type()->map_key();
    for (int at = 0; at < reflection.FieldSize(message, &field); ++at) {
      const auto& entry = reflection.GetRepeatedMessage(message, &field, at);
      std::string scratch;
      const auto& key = entry.GetReflection()->GetStringReference(entry, &key_field, &scratch);
      descend(entry.GetReflection()->GetMessage(entry, &value_field),
              weft::Must::default_instance(), path.at(field.name(), key));
    }
  }

  void single(const pb::Message& message, const Field& field, const weft::Must& must,
              const FieldPath& path) {
    value(message, field, kSingle, must, path);
  }

  void value(const pb::Message& message, const Field& field, int at, const weft::Must& must,
             const FieldPath& path) {
    const auto& r = *message.GetReflection();
    const bool one = at == kSingle;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_STRING: {
        std::string scratch;
        text(one ? r.GetStringReference(message, &field, &scratch)
                 : r.GetRepeatedStringReference(message, &field, at, &scratch),
             must, path);
        return;
      }
      case Field::CPPTYPE_MESSAGE:
        descend(one ? r.GetMessage(message, &field) : r.GetRepeatedMessage(message, &field, at),
                must, path);
        return;
      case Field::CPPTYPE_ENUM: {
        const int chosen =
            one ? r.GetEnumValue(message, &field) : r.GetRepeatedEnumValue(message, &field, at);
        if (field.enum_type()->FindValueByNumber(chosen) == nullptr) {
          out_.refuse(path,
                      fmt::format("{} is not a value of {}", chosen, field.enum_type()->name()));
        }
        return;
      }
      case Field::CPPTYPE_BOOL:
        if (must.only_true() && one && !r.GetBool(message, &field))
          out_.refuse(path, "must be true");
        return;
      default:
        number(numeric(message, field, at), must, path, "");
        return;
    }
  }

  static double numeric(const pb::Message& message, const Field& field, int at) {
    const auto& r = *message.GetReflection();
    const bool one = at == kSingle;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return one ? r.GetInt32(message, &field) : r.GetRepeatedInt32(message, &field, at);
      case Field::CPPTYPE_UINT32:
        return one ? r.GetUInt32(message, &field) : r.GetRepeatedUInt32(message, &field, at);
      case Field::CPPTYPE_INT64:
        return static_cast<double>(one ? r.GetInt64(message, &field)
                                       : r.GetRepeatedInt64(message, &field, at));
      case Field::CPPTYPE_UINT64:
        return static_cast<double>(one ? r.GetUInt64(message, &field)
                                       : r.GetRepeatedUInt64(message, &field, at));
      case Field::CPPTYPE_FLOAT:
        return static_cast<double>(one ? r.GetFloat(message, &field)
                                       : r.GetRepeatedFloat(message, &field, at));
      case Field::CPPTYPE_DOUBLE:
        return one ? r.GetDouble(message, &field) : r.GetRepeatedDouble(message, &field, at);
      default:
        return 0;
    }
  }

  static std::string printed(const pb::Message& message, const Field& field, int at) {
    if (field.cpp_type() != Field::CPPTYPE_STRING) {
      return fmt::format("{}",
                         field.cpp_type() == Field::CPPTYPE_ENUM
                             ? message.GetReflection()->GetRepeatedEnumValue(message, &field, at)
                             : numeric(message, field, at));
    }
    return "\"" + escape(message.GetReflection()->GetRepeatedString(message, &field, at)) + "\"";
  }

  void descend(const pb::Message& message, const weft::Must& must, const FieldPath& path) {
    const auto& type = *message.GetDescriptor();
    const MessageRules& rules = MessageRules::of(type);
    switch (rules.kind) {
      case MessageRules::Kind::kWrapper: {
        const auto& inner = *type.field(0);
        if (inner.cpp_type() == Field::CPPTYPE_STRING) {
          text(message.GetReflection()->GetString(message, &inner), must, path);
        } else {
          number(numeric(message, inner, kSingle), must, path, "");
        }
        return;
      }
      case MessageRules::Kind::kDuration:
        return duration(static_cast<const pb::Duration&>(message), must, path);
      case MessageRules::Kind::kMessage:
        return check_by(rules, message, path);
      case MessageRules::Kind::kOpaque:
        return;
    }
  }

  void duration(const pb::Duration& duration, const weft::Must& must, const FieldPath& path) {
    const auto seconds = duration.seconds();
    const auto nanos = duration.nanos();
    if (nanos <= -1'000'000'000 || nanos >= 1'000'000'000 || (seconds < 0 && nanos > 0) ||
        (seconds > 0 && nanos < 0) || seconds > kDurationSecondsMax ||
        seconds < -kDurationSecondsMax) {
      out_.refuse(path, "is not a duration");
      return;
    }
    const double value = static_cast<double>(seconds) + static_cast<double>(nanos) / 1e9;
    if (value < 0) {
      out_.refuse(path, fmt::format("is {}s, must not be negative", value));
      return;
    }
    number(value, must, path, "s");
  }

  void number(double value, const weft::Must& must, const FieldPath& path, std::string_view unit) {
    const auto wrong = [&](std::string_view relation, double limit) {
      out_.refuse(path, fmt::format("is {0}{3}, must be {1} {2}{3}", value, relation, limit, unit));
    };
    if (must.has_at_least() && !(value >= must.at_least())) wrong("at least", must.at_least());
    if (must.has_above() && !(value > must.above())) wrong("more than", must.above());
    if (must.has_at_most() && !(value <= must.at_most())) wrong("at most", must.at_most());
    if (must.has_below() && !(value < must.below())) wrong("less than", must.below());
  }

  void text(std::string_view value, const weft::Must& must, const FieldPath& path) {
    if (must.non_empty() && value.empty()) out_.refuse(path, "must not be empty");
    if (must.bytes_max() != 0 && value.size() > must.bytes_max()) {
      out_.refuse(path, fmt::format("has {} bytes, at most {} are allowed", value.size(),
                                    must.bytes_max()));
    }
    if (must.text() == weft::Must::HEADER_NAME && !header_name(value)) {
      out_.refuse(path, fmt::format("\"{}\" is not a header name", escape(value)));
    }
    if (must.text() == weft::Must::HEADER_VALUE && !header_value(value)) {
      out_.refuse(path, fmt::format("\"{}\" is not a header value", escape(value)));
    }
  }

  static constexpr int kSingle = -1;

  const UnknownFields unknown_;
  Findings& out_;
};

}  // namespace

void check(const pb::Message& message, const FieldPath& path, UnknownFields unknown,
           Findings& out) {
  Inspection(unknown, out).message(message, path);
}

}  // namespace weft::xds
