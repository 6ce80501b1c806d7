#include "sidecar/config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::config {

namespace {

// Thrown inside the parser's events and caught in parse_documents: yaml-cpp knows no other way to
// stop.
struct Refused {
  Position position;
  std::string why;
};

const std::string kKeyIsText =
    "a key must be text of at most " + std::to_string(kKeyBytesMax) + " bytes";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// `lines_before`: those of the file that the parser is not shown.
Position position_of(const YAML::Mark& mark, std::uint32_t lines_before) {
  return {static_cast<std::uint32_t>(mark.line + 1) + lines_before,
          static_cast<std::uint32_t>(mark.column + 1)};
}

std::string message(std::string_view source, Position position, std::string_view why) {
  return std::string(source) + ":" + std::to_string(position.line) + ":" +
         std::to_string(position.column) + ": " + std::string(why);
}

// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629); 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  std::uint32_t point = first;
  if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    point = first & 0x07U;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
    point = first & 0x0fU;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2;
    point = first & 0x1fU;
  } else if (first >= 0x80) {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    point = (point << 6) | (byte(i) & 0x3fU);
  }
  static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
    return 0;
  return length;
}

Status check_text(std::string_view text, std::string_view source, std::uint32_t lines_before) {
  Position position{lines_before + 1, 1};
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '\0') return fail(Fault::kInvalid, message(source, position, "a NUL byte"));
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return fail(Fault::kInvalid, message(source, position, "not UTF-8"));
    position.column += 1;
    if (text[i] == '\n') position = {position.line + 1, 1};
    i += length;
  }
  return {};
}

bool is_plain_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::optional<bool> plain_bool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::optional<std::int64_t> plain_int(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) base = 16;
  if (digits.starts_with("0o")) base = 8;
  if (base != 10) digits.remove_prefix(2);
  std::uint64_t magnitude = 0;
  if (digits.empty()) return std::nullopt;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (magnitude > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
}

std::optional<double> plain_double(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos)
    return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace

// Turns the parser's events into a tree, refusing what we do not want before it costs anything.
class DocumentBuilder final : public YAML::EventHandler {
 public:
  DocumentBuilder(const DocumentLimits& limits, std::uint32_t lines_before)
      : limits_(limits), lines_before_(lines_before) {}

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    throw Refused{at(mark), "anchors are not accepted"};
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{at(mark), "aliases are not accepted"};
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    Value value;
    value.position_ = at(mark);
    place(std::move(value), mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check(mark, tag, anchor);
    Value value;
    value.position_ = at(mark);
    // yaml-cpp marks every scalar that was not written plain (quoted, or a block) with the tag "!".
    value.quoted_ = tag == "!";
    if (value.quoted_ || !is_plain_null(text)) {
      value.kind_ = Value::Kind::kScalar;
      value.text_ = text;
    }
    place(std::move(value), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Value::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Value::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] const YAML::Mark& start() const { return start_; }
  Value take() { return std::move(root_); }

 private:
  struct Open {
    Value value;
    bool key_next = true;  // of a map
    std::string key;
    Position key_position;
    std::unordered_set<std::string> keys;
    YAML::Mark mark;
  };

  [[nodiscard]] Position at(const YAML::Mark& mark) const {
    return position_of(mark, lines_before_);
  }
  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) throw Refused{at(mark), "anchors are not accepted"};
    if (!tag.empty() && tag != "?" && tag != "!") throw Refused{at(mark), "tags are not accepted"};
    if (++values_ > limits_.values_max) {
      throw Refused{at(mark), "more than " + std::to_string(limits_.values_max) + " values"};
    }
    started_ = true;
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Value::Kind kind) {
    check(mark, tag, anchor);
    if (open_.size() >= limits_.depth_max) {
      throw Refused{at(mark), "nested deeper than " + std::to_string(limits_.depth_max)};
    }
    if (!open_.empty() && open_.back().value.is_map() && open_.back().key_next) {
      throw Refused{at(mark), kKeyIsText};
    }
    Open level;
    level.value.kind_ = kind;
    level.value.position_ = at(mark);
    level.mark = mark;
    open_.push_back(std::move(level));
  }
  void close() {
    Open level = std::move(open_.back());
    open_.pop_back();
    place(std::move(level.value), level.mark);
  }
  void place(Value value, const YAML::Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& level = open_.back();
    if (level.value.is_list()) {
      level.value.items_.push_back(std::move(value));
      return;
    }
    if (level.key_next) {
      if (!value.is_scalar() || value.text_.size() > kKeyBytesMax) {
        throw Refused{at(mark), kKeyIsText};
      }
      if (std::any_of(value.text_.begin(), value.text_.end(), is_control)) {
        throw Refused{at(mark), "a key may not hold control characters"};
      }
      if (value.text_ == "<<" && !value.quoted_)
        throw Refused{at(mark), "merge keys are not accepted"};
      if (!level.keys.insert(value.text_).second) {
        throw Refused{at(mark), "the key '" + escape(value.text_, 64) + "' is there twice"};
      }
      level.key = std::move(value.text_);
      level.key_position = value.position_;
      level.key_next = false;
      return;
    }
    level.value.members_.push_back(
        Value::Member{std::move(level.key), level.key_position, std::move(value)});
    level.key_next = true;
  }

  const DocumentLimits& limits_;
  std::uint32_t lines_before_;
  std::vector<Open> open_;
  Value root_;
  YAML::Mark start_ = YAML::Mark::null_mark();
  std::size_t values_ = 0;
  bool started_ = false;
};

