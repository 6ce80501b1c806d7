#include "control/injection/injection.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/injection/injection_record.h"
#include "control/injection/pod_parts.h"
#include "control/injection/pod_probes.h"
#include "control/injection/pod_wishes.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

constexpr const char* kDefaultContainer = "kubectl.kubernetes.io/default-container";

Status not_a_pod(std::string_view what) { return fail(Fault::kInvalid, std::string(what)); }

bool is_absent_or(const Json& parent, const char* key, Json::value_t type) {
  const Json* found = member(&parent, key);
  return found == nullptr || found->type() == type;
}

// Of what everything below relies on; the rest of a pod is the API server's to judge.
Status check_pod(const Json& pod) {
  if (!pod.is_object()) return not_a_pod("a pod is a map");
  const Json* spec = member(&pod, "spec");
  if (spec == nullptr || !spec->is_object()) return not_a_pod("spec: want a map");
  if (!is_absent_or(pod, "metadata", Json::value_t::object))
    return not_a_pod("metadata: want a map");
  if (const Json* metadata = member(&pod, "metadata"); metadata != nullptr) {
    for (const char* key : {"labels", "annotations"}) {
      if (!is_absent_or(*metadata, key, Json::value_t::object))
        return not_a_pod(fmt::format("metadata.{}: want a map", key));
    }
  }
  const Json* containers = member(spec, "containers");
  if (containers == nullptr || !containers->is_array() || containers->empty())
    return not_a_pod("spec.containers: want at least one");
  for (const char* list : {"containers", "initContainers", "volumes"}) {
    if (!is_absent_or(*spec, list, Json::value_t::array))
      return not_a_pod(fmt::format("spec.{}: want a list", list));
    for (const Json& part : list_of(member(spec, list))) {
      if (name_of_part(part).empty())
        return not_a_pod(fmt::format("spec.{}: want a name in each", list));
    }
  }
  return {};
}

// What scrapers take that are told no port.
std::string first_port(const Json& pod) {
  for (const Json& container : list_of(member(member(&pod, "spec"), "containers"))) {
    for (const Json& port : list_of(member(&container, "ports"))) {
      const Json* number = member(&port, "containerPort");
      if (number != nullptr && number->is_number_unsigned()) return print_json(*number);
    }
  }
  return {};
}

// An app with a page of metrics of its own keeps it: the sidecar's page has both, because a scraper
// without a certificate cannot come to the app.
void merge_metrics(Json& pod, ProbeTable& probes, InjectionRecord& record) {
  const Json* annotations = member(member(&pod, "metadata"), "annotations");
  const std::string scrape = text_of(member(annotations, "prometheus.io/scrape"));
  if (scrape == "false") return;
  if (scrape == "true") {
    std::string port = text_of(member(annotations, "prometheus.io/port"));
    if (port.empty()) port = first_port(pod);
    const std::string path = text_of(member(annotations, "prometheus.io/path"));
    const std::string scheme = text_of(member(annotations, "prometheus.io/scheme"));
    const std::optional<std::uint64_t> number = parse_u64(port);
    if (number && *number >= 1 && *number <= 65535) {
      Json own{{"path", path.empty() ? "/metrics" : path}};
      if (scheme == "https") own["scheme"] = "HTTPS";
      probes[kAppMetricsPath] = {{"httpGet", std::move(own)}, {"port", *number}};
    }
    if (!scheme.empty()) record.set_annotation(pod, "prometheus.io/scheme", "http");
  }
  record.set_annotation(pod, "prometheus.io/scrape", "true");
  record.set_annotation(pod, "prometheus.io/port", std::to_string(pod::kStatusPort));
  record.set_annotation(pod, "prometheus.io/path", "/metrics");
}

void warn(const Json& pod, const PodWishes& wishes, std::vector<std::string>& warnings) {
  const Json* spec = member(&pod, "spec");
  for (const Json& container : list_of(member(spec, "containers"))) {
    for (const Json& port : list_of(member(&container, "ports"))) {
      const std::string protocol = text_of(member(&port, "protocol"));
      const Json* number = member(&port, "containerPort");
      if (protocol.empty() || protocol == "TCP" || number == nullptr) continue;
      warnings.push_back(fmt::format("container {}: {} port {} passes by the sidecar",
                                     escape(name_of_part(container), 80), escape(protocol, 16),
                                     escape(print_json(*number), 16)));
    }
  }
  const std::string restart = text_of(member(spec, "restartPolicy"));
  if (!wishes.native && (restart == "Never" || restart == "OnFailure")) {
    warnings.push_back(
        "in classic mode the sidecar does not end with a Job's app: POST /drain on its admin port, "
        "or use native mode");
  }
  const Json* grace = member(spec, "terminationGracePeriodSeconds");
  const std::chrono::seconds most(grace != nullptr && grace->is_number_integer()
                                      ? grace->get<std::int64_t>()
                                      : std::int64_t{30});
  if (wishes.drain_time && *wishes.drain_time >= most) {
    warnings.push_back(
        "weft.dev/drain-time is not shorter than terminationGracePeriodSeconds: what is left then "
        "is cut by the kubelet");
  }
}

