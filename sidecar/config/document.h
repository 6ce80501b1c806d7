#pragma once
// Document: YAML or JSON text as a tree in which every value knows its line and column. The only
// reader of both.
//
// Built from the parser's events, not its tree, so that hostile input meets our limits first:
// duplicate keys, aliases, merge keys and tags are refused; depth, size and number of values are
// bounded. Scalars stay text with a mark whether they were quoted: "08" and "true" in quotes are
// strings. Several documents in one file are several Documents.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::config {

struct DocumentLimits {
  std::size_t bytes_max = 16 * 1024 * 1024;
  std::size_t depth_max = 64;
  std::size_t values_max = 1'000'000;
};

// yaml-cpp takes what is longer than 1,024 bytes as written for no key at all (YAML 1.2.2, 7.4.2),
// which shall not depend on how a key is quoted.
inline constexpr std::size_t kKeyBytesMax = 500;

struct Position {
  std::uint32_t line = 0;  // from 1
  std::uint32_t column = 0;
};

class Value final {
 public:
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::kNull; }
  [[nodiscard]] bool is_map() const { return kind_ == Kind::kMap; }
  [[nodiscard]] bool is_list() const { return kind_ == Kind::kList; }
  [[nodiscard]] bool is_scalar() const { return kind_ == Kind::kScalar; }
  [[nodiscard]] Position position() const { return position_; }

  [[nodiscard]] const std::string& text() const { return text_; }  // of a scalar
  [[nodiscard]] bool quoted() const { return quoted_; }
  // Typed readings of a scalar after the YAML 1.2 core schema; an error says what was wanted and
  // what stands there.
  [[nodiscard]] Result<bool> as_bool() const;
  [[nodiscard]] Result<std::int64_t> as_int() const;
  [[nodiscard]] Result<double> as_double() const;
  [[nodiscard]] Result<std::string> as_string() const;  // any scalar, as it is written

  [[nodiscard]] const std::vector<Value>& items() const { return items_; }  // of a list
  struct Member;
  [[nodiscard]] const std::vector<Member>& members() const {
    return members_;
  }  // of a map, in order
  [[nodiscard]] const Value* find(std::string_view key) const;

 private:
  friend class DocumentBuilder;
  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  Position position_;
  std::string text_;
  std::vector<Value> items_;
  std::vector<Member> members_;
};

struct Value::Member {
  std::string key;
  Position key_position;
  Value value;
};

struct Document {
  std::string source;  // file name for messages
  Value root;
};

// Every error reads "cart.yaml:12:5: …".
[[nodiscard]] Result<std::vector<Document>> parse_documents(std::string_view text,
                                                            std::string_view source,
                                                            const DocumentLimits& limits = {});
// The same, but a document that cannot be read leaves its neighbours alone. Where one ends is known
// by the marker line "---", which nothing inside a document can look like (YAML 1.2.2, 9.1.2).
[[nodiscard]] std::vector<Result<Document>> parse_each_document(std::string_view text,
                                                                std::string_view source,
                                                                const DocumentLimits& limits = {});
[[nodiscard]] std::string place(const Document& document, Position position);
// The value as compact JSON (scalars typed by the core schema), for protobuf's JSON reader and for
// storing.
[[nodiscard]] std::string to_json(const Value& value);
// The same, with every key and value as many lines below the beginning as it was written.
[[nodiscard]] std::string to_json_in_its_lines(const Value& value);

}  // namespace weft::config