namespace {

Status check_size(std::string_view text, std::string_view source, const DocumentLimits& limits) {
  if (text.size() <= limits.bytes_max) return {};
  return fail(
      Fault::kInvalid,
      message(source, {1, 1}, "larger than " + std::to_string(limits.bytes_max) + " bytes"));
}

Result<std::vector<Document>> parse(std::string_view text, std::string_view source,
                                    const DocumentLimits& limits, std::uint32_t lines_before) {
  if (Status s = check_text(text, source, lines_before); !s) return fail(s.error());
  std::vector<Document> documents;
  // yaml-cpp lets the end of the file close a quote that is open at the end of a line; a document's
  // end marker it does not.
  std::istringstream stream{std::string(text) + (text.ends_with('\n') ? "...\n" : "")};
  try {
    YAML::Parser parser(stream);
    int last_start = -1;
    while (true) {
      DocumentBuilder builder(limits, lines_before);
      if (!parser.HandleNextDocument(builder)) break;
      // What no document begins with (a comma, say) yaml-cpp takes for an empty document before it,
      // without end.
      if (std::exchange(last_start, builder.start().pos) == builder.start().pos)
        throw Refused{position_of(builder.start(), lines_before), "not expected here"};
      // "---" followed by nothing is no document.
      if (!builder.started()) continue;
      Value root = builder.take();
      if (root.is_null()) continue;
      documents.push_back(Document{std::string(source), std::move(root)});
    }
  } catch (const Refused& refused) {
    return fail(Fault::kInvalid, message(source, refused.position, refused.why));
  } catch (const YAML::Exception& broken) {
    return fail(Fault::kInvalid,
                message(source, position_of(broken.mark, lines_before), escape(broken.msg)));
  }
  return documents;
}

// At the start of a line: "---" and nothing more, or white space and then more.
bool begins_document(std::string_view line) {
  return line.starts_with("---") &&
         (line.size() == 3 || std::string_view(" \t\r\n").find(line[3]) != std::string_view::npos);
}

}  // namespace

Result<std::vector<Document>> parse_documents(std::string_view text, std::string_view source,
                                              const DocumentLimits& limits) {
  if (Status s = check_size(text, source, limits); !s) return fail(s.error());
  return parse(text, source, limits, 0);
}

