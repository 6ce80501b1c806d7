#include "control/model/policy_fields.h"

#include <fmt/format.h>

#include "sidecar/core/strings.h"

namespace weft::control {

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

std::string describe(Balancing value) {
  switch (value) {
    case Balancing::kRoundRobin:
      return "RoundRobin";
    case Balancing::kRandom:
      return "Random";
    case Balancing::kLeastRequest:
      return "LeastRequest";
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
