#include "control/model/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sidecar/core/strings.h"

namespace weft::control {

using config::Value;

namespace {

// YAML 1.1's other words for a bool; the tools around Kubernetes still read them so.
bool old_yaml_bool(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kWords = {"yes", "no", "on", "off"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return equals_ignore_case(text, word); });
}

bool other_than_text(const Value& value) {
  if (value.quoted()) return false;
  return value.as_bool() || value.as_int() || value.as_double() || old_yaml_bool(value.text());
}

std::string found(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kScalar:
      return "'" + escape(value.text(), 64) + "'";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
  }
  return {};
}

}  // namespace

Reader::Reader(const Value& value, std::string path, Mistakes& mistakes)
    : value_(value), path_(std::move(path)), mistakes_(mistakes) {
  if (!value.is_map()) refuse(fmt::format("want a map, found {}", found(value)));
}

namespace {

// What a Reader that describes looks at.
const Value& empty_map() {
  static const auto kDocuments = config::parse_documents("{}", "");
  return kDocuments->front().root;
}

}  // namespace

Reader::Reader(Shape& shape, Mistakes& mistakes)
    : value_(empty_map()), mistakes_(mistakes), shape_(&shape) {}

Reader::~Reader() {
  for (const Value::Member& member : value_.members()) {
    if (known_.contains(member.key)) continue;
    mistakes_.add(member.key_position, path_of(escape(member.key, 64)), "unknown field");
  }
}

std::string Reader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

bool Reader::describe(std::string_view key, std::string_view schema) {
  if (shape_ != nullptr) shape_->field(key, std::string(schema));
  return shape_ != nullptr;
}

const Value* Reader::find(std::string_view key, std::string_view schema) {
  if (describe(key, schema)) return nullptr;
  if (!known_.contains(key)) known_.emplace(key);
  const Value* value = value_.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Reader::has(std::string_view key) { return find(key) != nullptr || shape_ != nullptr; }

bool Reader::require(std::string_view key) {
  if (shape_ != nullptr) shape_->require(key);
  if (has(key)) return true;
  refuse(key, "is required");
  return false;
}

void Reader::refuse(std::string_view key, std::string_view what) {
  const Value* value = value_.find(key);
  mistakes_.add(value == nullptr ? position() : value->position(), path_of(key), what);
}

void Reader::refuse(std::string_view what) { mistakes_.add(position(), path_, what); }

void Reader::note(std::string_view key, std::string_view what) {
  const Value* value = value_.find(key);
  mistakes_.note(value == nullptr ? position() : value->position(), path_of(key), what);
}

void Reader::unsupported(std::string_view key) {
  if (shape_ != nullptr) return;
  if (has(key)) refuse(key, "not supported yet");
}

void Reader::without_effect(std::string_view key) {
  if (has(key)) note(key, "has no effect here");
}

bool Reader::read_text(const Value& value, const std::string& path, std::string& out, Check check,
                       std::size_t bytes_max) {
  if (!value.is_scalar()) {
    mistakes_.add(value.position(), path, fmt::format("want text, found {}", found(value)));
    return false;
  }
  if (other_than_text(value)) {
    mistakes_.add(value.position(), path,
                  fmt::format("want text; {} is none unless it stands in quotes", found(value)));
    return false;
  }
  if (value.text().size() > bytes_max) {
    mistakes_.add(value.position(), path, fmt::format("longer than {} bytes", bytes_max));
    return false;
  }
  if (check != nullptr) {
    if (const std::string objection = check(value.text()); !objection.empty()) {
      mistakes_.add(value.position(), path,
                    fmt::format("'{}' {}", escape(value.text(), 64), objection));
      return false;
    }
  }
  out = value.text();
  return true;
}

bool Reader::text(std::string_view key, std::string& out, Check check) {
  if (describe(key, shapes::kText)) return false;
  const Value* value = find(key);
  return value != nullptr && read_text(*value, path_of(key), out, check);
}

void Reader::only(std::string_view key, std::string_view accepted) {
  if (describe(key, shapes::one_of(std::string(accepted)))) return;
  std::string value(accepted);
  if (text(key, value) && value != accepted)
    refuse(key, fmt::format("{} is not supported yet, only {}", escape(value, 64), accepted));
}

bool Reader::boolean(std::string_view key, bool& out) {
  if (describe(key, shapes::kBoolean)) return false;
  const Value* value = find(key);
  if (value == nullptr) return false;
  const Result<bool> read = value->as_bool();
  if (!read) {
    refuse(key, read.error().detail);
    return false;
  }
  out = *read;
  return true;
}

bool Reader::read_integer(std::string_view key, std::int64_t& out, std::int64_t min,
                          std::int64_t max) {
  if (shape_ != nullptr) {
    shape_->field(key, shapes::number(static_cast<double>(min), static_cast<double>(max), true));
    return false;
  }
  const Value* value = find(key);
  if (value == nullptr) return false;
  const Result<std::int64_t> read = value->as_int();
  if (!read) {
    refuse(key, read.error().detail);
  } else if (*read < min || *read > max) {
    refuse(key, fmt::format("want a number from {} to {}, found {}", min, max, *read));
  } else {
    out = *read;
    return true;
  }
  return false;
}

bool Reader::duration(std::string_view key, Duration& out) {
  if (describe(key, shapes::kDuration)) return false;
  const Value* value = find(key);
  if (value == nullptr) return false;
  if (value->is_scalar()) {
    if (const Result<Duration> read = parse_duration(value->text())) {
      out = *read;
      return true;
    }
  }
  refuse(key, fmt::format("want a duration with its unit, as 250ms, 5s or 1h30m, found {}",
                          found(*value)));
  return false;
}

bool Reader::percent(std::string_view key, double& out, double max) {
  if (describe(key, shapes::percent(max))) return false;
  const Value* value = find(key);
  if (value == nullptr) return false;
  if (value->is_scalar() && value->text().ends_with('%')) {
    const std::string_view digits(value->text().data(), value->text().size() - 1);
    double read = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), read,
                                              std::chars_format::fixed);
    if (error == std::errc{} && end == digits.data() + digits.size() && read >= 0 && read <= max) {
      out = read;
      return true;
    }
  }
  refuse(key, fmt::format("want a percentage from 0% to {}%, found {}", max, found(*value)));
  return false;
}