Json put_in(Json pod, const PodWishes& wishes, const InjectionContext& context,
            std::vector<std::string>& warnings) {
  const Json before = pod;
  InjectionRecord record;
  record.note("revision", context.revision);
  record.note("version", context.version);
  record.note("mode", wishes.native ? "native" : "classic");
  ProbeTable probes = wishes.rewrite_probes ? rewrite_probes(pod, wishes.native, warnings)
                                            : ProbeTable(Json::object());
  if (wishes.merge_metrics) merge_metrics(pod, probes, record);
  const PodPartsRequest request{
      .pod = before, .wishes = wishes, .context = context, .probes = probes};
  Json& init = record.make(pod, "/spec/initContainers", true);
  // Native: before everything of the app's, whose init containers then have a network. Classic:
  // after them, or theirs would lead to a sidecar that has not started.
  init.insert(wishes.native ? init.begin() : init.end(), make_redirect_container(request));
  if (wishes.native) {
    init.insert(init.begin() + 1, make_sidecar_container(request));
  } else {
    Json& containers = pod["spec"]["containers"];
    const std::string first = name_of_part(containers.front());
    containers.insert(containers.begin(), make_sidecar_container(request));
    // Or `kubectl logs` would show the sidecar.
    if (member(member(member(&before, "metadata"), "annotations"), kDefaultContainer) == nullptr)
      record.set_annotation(pod, kDefaultContainer, first);
  }
  record.note_container(kRedirectContainer);
  record.note_container(kSidecarContainer);
  record.make(pod, "/spec/volumes", true).push_back(make_token_volume());
  record.note_volume(kTokenVolume);
  record.write(pod);
  return pod;
}

// The originals, from the environment of the sidecar that is there.
Result<ProbeTable> probes_in(const Json& pod) {
  const Json* spec = member(&pod, "spec");
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : list_of(member(spec, list))) {
      if (name_of_part(container) != kSidecarContainer) continue;
      for (const Json& variable : list_of(member(&container, "env"))) {
        if (name_of_part(variable) != pod::kProbesVariable) continue;
        ProbeTable table = parse_json(text_of(member(&variable, "value")));
        if (!table.is_object()) {
          return fail(Fault::kInvalid, fmt::format("{} of {} cannot be read", pod::kProbesVariable,
                                                   kSidecarContainer));
        }
        return table;
      }
    }
  }
  return Json::object();
}

}  // namespace

Result<Injection> inject(const Json& pod, const InjectionContext& context) {
  if (Status good = check_pod(pod); !good) return fail(good.error());
  const Result<std::optional<InjectionRecord>> record = InjectionRecord::read(pod);
  if (!record) return fail(record.error());
  Result<Json> before = uninject(pod);
  if (!before) return fail(before.error());
  Injection out;
  Judgement judgement =
      judge_injection(*before, *record ? (*record)->revision() : std::string(), context);
  if (judgement.reason != InjectionReason::kInjected) {
    out.pod = pod;
    out.reason = judgement.reason;
    out.detail = std::move(judgement.detail);
    out.disappoints = judgement.disappoints;
    return out;
  }
  Result<PodWishes> wishes = read_wishes(*before, context);
  if (!wishes) return fail(wishes.error());
  out.warnings = std::move(wishes->warnings);
  warn(*before, *wishes, out.warnings);
  out.pod = put_in(std::move(*before), *wishes, context, out.warnings);
  if (out.pod == pod) {
    out.reason = InjectionReason::kUnchanged;
    out.detail = "the sidecar is there as it would be put in";
  }
  return out;
}

Result<Json> uninject(const Json& pod) {
  if (Status good = check_pod(pod); !good) return fail(good.error());
  const Result<std::optional<InjectionRecord>> record = InjectionRecord::read(pod);
  if (!record) return fail(record.error());
  if (!*record) return pod;
  const Result<ProbeTable> probes = probes_in(pod);
  if (!probes) return fail(probes.error());
  Json out = pod;
  restore_probes(out, *probes);
  (*record)->undo(out);
  if (Status good = check_pod(out); !good) {
    return fail(Fault::kInvalid, fmt::format("without what {} lists it is no pod: {}",
                                             kStatusAnnotation, good.error().detail));
  }
  return out;
}

Json make_patch(const Json& before, const Json& after) { return Json::diff(before, after); }

}  // namespace weft::control::injection
