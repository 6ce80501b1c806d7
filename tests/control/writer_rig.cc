#include "tests/control/writer_rig.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace weft::control::testing {

using namespace std::chrono_literals;
using Json = FakeApiServer::Json;

Json make_split(int generation, const std::string& backend) {
  return {{"apiVersion", "gateway.networking.k8s.io/v1"},
          {"kind", "HTTPRoute"},
          {"metadata",
           {{"name", "split"}, {"namespace", "shop"}, {"uid", "u-1"}, {"generation", generation}}},
          {"spec",
           {{"parentRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "cart"}, {"port", 80}}}},
            {"rules", {{{"backendRefs", {{{"name", backend}, {"port", 80}}}}}}}}}};
}

Json make_policy(int generation) {
  return {{"apiVersion", "weft.dev/v1alpha1"},
          {"kind", "TrafficPolicy"},
          {"metadata",
           {{"name", "calm"}, {"namespace", "shop"}, {"uid", "u-2"}, {"generation", generation}}},
          {"spec",
           {{"targetRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "cart"}}}},
            {"timeouts", {{"request", "5s"}}}}}};
}

WriterRig::WriterRig() : api(rig) {
  api.serve_core();
  api.serve(kInjectorsPath);
  api.serve(kValidatorsPath);
  api.put(kServicesPath, make_service("cart"));
  api.put(kPodsPath, make_pod("cart-a", "10.1.0.1", "cart"));
}

WriterRig::~WriterRig() {
  first.reset();
  second.reset();
  rig.turn.end();
}

void WriterRig::start() {
  first = std::make_unique<Replica>(rig, "secret", ports);
  rig.pass(2s);
}

void WriterRig::start_second() {
  api.more_tokens.insert("second");
  second = std::make_unique<Replica>(rig, "second", ports);
  rig.pass(2s);
}

const WriterRig::Json& WriterRig::status(const std::string& path, const std::string& name,
                                         const std::string& name_space) const {
  static const Json kNone;
  const Json* held = api.find(path, name_space, name);
  if (held == nullptr || !held->contains("status")) return kNone;
  return (*held)["status"];
}

std::string WriterRig::conditions_in(const Json& conditions) {
  std::string out;
  for (const Json& one : conditions) {
    out += (out.empty() ? "" : " ") + one.value("type", "?") + "=" + one.value("status", "?") +
           "/" + one.value("reason", "?") + "/" +
           std::to_string(one.value("observedGeneration", -1));
  }
  return out;
}

std::string WriterRig::route_says() const {
  const Json& held = status(kRoutesPath, "split");
  return held.is_null() || held["parents"].empty()
             ? ""
             : conditions_in(held["parents"][0]["conditions"]);
}

std::size_t WriterRig::status_writes() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      api.writes, [](const auto& one) { return one.path.ends_with("/status"); }));
}

std::vector<std::string> WriterRig::events() const {
  std::vector<std::string> out;
  for (const auto& one : api.writes) {
    if (one.method != "POST" || one.path.find("/events") == std::string::npos) continue;
    out.push_back(one.body["regarding"].value("kind", "") + " " +
                  one.body["regarding"].value("name", "") + " " + one.body.value("reason", "") +
                  ": " + one.body.value("note", ""));
  }
  return out;
}

}  // namespace weft::control::testing
