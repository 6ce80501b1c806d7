#include "control/kubernetes/unmeshed_pods.h"

#include <fmt/format.h>

#include <utility>

#include "control/injection/injection_reason.h"
#include "control/injection/pod_wishes.h"
#include "control/kubernetes/resource.h"

namespace weft::control::kube {

namespace {

std::string label_in(const Labels& labels, const char* key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string() : found->second;
}

}  // namespace

bool asks_for_sidecar(const Labels& pod, const Labels& name_space, const std::string& revision) {
  const std::string pod_says = label_in(pod, injection::kInjectLabel);
  const std::string space_says = label_in(name_space, injection::kInjectLabel);
  if (pod_says == "disabled" || (space_says == "disabled" && pod_says != "enabled")) return false;
  std::string wanted = label_in(pod, injection::kRevisionLabel);
  if (wanted.empty()) wanted = label_in(name_space, injection::kRevisionLabel);
  if (!wanted.empty()) return wanted == revision;
  return pod_says == "enabled" || space_says == "enabled";
}

std::optional<KubeEvent> event_of_pod(std::string_view pod,
                                      const injection::InjectionContext& context) {
  const Json read = parse_json(pod);
  const Json* metadata = member(&read, "metadata");
  if (!read.is_object() || metadata == nullptr) return std::nullopt;
  const injection::Judgement judgement = injection::judge_injection(read, "", context);
  const bool would = judgement.reason == injection::InjectionReason::kInjected;
  if (!would && !judgement.disappoints) return std::nullopt;
  return KubeEvent{.api_version = "v1",
                   .kind = "Pod",
                   .name_space = text_of(member(metadata, "namespace")),
                   .name = text_of(member(metadata, "name")),
                   .uid = text_of(member(metadata, "uid")),
                   .reason = "NotMeshed",
                   .action = "Inject",
                   .note = would
                               ? "no sidecar: the pod was made before it was to have one, or while "
                                 "weft-control was not reached; one that takes its place gets it"
                               : "no sidecar: " + judgement.detail};
}

UnmeshedPods::UnmeshedPods(Turn& turn, KubeClient& client, const Source& source,
                           EventRecorder& events, injection::InjectionContext context)
    : client_(client),
      source_(source),
      events_(events),
      context_(std::move(context)),
      look_(turn.timers(), *this),
      read_(turn.timers(), *this) {}

UnmeshedPods::~UnmeshedPods() = default;

void UnmeshedPods::start() { look_.arm(kLookEvery); }

void UnmeshedPods::stop() {
  look_.cancel();
  read_.cancel();
  call_.reset();
  waiting_.clear();
  found_.set(0);
}

void UnmeshedPods::look() {
  static const Labels kNoLabels;
  look_.arm(kLookEvery);
  const Translation::Pods& pods = source_.pods();
  std::erase_if(judged_, [&](const auto& one) { return !pods.contains(one.first); });
  waiting_.clear();
  std::int64_t found = 0;
  for (const auto& [name, pod] : pods) {
    if (pod.meshed || pod.terminating) continue;
    const auto space = source_.namespaces().find(name.name_space);
    const Labels& labels = space == source_.namespaces().end() ? kNoLabels : space->second;
    if (!asks_for_sidecar(pod.labels, labels, context_.revision)) continue;
    ++found;
    const auto judged = judged_.find(name);
    if (judged != judged_.end() && judged->second == pod.created) continue;
    if (waiting_.size() < kWaitingMax && judged_.size() < kJudgedMax) waiting_.push_back(name);
  }
  found_.set(found);
  if (call_ == nullptr && !read_.armed()) read_next();
}

void UnmeshedPods::read_next() {
  if (call_ != nullptr || waiting_.empty()) return;
  asked_ = std::move(waiting_.front());
  waiting_.pop_front();
  call_ = client_.send({.target = Resource::path_of("", "v1", asked_.name_space, "pods") + "/" +
                                  percent_encode(asked_.name)},
                       *this);
}

void UnmeshedPods::judge(const ObjectName& name, std::string_view body) {
  const auto pod = source_.pods().find(name);
  if (pod == source_.pods().end()) return;
  judged_[name] = pod->second.created;
  injection::InjectionContext context = context_;
  context.name_space = name.name_space;
  if (const auto space = source_.namespaces().find(name.name_space);
      space != source_.namespaces().end()) {
    for (const auto& [key, value] : space->second) context.namespace_labels[key] = value;
  }
  if (std::optional<KubeEvent> event = event_of_pod(body, context)) {
    events_.tell(std::move(*event));
  }
}

void UnmeshedPods::on_response(http::Call&, http::ClientResponse&& response) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  if (response.head.status == 200) judge(asked_, response.body);
  read_.arm(kBetween);
}

// It is found again at the next look.
void UnmeshedPods::on_failure(http::Call&, const Error&) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  waiting_.clear();
}

void UnmeshedPods::on_timer(Timer& timer) {
  if (&timer == &look_) return look();
  read_next();
}

}  // namespace weft::control::kube
