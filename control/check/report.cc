#include "control/check/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/json.h"

namespace weft::control::check {

namespace {

// Names come from the cluster, whose users may write anything: nothing that a terminal obeys.
std::string plain_line(std::string_view text) {
  std::string out(text.substr(0, Report::kTextMax));
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFails:
      return "fails";
  }
  return {};
}

void Report::add(Verdict verdict, std::string_view subject, std::string_view text,
                 std::string_view remedy) {
  if (findings_.size() >= kFindingsMax) {
    ++left_out_;
    left_out_fails_ = left_out_fails_ || verdict == Verdict::kFails;
    return;
  }
  findings_.push_back({.verdict = verdict,
                       .subject = std::string(subject),
                       .text = plain_line(text),
                       .remedy = plain_line(remedy)});
}

void Report::holds(std::string_view subject, std::string_view text) {
  add(Verdict::kHolds, subject, text, "");
}

void Report::warn(std::string_view subject, std::string_view text, std::string_view remedy) {
  add(Verdict::kWarning, subject, text, remedy);
}

void Report::fail(std::string_view subject, std::string_view text, std::string_view remedy) {
  add(Verdict::kFails, subject, text, remedy);
}

std::size_t Report::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(findings_, verdict, &Finding::verdict));
}

bool Report::well() const { return count(Verdict::kFails) == 0 && !left_out_fails_; }

std::string Report::text() const {
  std::string out;
  for (const Finding& one : findings_) {
    out += fmt::format("{:<8} {}: {}\n", name_of(one.verdict), one.subject, one.text);
    if (!one.remedy.empty()) out += fmt::format("{:<8} -> {}\n", "", one.remedy);
  }
  if (left_out_ > 0) out += fmt::format("and {} more\n", left_out_);
  out += fmt::format("\n{} hold, {} warn, {} fail\n", count(Verdict::kHolds),
                     count(Verdict::kWarning), count(Verdict::kFails));
  return out;
}

std::string Report::json() const {
  Json out = {{"well", well()}, {"leftOut", left_out_}, {"findings", Json::array()}};
  for (const Finding& one : findings_) {
    Json finding = {
        {"verdict", name_of(one.verdict)}, {"subject", one.subject}, {"text", one.text}};
    if (!one.remedy.empty()) finding["remedy"] = one.remedy;
    out["findings"].push_back(std::move(finding));
  }
  return print_json(out, 2) + "\n";
}

}  // namespace weft::control::check
