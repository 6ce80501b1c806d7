#include "control/model/policy_fields.h"

#include <fmt/format.h>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"

namespace weft::control {

std::size_t policy_field_index(std::string_view name) {
  static const PolicyFields kNone;
  std::size_t at = 0;
  std::size_t found = kPolicyFields;
  each_policy_field(
      [&](const PolicyField& field, const auto&) {
        if (field.name == name) found = at;
        ++at;
      },
      kNone);
  WEFT_ASSERT(found < kPolicyFields);
  return found;
}

std::string describe(Duration value) { return format_duration(value); }

std::string describe(const RetryOn& value) {
  std::string out;
  for (const std::string& condition : value.conditions) {
    out += (out.empty() ? "" : ", ") + condition;
  }
  for (const std::uint16_t code : value.codes) {
    out += (out.empty() ? "" : ", ") + std::to_string(code);
  }
  return "[" + out + "]";
}

std::string describe(RetryMethods value) {
  switch (value) {
    case RetryMethods::kIdempotent:
      return "Idempotent";
    case RetryMethods::kAny:
      return "Any";
  }
  return {};
}

std::string describe(BackoffJitter value) {
  switch (value) {
    case BackoffJitter::kFull:
      return "Full";
    case BackoffJitter::kEqual:
      return "Equal";
    case BackoffJitter::kDecorrelated:
      return "Decorrelated";
    case BackoffJitter::kNone:
      return "None";
  }
  return {};
}

std::string describe(WhenFull value) {
  switch (value) {
    case WhenFull::kReject:
      return "Reject";
    case WhenFull::kDropLowest:
      return "DropLowest";
    case WhenFull::kDropOldest:
      return "DropOldest";
  }
  return {};
}

std::string describe(EmptyBackend value) {
  switch (value) {
    case EmptyBackend::kRedistribute:
      return "Redistribute";
    case EmptyBackend::kFail:
      return "Fail";
  }
  return {};
}

std::string describe(UpstreamProtocol value) {
  switch (value) {
    case UpstreamProtocol::kAuto:
      return "Auto";
    case UpstreamProtocol::kHttp1:
      return "Http1";
    case UpstreamProtocol::kHttp2:
      return "Http2";
  }
  return {};
}

std::string describe(const PolicyField& field, std::uint32_t value) {
  if (field.name == "retryBudget.min") return fmt::format("{}/1s", value);
  if (field.name == "outlier.maxEjected") return fmt::format("{}%", value);
  if (field.name != "retry.bufferLimit") return std::to_string(value);
  if (value != 0 && value % (1024 * 1024) == 0) return fmt::format("{}Mi", value / (1024 * 1024));
  if (value != 0 && value % 1024 == 0) return fmt::format("{}Ki", value / 1024);
  return std::to_string(value);
}

std::string describe(const PolicyField&, double value) { return fmt::format("{}%", value); }

}  // namespace weft::control
