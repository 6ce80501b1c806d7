// A pod with a sidecar, and the way back: what is put into some eighty shapes of pods, that doing
// it twice is doing it once, and that taking it out leaves nothing.

#include "control/injection/injection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "control/injection/pod_wishes.h"
#include "sidecar/config/document.h"
#include "tests/control/injection_shapes.h"
#include "tests/control/objects.h"

namespace weft::control::injection {
namespace {

using testing::context_of;
using testing::pod_shapes;
using testing::PodShape;

Json pod_from(std::string_view yaml) {
  const auto documents = config::parse_documents(yaml, "pod");
  EXPECT_TRUE(documents) << yaml << (documents ? "" : documents.error().detail);
  return parse_json(config::to_json(documents->front().root));
}

PodShape shape_named(std::string_view name) {
  return *std::ranges::find(pod_shapes(), name, &PodShape::name);
}

// Takes the part of that name out of the lists under spec, and says where it stood.
Json take_part(Json& pod, std::string_view name, std::string& place) {
  for (const char* key : {"initContainers", "containers", "volumes"}) {
    Json& list = pod["spec"][key];
    if (!list.is_array()) {
      if (list.is_null()) pod["spec"].erase(key);
      continue;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (name_of_part(list[i]) != name) continue;
      place = std::string(key) + "[" + std::to_string(i) + "]";
      const Json part = list[i];
      list.erase(i);
      return part;
    }
  }
  return {};
}

std::string ops_text(const Json& from, const Json& to) {
  std::string out;
  for (const Json& op : make_patch(from, to)) {
    out += "    " + text_of(&op.at("op")) + " " + text_of(&op.at("path"));
    if (op.contains("value")) out += " " + op.at("value").dump();
    out += "\n";
  }
  return out;
}

// What became of one shape: our parts as they differ from those of the plain pod, then what else
// has changed.
std::string tell(const PodShape& shape, const Injection& plain) {
  const Json before = pod_from(shape.pod);
  std::string out = "== " + std::string(shape.name) +
                    (shape.where.empty() ? "" : " (" + std::string(shape.where) + ")") + "\n" +
                    before.dump() + "\n";
  const Result<Injection> done = inject(before, context_of(shape));
  if (!done) return out + "-> refused\n" + done.error().detail + "\n\n";
  out += "-> " + std::string(name_of(done->reason));
  out += done->detail.empty() ? "\n" : ": " + done->detail + "\n";
  for (const std::string& warning : done->warnings) out += "  warning: " + warning + "\n";
  if (!done->injected()) return out + (done->disappoints ? "  disappoints\n\n" : "\n");
  Json after = done->pod;
  Json model = plain.pod;
  for (const std::string_view name : {kRedirectContainer, kSidecarContainer, kTokenVolume}) {
    std::string place;
    std::string place_of_model;
    const Json part = take_part(after, name, place);
    const Json of_model = take_part(model, name, place_of_model);
    out += "  " + std::string(name) + " at " + place + "\n" + ops_text(of_model, part);
  }
  out += "  status " + text_of(&after["metadata"]["annotations"][kStatusAnnotation]) + "\n";
  after["metadata"]["annotations"].erase(kStatusAnnotation);
  out += "  and\n" + ops_text(before, after);
  return out + "\n";
}

TEST(Injection, PutsIntoEachShapeOfPodWhatTheGoldenFileSays) {
  const Injection plain =
      inject(pod_from(pod_shapes().front().pod), context_of(pod_shapes().front())).value();
  testing::expect_golden("injection/plain.json", plain.pod.dump(2) + "\n");
  std::string all;
  for (const PodShape& shape : pod_shapes()) all += tell(shape, plain);
  testing::expect_golden("injection/shapes.txt", all);
}

TEST(Injection, TheRulesAreLoadedFromTheImageThatHasTheTools) {
  const auto image_for = [](const std::string& sidecar, const std::string& told = "") {
    InjectionContext context = context_of(pod_shapes().front());
    context.image = sidecar;
    context.redirect_image = told;
    const Result<Injection> done = inject(pod_from(pod_shapes().front().pod), context);
    return done ? text_of(&done->pod["spec"]["initContainers"][0]["image"]) : done.error().detail;
  };
  EXPECT_EQ(image_for("weft-sidecar:1.2"), "weft-redirect:1.2");
  EXPECT_EQ(image_for("weft-sidecar"), "weft-redirect");
  EXPECT_EQ(image_for("registry.example:5000/mesh/weft-sidecar:1.2"),
            "registry.example:5000/mesh/weft-redirect:1.2");
  EXPECT_EQ(image_for("weft-sidecar@sha256:abc"), "weft-sidecar@sha256:abc");
  EXPECT_EQ(image_for("registry.example/weft-sidecar-debug:1"),
            "registry.example/weft-sidecar-debug:1");
  EXPECT_EQ(image_for("registry.example/all-in-one:7"), "registry.example/all-in-one:7");
  EXPECT_EQ(image_for("weft-sidecar:1.2", "tools:3"), "tools:3");
}

TEST(Injection, HasShapesForEveryReasonAndNoNameTwice) {
  std::set<std::string_view> names;
  std::set<InjectionReason> reasons;
  std::size_t injected = 0;
  for (const PodShape& shape : pod_shapes()) {
    EXPECT_TRUE(names.insert(shape.name).second) << shape.name;
    const Result<Injection> done = inject(pod_from(shape.pod), context_of(shape));
    if (!done) continue;
    reasons.insert(done->reason);
    injected += done->injected() ? 1 : 0;
  }
  EXPECT_GE(names.size(), 60U);
  EXPECT_GE(injected, 45U);
  // All but kUnchanged, which is the next test's.
  EXPECT_EQ(reasons.size(), kInjectionReasons - 1);
}

TEST(Injection, IsDoneOnceHoweverOftenItIsAskedFor) {
  for (const PodShape& shape : pod_shapes()) {
    const Result<Injection> once = inject(pod_from(shape.pod), context_of(shape));
    if (!once) continue;
    const Result<Injection> twice = inject(once->pod, context_of(shape));
    ASSERT_TRUE(twice) << shape.name << ": " << twice.error().detail;
    EXPECT_EQ(twice->pod, once->pod) << shape.name;
    if (once->injected()) {
      EXPECT_EQ(twice->reason, InjectionReason::kUnchanged) << shape.name;
    }
  }
}

TEST(Injection, IsTakenOutWithoutATrace) {
  for (const PodShape& shape : pod_shapes()) {
    const Json before = pod_from(shape.pod);
    const Result<Injection> done = inject(before, context_of(shape));
    if (!done || !done->injected()) continue;
    const Result<Json> back = uninject(done->pod);
    ASSERT_TRUE(back) << shape.name << ": " << back.error().detail;
    EXPECT_EQ(*back, before) << shape.name << "\n" << make_patch(before, *back).dump(1);
  }
}

TEST(Injection, IsAPatchThatLeadsFromOnePodToTheOther) {
  for (const PodShape& shape : pod_shapes()) {
    const Json before = pod_from(shape.pod);
    const Result<Injection> done = inject(before, context_of(shape));
    if (!done) continue;
    const Json patch = make_patch(before, done->pod);
    EXPECT_EQ(before.patch(patch), done->pod) << shape.name;
    EXPECT_EQ(patch.empty(), !done->injected()) << shape.name;
  }
}

TEST(Injection, TreatsWhatAnotherInjectorAddedMeanwhileAsIfItHadBeenThere) {
  const InjectionContext context = context_of(pod_shapes().front());
  const Json extra = pod_from("{name: agent, image: agent, livenessProbe: {httpGet: {port: 99}}}");
  Json between = inject(pod_from(shape_named("plain").pod), context).value().pod;
  between["spec"]["containers"].push_back(extra);
  between["spec"]["initContainers"].insert(between["spec"]["initContainers"].begin(),
                                           pod_from("{name: secrets, image: vault}"));
  between["metadata"]["annotations"]["agent"] = "yes";
  Json from_the_start = pod_from(shape_named("plain").pod);
  from_the_start["spec"]["containers"].push_back(extra);
  from_the_start["spec"]["initContainers"] =
      Json::array({pod_from("{name: secrets, image: vault}")});
  from_the_start["metadata"]["annotations"]["agent"] = "yes";

  const Injection again = inject(between, context).value();
  EXPECT_EQ(again.reason, InjectionReason::kInjected);
  const Json& containers = again.pod["spec"]["initContainers"];
  EXPECT_EQ(name_of_part(containers[0]), "weft-redirect");
  EXPECT_EQ(name_of_part(containers[1]), "weft-sidecar");
  EXPECT_EQ(name_of_part(containers[2]), "secrets");
  EXPECT_EQ(again.pod["spec"]["containers"][1]["livenessProbe"]["httpGet"]["port"], 15020);
  EXPECT_EQ(uninject(again.pod).value(), from_the_start);
}

// The API server fills in defaults before the webhook sees the pod again.
TEST(Injection, PutsProbesBackWithTheDefaultsTheyGotMeanwhile) {
  const PodShape shape = shape_named("a liveness probe over HTTP");
  Json pod = inject(pod_from(shape.pod), context_of(shape)).value().pod;
  Json& probe = pod["spec"]["containers"][0]["livenessProbe"];
  probe["httpGet"]["scheme"] = "HTTP";
  probe["failureThreshold"] = 3;
  const Json back = uninject(pod).value();
  EXPECT_EQ(back["spec"]["containers"][0]["livenessProbe"],
            pod_from("{httpGet: {path: /live, port: 8080}, periodSeconds: 5, timeoutSeconds: 2, "
                     "failureThreshold: 3}"));
}

TEST(Injection, GivesCapabilitiesToTheRedirectContainerAloneAndRootToNobodyElse) {
  for (const PodShape& shape : pod_shapes()) {
    const Result<Injection> done = inject(pod_from(shape.pod), context_of(shape));
    if (!done || !done->injected()) continue;
    for (const char* list : {"initContainers", "containers"}) {
      for (const Json& container : list_of(member(&done->pod["spec"], list))) {
        const std::string name = name_of_part(container);
        const Json* security = member(&container, "securityContext");
        if (name == kRedirectContainer) {
          EXPECT_EQ(security->at("capabilities").at("add"), Json::array({"NET_ADMIN", "NET_RAW"}));
        } else if (name == kSidecarContainer && shape.name == "tproxy and DNS") {
          // It becomes the sidecar's own user by itself, and keeps the first one.
          EXPECT_EQ(security->at("capabilities").at("add"),
                    Json::array({"NET_ADMIN", "SETGID", "SETUID"}));
        } else if (name == kSidecarContainer) {
          EXPECT_FALSE(security->at("capabilities").contains("add")) << shape.name;
          EXPECT_EQ(security->at("runAsUser"), 5150) << shape.name;
          EXPECT_EQ(security->at("runAsNonRoot"), true) << shape.name;
        }
      }
    }
  }
}

TEST(Injection, RefusesAStatusThatWouldLeaveNoPodBehind) {
  const Json pod = pod_from(
      "{metadata: {annotations: {weft.dev/status: "
      "'{\"annotations\":{},\"containers\":[\"app\"],\"made\":{},\"revision\":\"default\","
      "\"volumes\":[]}'}}, spec: {containers: [{name: app, image: cart}]}}");
  const Result<Injection> done = inject(pod, context_of(pod_shapes().front()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().detail,
            "without what weft.dev/status lists it is no pod: spec.containers: want at least one");
}

TEST(PodJson, DropsWhatIsTooDeepOrNoJson) {
  const std::string deep(1000, '[');
  EXPECT_TRUE(parse_json(deep + std::string(1000, ']')).is_discarded());
  EXPECT_TRUE(parse_json(deep).is_discarded());
  EXPECT_TRUE(parse_json("{\"a\": \"\xff\"}").is_discarded());
  EXPECT_TRUE(parse_json("").is_discarded());
  EXPECT_FALSE(parse_json("{\"a\": [1]}").is_discarded());
}

}  // namespace
}  // namespace weft::control::injection
