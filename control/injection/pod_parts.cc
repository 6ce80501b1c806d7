#include "control/injection/pod_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "control/injection/injection_reason.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

using std::chrono::seconds;

constexpr seconds kGraceDefault{30};  // Kubernetes' own
// Between the end of the drain and the kubelet's SIGKILL.
constexpr seconds kGraceMargin{3};
constexpr seconds kDrainMax{30};
// Classic mode: until the Services' endpoints have lost the pod everywhere, new requests come.
constexpr seconds kHold{5};
constexpr seconds kStartPatience{120};

Json own_security(bool transparent) {
  Json out = {{"allowPrivilegeEscalation", false},
              {"capabilities", {{"drop", Json::array({"ALL"})}}},
              {"privileged", false},
              {"readOnlyRootFilesystem", true},
              {"runAsGroup", pod::kGid},
              {"runAsNonRoot", true},
              {"runAsUser", pod::kUid},
              {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  if (!transparent) return out;
  out["capabilities"]["add"] = Json::array({"NET_ADMIN", "SETGID", "SETUID"});
  out["runAsGroup"] = out["runAsUser"] = 0;
  out["runAsNonRoot"] = false;
  return out;
}

// A pod all of whose containers ask for exactly what they are limited to keeps its class
// (Guaranteed) only if the sidecar does the same.
bool is_guaranteed(const Json& pod) {
  bool all = true;
  const Json* spec = member(&pod, "spec");
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : list_of(member(spec, list))) {
      const Json* resources = member(&container, "resources");
      for (const char* what : {"cpu", "memory"}) {
        const Json* limit = member(member(resources, "limits"), what);
        const Json* asked = member(member(resources, "requests"), what);
        all = all && limit != nullptr && (asked == nullptr || *asked == *limit);
      }
    }
  }
  return all;
}

Json resources_of(const PodPartsRequest& request) {
  SidecarResources own = request.wishes.resources;
  if (is_guaranteed(request.pod) && !request.wishes.own_resources) {
    // Enough to do without throttling what 20m asks for on average.
    if (own.cpu_limit.empty()) own.cpu_limit = "100m";
    own.cpu_request = own.cpu_limit;
    own.memory_request = own.memory_limit;
  }
  Json out = Json::object();
  const auto set = [&](const char* list, const char* what, const std::string& value) {
    if (!value.empty()) out[list][what] = value;
  };
  set("requests", "cpu", own.cpu_request);
  set("requests", "memory", own.memory_request);
  set("limits", "cpu", own.cpu_limit);
  set("limits", "memory", own.memory_limit);
  return out;
}

Json with_image(Json container, const std::string& image, const InjectionContext& context) {
  container["image"] = image;
  if (!context.pull_policy.empty()) container["imagePullPolicy"] = context.pull_policy;
  return container;
}

seconds grace_of(const Json& pod) {
  const Json* grace = member(member(&pod, "spec"), "terminationGracePeriodSeconds");
  if (grace == nullptr || !grace->is_number_integer()) return kGraceDefault;
  return seconds(std::clamp<std::int64_t>(grace->get<std::int64_t>(), 0, 24 * 3600));
}

Duration drain_time(const PodPartsRequest& request) {
  const seconds most = std::max(grace_of(request.pod) - kGraceMargin, seconds(1));
  if (request.wishes.drain_time) return *request.wishes.drain_time;
  return std::min(most, kDrainMax);
}

Json field(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}
Json value(const char* name, const std::string& text) { return {{"name", name}, {"value", text}}; }

std::string first_label(const Json& pod, std::initializer_list<const char*> names) {
  const Json* labels = member(member(&pod, "metadata"), "labels");
  for (const char* name : names) {
    if (std::string text = text_of(member(labels, name)); !text.empty()) return text;
  }
  return {};
}

