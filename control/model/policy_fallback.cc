#include "control/model/policy_fallback.h"

#include <fmt/format.h>

#include <set>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

void read_occasions(Reader& block, PolicyFallback& out) {
  std::vector<std::string> names;
  block.rule_of("on",
                "self.size() > 0 && self.all(x, x in ['CircuitOpen', 'Overloaded', "
                "'RetriesExhausted'] && self.exists_one(y, y == x))",
                "want one or more of CircuitOpen, Overloaded, RetriesExhausted, each once");
  if (!block.texts("on", names, 3)) return;
  const std::set<std::string> on(names.begin(), names.end());
  out.circuit_open = on.contains("CircuitOpen");
  out.overloaded = on.contains("Overloaded");
  out.retries_exhausted = on.contains("RetriesExhausted");
  const std::size_t known =
      (out.circuit_open ? 1U : 0U) + (out.overloaded ? 1U : 0U) + (out.retries_exhausted ? 1U : 0U);
  if (known == 0 || known != names.size()) {
    block.refuse("on", "want one or more of CircuitOpen, Overloaded, RetriesExhausted, each once");
  }
}

void read_response(Reader& response, PolicyFallback& out) {
  response.integer("status", out.status, 200, 599);
  response.each("headers", PolicyFallback::kHeadersMax, [&](Reader& header) {
    std::string name;
    std::string value;
    if (header.require("name")) header.text("name", name, check_header_name);
    if (header.require("value")) header.text("value", value, check_header_value);
    out.headers.emplace_back(std::move(name), std::move(value));
  });
  if (response.text("body", out.body) && out.body.size() > PolicyFallback::kBodyMax) {
    response.refuse("body", "longer than 16Ki");
  }
}

void read_service(Reader& ref, PolicyFallback& out) {
  ref.find("group", shapes::kText);
  ref.only("kind", "Service");
  if (ref.require("name")) ref.text("name", out.service.name, check_object_name);
  ref.text("namespace", out.service.name_space, check_label_name);
  if (ref.require("port")) ref.integer("port", out.port, 1, 65535);
}

}  // namespace

PolicyFallback read_fallback(Reader& block) {
  PolicyFallback out{.on = true};
  block.boolean("enabled", out.on);
  read_occasions(block, out);
  const bool another = block.object("backendRef", [&](Reader& ref) { read_service(ref, out); });
  const bool fixed = block.object("response", [&](Reader& answer) { read_response(answer, out); });
  block.rule("(has(self.enabled) && !self.enabled) || has(self.backendRef) != has(self.response)",
             "want one of backendRef and response");
  if (out.on && another == fixed) block.refuse("want one of backendRef and response");
  return out;
}

std::string describe(const PolicyFallback& value) {
  if (!value.on) return "none";
  std::string out = value.service.name.empty()
                        ? fmt::format("response {}", value.status)
                        : fmt::format("Service {} port {}",
                                      value.service.name_space.empty() ? value.service.name
                                                                       : value.service.to_string(),
                                      value.port);
  out += " on";
  if (value.circuit_open) out += " CircuitOpen";
  if (value.overloaded) out += " Overloaded";
  if (value.retries_exhausted) out += " RetriesExhausted";
  return out;
}

}  // namespace weft::control
