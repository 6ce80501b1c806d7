#include "control/check/cluster_facts.h"

#include <fmt/format.h>

#include "control/injection/injection_reason.h"
#include "control/injection/injection_record.h"
#include "control/injection/pod_wishes.h"
#include "control/kubernetes/json.h"
#include "sidecar/core/strings.h"

namespace weft::control::check {

namespace {

std::map<std::string, std::string> texts_in(const Json& object,
                                            std::initializer_list<const char*> path) {
  std::map<std::string, std::string> out;
  const Json* map = find(object, path);
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [key, value] : map->items()) {
    if (value.is_string()) out.emplace(key, value.get<std::string>());
  }
  return out;
}

std::string label_in(const NamespaceFacts& name_space, const char* key) {
  const auto found = name_space.labels.find(key);
  return found == name_space.labels.end() ? std::string() : found->second;
}

// It runs or is about to.
bool is_alive(const Json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  return phase != "Succeeded" && phase != "Failed" &&
         find(pod, {"metadata", "deletionTimestamp"}) == nullptr;
}

std::string sidecar_memory_limit(const Json& pod) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : list_at(pod, {"spec", list})) {
      if (name_of_part(container) == injection::kSidecarContainer)
        return text_at(container, {"resources", "limits", "memory"});
    }
  }
  return {};
}

// Of a pod that has no sidecar of ours. False: nobody asks for one here.
bool judge_unmeshed(const Json& pod, const ClusterFacts& facts, CheckedPod& out) {
  using injection::InjectionReason;
  injection::InjectionContext context;
  context.name_space = out.name.name_space;
  context.revision = facts.revision;
  const auto labels = facts.by_namespace.find(out.name.name_space);
  if (labels != facts.by_namespace.end()) context.namespace_labels = labels->second.labels;
  const injection::Judgement judgement = injection::judge_injection(pod, "", context);
  if (judgement.reason == InjectionReason::kInjected) {
    out.state = CheckedPod::State::kMissed;
    out.why = "made before anybody asked, or while no webhook answered";
    return true;
  }
  out.state = CheckedPod::State::kImpossible;
  out.why = judgement.detail;
  return judgement.disappoints;
}

void take_pod(const Json& pod, ClusterFacts& facts) {
  CheckedPod out;
  out.name = kube::name_in(pod);
  if (out.name.name.empty() || !is_alive(pod)) return;
  const auto record = injection::InjectionRecord::read(pod);
  if (!record) {
    out.state = CheckedPod::State::kBroken;
    out.why = record.error().detail;
  } else if (*record) {
    out.version = (*record)->version();
    out.revision = (*record)->revision();
    out.memory_limit = sidecar_memory_limit(pod);
  } else if (!judge_unmeshed(pod, facts, out)) {
    return;
  }
  if (facts.pods.size() < ClusterFacts::kPodsMax) {
    facts.pods.push_back(std::move(out));
  } else {
    ++facts.pods_left_out;
  }
}

}  // namespace

Answer read_answer(std::uint16_t status, std::string_view body) {
  Answer out;
  if (status == 404) {
    out.absent = true;
    return out;
  }
  out.object = parse_json(body);
  if (status != 200 && status != 201) {
    const std::string message = text_at(out.object, {"message"});
    out.problem = fmt::format("the API server answers {}{}{}", status, message.empty() ? "" : ": ",
                              escape(message, 200));
  } else if (!out.object.is_object()) {
    out.problem = "the API server's answer is no object";
  } else {
    out.there = true;
  }
  return out;
}

void take_namespaces(ClusterFacts& facts) {
  for (const Json& one : list_at(facts.namespaces.object, {"items"})) {
    const std::string name = kube::name_in(one).name;
    if (name.empty()) continue;
    facts.by_namespace[name] = {.labels = texts_in(one, {"metadata", "labels"}),
                                .annotations = texts_in(one, {"metadata", "annotations"})};
  }
}

std::string take_pods(std::string_view page, ClusterFacts& facts) {
  // Not parse_json(): a page is larger than what that reads, and each pod goes as it comes.
  bool in_items = false;
  const Json rest = Json::parse(
      page,
      [&](int depth, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        if (event == Event::key && depth == 1) in_items = parsed == "items";
        if (in_items && depth == 2 && event == Event::object_end) {
          take_pod(parsed, facts);
          return false;
        }
        const bool opens = event == Event::object_start || event == Event::array_start;
        return !opens || depth < kJsonDepthMax;
      },
      false);
  if (!rest.is_object()) {
    facts.pods_problem = "a page of pods cannot be read";
    return {};
  }
  return text_at(rest, {"metadata", "continue"});
}

bool asks_for_sidecars(const NamespaceFacts& name_space, std::string_view revision) {
  const std::string wish = label_in(name_space, injection::kInjectLabel);
  const std::string wanted = label_in(name_space, injection::kRevisionLabel);
  if (wish == "disabled" || (!wanted.empty() && wanted != revision)) return false;
  return wish == "enabled" || !wanted.empty();
}

}  // namespace weft::control::check