Json environment(const PodPartsRequest& request) {
  const InjectionContext& context = request.context;
  Json out = Json::array({
      field(pod::kPodNameVariable, "metadata.name"),
      field(pod::kPodNamespaceVariable, "metadata.namespace"),
      field(pod::kPodAddressesVariable, "status.podIPs"),
      field(pod::kServiceAccountVariable, "spec.serviceAccountName"),
      field(pod::kNodeVariable, "spec.nodeName"),
      // Set on pods by the cluster from Kubernetes 1.35 on; empty before.
      field(pod::kZoneVariable, "metadata.labels['topology.kubernetes.io/zone']"),
      field(pod::kRegionVariable, "metadata.labels['topology.kubernetes.io/region']"),
      value(pod::kControlVariable, context.control),
      value(pod::kTrustDomainVariable, context.trust_domain),
  });
  std::string roots;
  for (const std::string& root : context.roots_sha256) roots += (roots.empty() ? "" : ",") + root;
  if (!roots.empty()) out.push_back(value(pod::kRootsVariable, roots));
  const std::string service = first_label(
      request.pod, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"});
  const std::string version = first_label(
      request.pod, {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"});
  if (!service.empty()) out.push_back(value(pod::kCanonicalServiceVariable, service));
  if (!version.empty()) out.push_back(value(pod::kCanonicalRevisionVariable, version));
  if (request.wishes.transparent) out.push_back(value(pod::kRedirectModeVariable, "tproxy"));
  if (!request.probes.empty())
    out.push_back(value(pod::kProbesVariable, print_json(request.probes)));
  return out;
}

// The sidecar's image has no tool that loads rules; the one beside it of the same name and version
// has (k8s/redirect.Dockerfile). An image of another name is its maker's, who put both into it.
std::string redirect_image_for(const std::string& image) {
  constexpr std::string_view kOurs = "weft-sidecar";
  const std::size_t slash = image.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t end = std::min(image.find_first_of(":@", begin), image.size());
  if (std::string_view(image).substr(begin, end - begin) != kOurs) return image;
  // A digest is that of one image only.
  if (end < image.size() && image[end] == '@') return image;
  return image.substr(0, begin) + "weft-redirect" + image.substr(end);
}

Json ready_probe(int period, int failures) {
  return {{"httpGet", {{"path", "/ready"}, {"port", pod::kStatusPort}}},
          {"periodSeconds", period},
          {"timeoutSeconds", 3},
          {"failureThreshold", failures}};
}

std::string text_of_seconds(Duration time) {
  return fmt::format("{}s", std::chrono::duration_cast<seconds>(time).count());
}

}  // namespace

Json make_redirect_container(const PodPartsRequest& request) {
  Json args = Json::array({"redirect", "apply"});
  for (const auto& [flag, text] : request.wishes.redirect) {
    args.push_back(flag);
    args.push_back(text);
  }
  if (request.wishes.dns) args.push_back("--dns");
  const std::string image = request.context.redirect_image.empty()
                                ? redirect_image_for(request.wishes.image)
                                : request.context.redirect_image;
  return with_image(
      {{"name", kRedirectContainer},
       {"command", Json::array({request.context.binary})},
       {"args", std::move(args)},
       {"resources",
        {{"requests", {{"cpu", "10m"}, {"memory", "16Mi"}}}, {"limits", {{"memory", "64Mi"}}}}},
       {"securityContext",
        {{"allowPrivilegeEscalation", false},
         {"capabilities",
          {{"add", Json::array({"NET_ADMIN", "NET_RAW"})}, {"drop", Json::array({"ALL"})}}},
         {"privileged", false},
         {"readOnlyRootFilesystem", true},
         {"runAsGroup", 0},
         {"runAsNonRoot", false},
         {"runAsUser", 0},
         {"seccompProfile", {{"type", "RuntimeDefault"}}}}}},
      image, request.context);
}

Json make_sidecar_container(const PodPartsRequest& request) {
  const PodWishes& wishes = request.wishes;
  const Duration drain = drain_time(request);
  Json args = Json::array({"--mesh", "--drain-time", text_of_seconds(drain)});
  if (wishes.workers != 1) {
    args.push_back("--workers");
    args.push_back(std::to_string(wishes.workers));
  }
  if (!wishes.log_level.empty()) {
    args.push_back("--log-level");
    args.push_back(wishes.log_level);
  }
  if (wishes.dns) args.push_back("--dns");
  const std::string& binary = request.context.binary;
  Json out = with_image(
      {{"name", kSidecarContainer},
       {"command", Json::array({binary})},
       {"args", std::move(args)},
       {"env", environment(request)},
       {"ports",
        Json::array(
            {{{"name", "weft-status"}, {"containerPort", pod::kStatusPort}, {"protocol", "TCP"}}})},
       {"readinessProbe", ready_probe(10, 3)},
       {"resources", resources_of(request)},
       {"securityContext", own_security(wishes.transparent)},
       {"volumeMounts", Json::array({{{"name", kTokenVolume},
                                      {"mountPath", "/var/run/secrets/weft.dev"},
                                      {"readOnly", true}}})}},
      wishes.image, request.context);
  if (wishes.native) {
    // Everything after it waits until it serves; it ends after the app has, in the same grace
    // period, and does not keep a Job from completing. No preStop is needed for that order.
    out["restartPolicy"] = "Always";
    out["startupProbe"] = ready_probe(1, 600);
    return out;
  }
  // All containers are told to end at once, so that the app still calls out while we go.
  out["args"].push_back("--drain-order");
  out["args"].push_back("outbound-last");
  const auto exec = [&](Json words) {
    words.insert(words.begin(), binary);
    return Json{{"exec", {{"command", std::move(words)}}}};
  };
  // Containers start in order, each when the postStart of the one before has returned. All are told
  // to end at once: the sidecar goes on until nobody sends to the pod any more.
  out["lifecycle"] = {
      {"postStart", exec(Json::array({"health", "--wait", text_of_seconds(kStartPatience)}))},
      {"preStop",
       exec(Json::array({"drain", "--hold", text_of_seconds(std::min<Duration>(kHold, drain)),
                         "--timeout", text_of_seconds(drain)}))}};
  return out;
}

Json make_token_volume() {
  return {{"name", kTokenVolume},
          {"projected",
           {{"sources", Json::array({{{"serviceAccountToken",
                                       {{"audience", pod::kTokenAudience},
                                        {"expirationSeconds", 3600},
                                        {"path", "token"}}}}})}}}};
}

}  // namespace weft::control::injection
