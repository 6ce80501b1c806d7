#include "control/kubernetes/istio_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

struct AnalysisCode {
  const char* code;
  const char* name;
  const char* level;
};
constexpr AnalysisCode kNotReadable = {"IST0106", "SchemaValidationError", "ERROR"};
constexpr AnalysisCode kNotFound = {"IST0101", "ReferencedResourceNotFound", "ERROR"};
constexpr AnalysisCode kConflict = {"IST0109", "ConflictingMeshGatewayVirtualServiceHosts",
                                    "ERROR"};
// A subset that no pod has: it is written well, and answers nobody.
constexpr AnalysisCode kNobodyThere = {"IST0101", "ReferencedResourceNotFound", "WARNING"};
constexpr std::array kCodes = {kNotReadable, kNotFound, kConflict, kNobodyThere};

const AnalysisCode& analysis_code_of(const Condition& condition) {
  if (condition.reason == "Conflicted") return kConflict;
  return condition.type == "EndpointsResolved" ? kNobodyThere : kNotFound;
}

Json message_of(const AnalysisCode& code) {
  return {
      {"type", {{"code", code.code}, {"name", code.name}}},
      {"level", code.level},
      {"documentationUrl", fmt::format("https://istio.io/latest/docs/reference/config/analysis/{}/",
                                       to_lower(code.code))}};
}

Json condition_of(const char* type, bool holds, const char* reason, std::string message) {
  return {{"type", type},
          {"status", holds ? "True" : "False"},
          {"reason", reason},
          {"message", std::move(message)}};
}

Json reconciled(const IstioVerdict& verdict) {
  if (!verdict.mistakes.empty()) {
    return condition_of(kReconciled, false, "refused",
                        verdict.older_holds ? "the version before holds" : "nothing of it holds");
  }
  const SidecarCount& count = verdict.sidecars;
  const bool all = count.have == count.all;
  return condition_of(kReconciled, all,
                      all                 ? "reconciled"
                      : count.refused > 0 ? "refusedByProxies"
                                          : "stillPropagating",
                      fmt::format("{}/{} proxies up to date", count.have, count.all));
}

}  // namespace

Json wanted_istio_status(const IstioVerdict& verdict) {
  std::string wrong = verdict.mistakes;
  Json messages = Json::array();
  if (!wrong.empty()) messages.push_back(message_of(kNotReadable));
  if (wrong.empty()) {
    for (const Condition* one : verdict.said) {
      wrong += (wrong.empty() ? "" : "; ") + one->message;
      Json message = message_of(analysis_code_of(*one));
      if (std::find(messages.begin(), messages.end(), message) == messages.end()) {
        messages.push_back(std::move(message));
      }
    }
  }
  const bool passed = wrong.empty();
  Json conditions = Json::array();
  conditions.push_back(condition_of(kPassedAnalysis, passed,
                                    passed ? "noErrorsFound" : "errorsFound", std::move(wrong)));
  conditions.push_back(reconciled(verdict));
  return {{"conditions", std::move(conditions)}, {"messages", std::move(messages)}};
}

bool is_our_istio_condition(const Json& condition) {
  const std::string type = text_at(condition, {"type"});
  return type == kPassedAnalysis || type == kReconciled;
}

bool is_our_istio_message(const Json& message) {
  const std::string code = text_at(message, {"type", "code"});
  return std::ranges::any_of(kCodes, [&](const AnalysisCode& one) { return code == one.code; });
}

}  // namespace weft::control::kube
