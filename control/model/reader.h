#pragma once
// Reader: one map of a document, read field by field into a struct; what is wrong goes to Mistakes
// with its path.
//
// A field that was asked for is known; when a Reader dies it reports each field that nobody asked
// for. A getter changes its target only when the field is there and good, so targets carry the
// defaults. `null` means absent, as in Kubernetes. Strings stay strings: a text field with a plain
// `true`, `08` or `on` is a mistake (Kubernetes would see another type). Lifetime: shorter than the
// document's and the Mistakes'.
//
// A Reader of a Shape reads nothing: it notes what it is asked for. To it every field is there
// (has() and require() say so) and none is good, so that a reader's code asks for all it knows.

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/model/mistakes.h"
#include "control/model/shape.h"
#include "sidecar/config/document.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// What is wrong with a text; empty when nothing is.
using Check = std::string (*)(std::string_view text);

template <typename E>
using Choices = std::initializer_list<std::pair<std::string_view, E>>;

class Reader final {
 public:
  static constexpr std::size_t kTextBytesMax = 4096;

  // Anything but a map is a mistake; the Reader is then empty. `path` is "" for the whole document.
  Reader(const config::Value& value, std::string path, Mistakes& mistakes);
  Reader(Shape& shape, Mistakes& mistakes);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  [[nodiscard]] bool has(std::string_view key);  // and the field is known from here on
  bool require(std::string_view key);            // has(), or a mistake

  // Each returns whether the field is there and good.
  bool text(std::string_view key, std::string& out, Check check = nullptr);
  // A choice of which only one is built yet: asking for what happens anyway is fine.
  void only(std::string_view key, std::string_view accepted);
  bool boolean(std::string_view key, bool& out);
  template <typename Number>
  bool integer(std::string_view key, Number& out, std::int64_t min, std::int64_t max) {
    static_assert(std::is_integral_v<Number>);
    std::int64_t read = 0;
    if (!read_integer(key, read, min, max)) return false;
    out = static_cast<Number>(read);
    return true;
  }
  bool duration(std::string_view key, Duration& out);                 // "1h30m", "250ms", "0s"
  bool percent(std::string_view key, double& out, double max = 100);  // "10%", "0.5%"
  bool number(std::string_view key, double& out, double min, double max);
  template <typename E>
  bool choice(std::string_view key, E& out, Choices<E> choices) {
    std::string wanted;
    std::string found;
    if (!read_choice(key, found)) return false;
    for (const auto& [name, value] : choices) {
      if (shape_ == nullptr && found == name) {
        out = value;
        return true;
      }
      wanted += (wanted.empty() ? "" : ", ") + std::string(name);
    }
    refuse_choice(key, wanted, found);
    return false;
  }
  bool texts(std::string_view key, std::vector<std::string>& out, std::size_t items_max,
             Check check = nullptr);
  bool text_map(std::string_view key, std::map<std::string, std::string>& out,
                std::size_t items_max, Check check_key = nullptr, Check check_value = nullptr,
                std::size_t bytes_max = kTextBytesMax);

  // Calls `read` for the map under `key`, when there is one.
  bool object(std::string_view key, const std::function<void(Reader&)>& read);
  // Calls `read` for each map of the list under `key`; more than `items_max` are refused unread.
  bool each(std::string_view key, std::size_t items_max, const std::function<void(Reader&)>& read);

  void unsupported(std::string_view key);         // a mistake when it is set: "not supported yet"
  void without_effect(std::string_view key);      // a note when it is set
  void pass(std::string_view key) { find(key); }  // known and nobody's business here

  void refuse(std::string_view key,
              std::string_view what);  // at the field, or where it should stand
  void refuse(std::string_view what);  // at this map
  void note(std::string_view key, std::string_view what);

  // What Kubernetes shall see to as well: CEL about this map (`self`), or about one field of it,
  // beside the code that checks the same; without effect on what is read.
  void rule(std::string_view cel, std::string_view message) { rule_of("", cel, message); }
  void rule_of(std::string_view key, std::string_view cel, std::string_view message);
  // A duration from `min` to `max`, or "0s" for none.
  void rule_of_duration(std::string_view key, Duration min, Duration max, bool zero = false);
  // No two maps of that list have the same value in the field `by`, which each has.
  void keyed(std::string_view list, std::string_view by);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] config::Position position() const { return value_.position(); }
  // Null when absent or `null`; known from here on. Of a field that its reader takes apart itself,
  // `schema` tells others what it may be.
  const config::Value* find(std::string_view key, std::string_view schema = shapes::kAnything);

 private:
  bool read_integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max);
  bool read_choice(std::string_view key, std::string& out);
  void refuse_choice(std::string_view key, std::string_view wanted, std::string_view found);
  bool read_text(const config::Value& value, const std::string& path, std::string& out, Check check,
                 std::size_t bytes_max = kTextBytesMax);
  const config::Value* find_list(std::string_view key, std::size_t items_max);

  [[nodiscard]] bool describe(std::string_view key, std::string_view schema);

  const config::Value& value_;
  const std::string path_;
  Mistakes& mistakes_;
  Shape* const shape_ = nullptr;  // what is described instead of read
  std::set<std::string, std::less<>> known_;
};

}  // namespace weft::control
