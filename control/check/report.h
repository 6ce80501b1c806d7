#pragma once
// Report: what `weft check` says: one Finding a line: what was looked at, whether it holds and, if
// not, what to do about it. As text for people and as JSON for programs. Values only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::control::check {

enum class Verdict : std::uint8_t {
  kHolds,
  kWarning,  // it works, but not as somebody may expect
  kFails,
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct Finding {
  Verdict verdict = Verdict::kHolds;
  std::string subject;  // "kubernetes", "webhooks": the same in every version
  std::string text;
  std::string remedy;  // a command or a sentence; empty where it holds
};

class Report final {
 public:
  static constexpr std::size_t kFindingsMax = 500;
  static constexpr std::size_t kTextMax = 1024;

  void holds(std::string_view subject, std::string_view text);
  void warn(std::string_view subject, std::string_view text, std::string_view remedy);
  void fail(std::string_view subject, std::string_view text, std::string_view remedy);

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  // Nothing fails.
  [[nodiscard]] bool well() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string json() const;

 private:
  void add(Verdict verdict, std::string_view subject, std::string_view text,
           std::string_view remedy);
  [[nodiscard]] std::size_t count(Verdict verdict) const;

  std::vector<Finding> findings_;
  std::size_t left_out_ = 0;  // beyond kFindingsMax
  bool left_out_fails_ = false;
};

}  // namespace weft::control::check
