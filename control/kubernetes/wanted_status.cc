#include "control/kubernetes/wanted_status.h"

#include <fmt/format.h>

#include <utility>

#include "control/kubernetes/istio_status.h"
#include "control/policy_status.h"
#include "control/route_status.h"

namespace weft::control::kube {

namespace {

Json condition(const std::string& type, bool holds, const std::string& reason,
               const std::string& message, std::int64_t generation) {
  return {{"type", type},
          {"status", holds ? "True" : "False"},
          {"reason", reason},
          {"message", message},
          {"observedGeneration", generation}};
}

Json programmed(const char* type, const SidecarCount& count, std::int64_t generation) {
  const bool all = count.have == count.all;
  const char* reason = all                 ? "Programmed"
                       : count.refused > 0 ? "PartiallyProgrammed"
                                           : "Reconciling";
  return condition(type, all, reason,
                   fmt::format("applied by {} of {} sidecars", count.have, count.all), generation);
}

class Wanted final {
 public:
  Wanted(const Registry& registry, const SidecarCounts& sidecars, const StatusBook& book)
      : registry_(registry), sidecars_(sidecars), book_(book) {
    for (const Condition& one : registry.mesh()->conditions) {
      said_.try_emplace({one.about, one.type}, &one);
    }
  }

  WantedStatuses all() {
    add_routes();
    add_traffic_policies();
    add_istio_kinds();
    add_others();
    return std::move(out_);
  }

 private:
  [[nodiscard]] SidecarCount count(const ObjectKey& key, const std::string& clients) const {
    SidecarCounts::Question question{.client_namespace = clients, .object = key};
    const auto held = registry_.accepted().find(key);
    question.since = registry_.mesh()->generation;
    if (held != registry_.accepted().end()) {
      question.since = held->second.generation;
      question.version = metadata_of(held->second.object).generation;
    }
    return sidecars_.count(question);
  }

  void add_routes() {
    for (const RouteStatus& status : route_statuses(registry_)) {
      if (book_.entry(status.route) == nullptr) continue;
      Json entries = route_parents_json(status);
      for (std::size_t at = 0; at < entries.size(); ++at) {
        const RouteParentStatus& parent = status.parents[at];
        if (parent.conditions.empty() || !parent.conditions.front().holds) continue;
        // One beside its Service holds for every client, another for those of its own namespace.
        const std::string& own = status.route.name.name_space;
        const bool for_all = parent.parent.service.name_space == own;
        entries[at]["conditions"].push_back(
            programmed(kRouteProgrammed, count(status.route, for_all ? "" : own),
                       static_cast<std::int64_t>(status.generation)));
      }
      out_.emplace(status.route, std::move(entries));
    }
  }

  // The same conditions at each of its targets.
  void add_entries(const ObjectKey& key, const HeldStatus& held, const Json& conditions) {
    Json entries = Json::array();
    for (const Json& target : Json::parse(held.targets, nullptr, false)) {
      if (!target.is_object()) continue;
      entries.push_back({{"ancestorRef", target},
                         {"controllerName", kControllerName},
                         {"conditions", conditions}});
    }
    out_.emplace(key, std::move(entries));
  }

  // What is said of an object whose present text does not hold; null where it does.
  [[nodiscard]] Json refusal(const ObjectKey& key, const HeldStatus& held) const {
    const std::string mistakes = registry_.mistakes_of(key);
    if (mistakes.empty()) return {};
    const bool older = registry_.accepted().contains(key);
    return Json::array(
        {condition("Accepted", false, "Invalid",
                   mistakes + (older ? "; the version before holds" : ""), held.generation)});
  }

  void add_traffic_policies() {
    for (const PolicyStatus& status : policy_statuses(registry_, sidecars_)) {
      const ObjectKey key{Kind::kTrafficPolicy, status.name};
      const HeldStatus* held = book_.entry(key);
      if (held == nullptr) continue;
      const Json refused = refusal(key, *held);
      if (!refused.is_null()) {
        add_entries(key, *held, refused);
        continue;
      }
      const std::string& message = status.message;
      add_entries(key, *held,
                  Json::array({condition("Accepted", status.accepted, status.accepted_reason,
                                         status.accepted_message, held->generation),
                               condition("Programmed", status.reason == "Programmed", status.reason,
                                         message.empty() ? message : "applied by " + message,
                                         held->generation)}));
    }
  }

  // The first thing that is wrong with an accepted object; conditions of the Mesh are False ones.
  [[nodiscard]] Json judged(const ObjectKey& key, const char* type, std::int64_t generation) const {
    const auto found = said_.find({key, type});
    if (found == said_.end()) return condition(type, true, type, "", generation);
    return condition(type, false, found->second->reason, found->second->message, generation);
  }

  void add_istio_kinds() {
    for (const auto& [key, held] : book_.entries()) {
      if (status_shape_of(key.kind) != StatusShape::kIstio) continue;
      IstioVerdict verdict{.mistakes = registry_.mistakes_of(key),
                           .older_holds = registry_.accepted().contains(key)};
      if (verdict.mistakes.empty() && !verdict.older_holds) continue;  // not looked at yet
      verdict.sidecars = count(key, "");
      for (auto at = said_.lower_bound({key, ""}); at != said_.end() && at->first.first == key;
           ++at) {
        verdict.said.push_back(at->second);
      }
      out_.emplace(key, wanted_istio_status(verdict));
    }
  }

  void add_others() {
    for (const auto& [key, held] : book_.entries()) {
      const StatusShape shape = status_shape_of(key.kind);
      if (shape == StatusShape::kNone || shape == StatusShape::kParents ||
          shape == StatusShape::kIstio) {
        continue;
      }
      if (out_.contains(key)) continue;
      Json conditions = refusal(key, held);
      if (conditions.is_null()) {
        // Not looked at yet, or one of a kind and name that nobody reads.
        if (!registry_.accepted().contains(key)) continue;
        conditions = Json::array();
        const std::int64_t generation = held.generation;
        Json accepted = judged(key, "Accepted", generation);
        const bool holds = accepted["status"] == "True";
        conditions.push_back(std::move(accepted));
        if (key.kind == Kind::kBackendTlsPolicy) {
          conditions.push_back(judged(key, "ResolvedRefs", generation));
        }
        if (holds && key.kind != Kind::kBackendTlsPolicy &&
            key.kind != Kind::kBackendTrafficPolicy) {
          conditions.push_back(programmed("Programmed", count(key, ""), generation));
        }
      }
      if (shape == StatusShape::kConditions) {
        out_.emplace(key, std::move(conditions));
      } else {
        add_entries(key, held, conditions);
      }
    }
  }

  const Registry& registry_;
  const SidecarCounts& sidecars_;
  const StatusBook& book_;
  std::map<std::pair<ObjectKey, std::string>, const Condition*> said_;
  WantedStatuses out_;
};

}  // namespace

WantedStatuses wanted_statuses(const Registry& registry, const SidecarCounts& sidecars,
                               const StatusBook& book) {
  return Wanted(registry, sidecars, book).all();
}

}  // namespace weft::control::kube
