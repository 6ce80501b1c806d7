#pragma once
// ClusterFacts: what the API server told `weft check`, before anything is made of it. Pages of
// pods, which may be many and long, are turned into what is needed as they come. Values, and pure
// functions that fill them.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/check/permission.h"
#include "control/json.h"
#include "control/model/names.h"

namespace weft::control::check {

// What was answered to one question.
struct Answer {
  bool there = false;
  bool absent = false;  // there is no such thing
  std::string problem;  // neither: why it is not known
  Json object;
};

struct AnsweredPermission {
  Permission permission;
  bool allowed = false;
  std::string problem;  // not known
};

// A pod that somebody asked a sidecar for, or that has one.
struct CheckedPod {
  enum class State : std::uint8_t {
    kMeshed,
    kMissed,      // it could have one and has none
    kImpossible,  // it cannot have one
    kBroken,      // what weft wrote into it cannot be read
  };
  ObjectName name;
  State state = State::kMeshed;
  std::string why;      // of those that are not meshed
  std::string version;  // of its sidecar
  std::string revision;
  std::string memory_limit;  // of its sidecar; empty: none
};

struct NamespaceFacts {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct ClusterFacts {
  static constexpr std::size_t kPodsMax = 100'000;  // of CheckedPods

  std::string server;    // where it is
  std::string revision;  // of the control plane that is looked at; "default"
  Answer version;
  std::map<std::string, Answer, std::less<>> definitions;  // CRDs by name
  Answer name_space;                                       // the control plane's
  Answer deployment;
  Answer root;
  Answer injector;
  Answer validator;
  Answer namespaces;
  Answer quotas;
  Answer ranges;
  std::string figures;  // /metrics of weft-control
  std::string figures_problem;
  std::vector<AnsweredPermission> permissions;

  std::map<std::string, NamespaceFacts> by_namespace;  // of `namespaces`
  std::vector<CheckedPod> pods;
  std::size_t pods_left_out = 0;  // beyond kPodsMax
  std::string pods_problem;       // why not all are known
};

// From the status and the body of an answer.
[[nodiscard]] Answer read_answer(std::uint16_t status, std::string_view body);

// Fills by_namespace.
void take_namespaces(ClusterFacts& facts);
// A page of the list of pods; what is to be asked for next, empty after the last.
[[nodiscard]] std::string take_pods(std::string_view page, ClusterFacts& facts);

// Whether the namespace asks for sidecars of this control plane.
[[nodiscard]] bool asks_for_sidecars(const NamespaceFacts& name_space, std::string_view revision);

}  // namespace weft::control::check