std::vector<Result<Document>> parse_each_document(std::string_view text, std::string_view source,
                                                  const DocumentLimits& limits) {
  std::vector<Result<Document>> out;
  if (Status s = check_size(text, source, limits); !s) {
    out.emplace_back(fail(s.error()));
    return out;
  }
  std::uint32_t lines_before = 0;
  while (!text.empty()) {
    std::uint32_t lines = 0;
    std::size_t end = 0;
    do {
      const std::size_t line_end = text.find('\n', end);
      end = line_end == std::string_view::npos ? text.size() : line_end + 1;
      ++lines;
    } while (end < text.size() && !begins_document(text.substr(end)));
    Result<std::vector<Document>> piece = parse(text.substr(0, end), source, limits, lines_before);
    if (piece) {
      for (Document& document : *piece) out.emplace_back(std::move(document));
    } else {
      out.emplace_back(fail(piece.error()));
    }
    text.remove_prefix(end);
    lines_before += lines;
  }
  return out;
}

std::string place(const Document& document, Position position) {
  return document.source + ":" + std::to_string(position.line) + ":" +
         std::to_string(position.column);
}

namespace {
tl::unexpected<Error> wanted(std::string_view what, const Value& value) {
  const std::string found = value.is_scalar()
                                ? (value.quoted() ? "the text \"" : "'") +
                                      escape(value.text(), 64) + (value.quoted() ? "\"" : "'")
                            : value.is_list() ? "a list"
                            : value.is_map()  ? "a map"
                                              : "nothing";
  return fail(Fault::kInvalid, "want " + std::string(what) + ", found " + found);
}
}  // namespace

Result<bool> Value::as_bool() const {
  if (is_scalar() && !quoted_) {
    if (const std::optional<bool> value = plain_bool(text_)) return *value;
  }
  return wanted("true or false", *this);
}

Result<std::int64_t> Value::as_int() const {
  if (is_scalar() && !quoted_) {
    if (const std::optional<std::int64_t> value = plain_int(text_)) return *value;
  }
  return wanted("a whole number", *this);
}

Result<double> Value::as_double() const {
  if (is_scalar() && !quoted_) {
    if (const std::optional<double> value = plain_double(text_)) return *value;
  }
  return wanted("a number", *this);
}

Result<std::string> Value::as_string() const {
  if (is_scalar()) return text_;
  return wanted("text", *this);
}

const Value* Value::find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

namespace {

// Writes a value; `line`, when there is one, is the line that `out` has reached, and each value is
// moved down to its own.
void append_json(const Value& value, std::string& out, std::uint32_t* line = nullptr) {
  const auto quote = [&](const std::string& text) { out += nlohmann::json(text).dump(); };
  const auto reach = [&](Position position) {
    if (line == nullptr || position.line <= *line) return;
    out.append(position.line - *line, '\n');
    *line = position.line;
  };
  reach(value.position());
  switch (value.kind()) {
    case Value::Kind::kNull:
      out += "null";
      return;
    case Value::Kind::kScalar:
      if (value.quoted()) {
        quote(value.text());
        return;
      }
      if (const std::optional<bool> flag = plain_bool(value.text())) {
        out += *flag ? "true" : "false";
      } else if (const std::optional<std::int64_t> number = plain_int(value.text())) {
        out += std::to_string(*number);
      } else if (const std::optional<double> real = plain_double(value.text())) {
        out += nlohmann::json(*real).dump();
      } else {
        quote(value.text());
      }
      return;
    case Value::Kind::kList: {
      out += '[';
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) out += ',';
        first = false;
        append_json(item, out, line);
      }
      out += ']';
      return;
    }
    case Value::Kind::kMap: {
      out += '{';
      bool first = true;
      for (const Value::Member& member : value.members()) {
        if (!first) out += ',';
        first = false;
        reach(member.key_position);
        quote(member.key);
        out += ':';
        append_json(member.value, out, line);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

std::string to_json(const Value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

std::string to_json_in_its_lines(const Value& value) {
  std::string out;
  std::uint32_t line = value.position().line;
  append_json(value, out, &line);
  return out;
}

}  // namespace weft::config
