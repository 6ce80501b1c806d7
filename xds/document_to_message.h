#pragma once
// document_to_message: a Document (YAML or JSON) -> a protobuf message, strictly.
//
// Reads the proto3 JSON mapping field by field along the message's descriptor, so that one walk
// finds every mistake and each names its line, column and field path. Stricter than protobuf's own
// reader where leniency hides mistakes: unknown fields, two members of one oneof, a field written
// under both of its names, and empty values are refused. What stands in an Any is looked up among
// known_types. Pure. Thread: any. Source: the ProtoJSON format page of protobuf.dev; xDS v3
// reference, 1.0 and 1.17.

#include <google/protobuf/message.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/document.h"
#include "sidecar/core/result.h"

namespace weft::xds {

// What is wrong with a document, each "start.yaml:12:5: static_resources.clusters[0].lb_policy: …".
class Mistakes final {
 public:
  // A hostile document may hold a million; past this only the count goes on.
  static constexpr std::size_t kKept = 64;
  static constexpr std::size_t kPathBytesMax = 512;
  static constexpr std::size_t kReasonBytesMax = 1024;

  explicit Mistakes(std::string source) : source_(std::move(source)) {}
  void add(config::Position position, std::string_view path, std::string_view why);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  // One a line. REQUIRES !empty().
  [[nodiscard]] Error error() const;

 private:
  std::string source_;
  std::vector<std::string> texts_;
  std::size_t count_ = 0;
};

// Fills `out` with what can be read, and tells everything that cannot.
void value_to_message(const config::Value& value, google::protobuf::Message& out,
                      Mistakes& mistakes);

[[nodiscard]] Status document_to_message(const config::Document& document,
                                         google::protobuf::Message& out);

// Where a field path such as `static_resources.clusters[0].name` stands in the text; where the text
// does not go that far, the last place on the way.
[[nodiscard]] config::Position position_of(const config::Value& root, std::string_view field_path);

}  // namespace weft::xds