bool Reader::number(std::string_view key, double& out, double min, double max) {
  if (describe(key, shapes::number(min, max, false))) return false;
  const Value* value = find(key);
  if (value == nullptr) return false;
  const Result<double> read = value->as_double();
  if (!read) {
    refuse(key, read.error().detail);
  } else if (!(*read >= min && *read <= max)) {
    refuse(key, fmt::format("want a number from {} to {}, found {}", min, max, *read));
  } else {
    out = *read;
    return true;
  }
  return false;
}

bool Reader::read_choice(std::string_view key, std::string& out) {
  if (shape_ != nullptr) return true;  // refuse_choice() is told all of them
  const Value* value = find(key);
  if (value == nullptr) return false;
  if (value->is_scalar()) {
    out = value->text();
    return true;
  }
  refuse(key, fmt::format("want text, found {}", found(*value)));
  return false;
}

void Reader::refuse_choice(std::string_view key, std::string_view wanted, std::string_view word) {
  if (describe(key, shapes::one_of(std::string(wanted)))) return;
  refuse(key, fmt::format("want one of {}, found '{}'", wanted, escape(word, 64)));
}

void Reader::rule_of(std::string_view key, std::string_view cel, std::string_view message) {
  if (shape_ != nullptr) shape_->rule(key, std::string(cel), std::string(message));
}

void Reader::rule_of_duration(std::string_view key, Duration min, Duration max, bool zero) {
  if (shape_ == nullptr) return;
  const std::string least = format_duration(min);
  const std::string most = format_duration(max);
  shape_->rule(key,
               fmt::format("{}duration(self) >= duration('{}') && duration(self) <= duration('{}')",
                           zero ? "duration(self) == duration('0s') || " : "", least, most),
               fmt::format("want {}{} to {}", zero ? "0s for none, or " : "", least, most));
}

void Reader::keyed(std::string_view list, std::string_view by) {
  if (shape_ != nullptr) shape_->keyed(list, by);
}

const Value* Reader::find_list(std::string_view key, std::size_t items_max) {
  const Value* value = find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_list()) {
    refuse(key, fmt::format("want a list, found {}", found(*value)));
    return nullptr;
  }
  if (value->items().size() > items_max) {
    refuse(key,
           fmt::format("has {} items, at most {} are allowed", value->items().size(), items_max));
    return nullptr;
  }
  return value;
}

bool Reader::texts(std::string_view key, std::vector<std::string>& out, std::size_t items_max,
                   Check check) {
  if (describe(key, shapes::texts(items_max))) return false;
  const Value* list = find_list(key, items_max);
  if (list == nullptr) return false;
  std::vector<std::string> read;
  bool good = true;
  for (std::size_t i = 0; i < list->items().size(); ++i) {
    std::string item;
    good &= read_text(list->items()[i], fmt::format("{}[{}]", path_of(key), i), item, check);
    read.push_back(std::move(item));
  }
  if (good) out = std::move(read);
  return good;
}

bool Reader::text_map(std::string_view key, std::map<std::string, std::string>& out,
                      std::size_t items_max, Check check_key, Check check_value,
                      std::size_t bytes_max) {
  if (describe(key, shapes::kTextMap)) return false;
  const Value* map = find(key);
  if (map == nullptr) return false;
  if (!map->is_map()) {
    refuse(key, fmt::format("want a map, found {}", found(*map)));
    return false;
  }
  if (map->members().size() > items_max) {
    refuse(key,
           fmt::format("has {} items, at most {} are allowed", map->members().size(), items_max));
    return false;
  }
  std::map<std::string, std::string> read;
  bool good = true;
  for (const Value::Member& member : map->members()) {
    const std::string path = fmt::format("{}.{}", path_of(key), escape(member.key, 64));
    if (check_key != nullptr) {
      if (const std::string objection = check_key(member.key); !objection.empty()) {
        mistakes_.add(member.key_position, path, "the key " + objection);
        good = false;
      }
    }
    good &= read_text(member.value, path, read[member.key], check_value, bytes_max);
  }
  if (good) out = std::move(read);
  return good;
}

bool Reader::object(std::string_view key, const std::function<void(Reader&)>& read) {
  if (shape_ != nullptr) {
    Reader inner(shape_->map(key), mistakes_);
    read(inner);
    return false;
  }
  const Value* value = find(key);
  if (value == nullptr) return false;
  Reader inner(*value, path_of(key), mistakes_);
  if (!value->is_map()) return false;
  read(inner);
  return true;
}

bool Reader::each(std::string_view key, std::size_t items_max,
                  const std::function<void(Reader&)>& read) {
  if (shape_ != nullptr) {
    Reader inner(shape_->list(key, items_max), mistakes_);
    read(inner);
    return false;
  }
  const Value* list = find_list(key, items_max);
  if (list == nullptr) return false;
  for (std::size_t i = 0; i < list->items().size(); ++i) {
    const Value& item = list->items()[i];
    Reader inner(item, fmt::format("{}[{}]", path_of(key), i), mistakes_);
    if (item.is_map()) read(inner);
  }
  return true;
}

}  // namespace weft::control
