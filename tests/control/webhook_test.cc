// The API server's questions: good ones, odd ones and hostile ones, each answered by a v1 review;
// and the door that they come through.

#include "control/webhook.h"

#include <gtest/gtest.h>

#include <chrono>

#include "control/injection/injection.h"
#include "control/injection/pod_wishes.h"
#include "sidecar/core/base64.h"
#include "sidecar/http/client.h"
#include "tests/control/control_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using injection::ReviewAnswer;
using injection::ReviewVerdict;

injection::InjectionContext opted_in() {
  injection::InjectionContext context;
  context.namespace_labels[injection::kInjectLabel] = "enabled";
  return context;
}

Json review_of(Json object, const char* kind = "Pod") {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "u-1"},
            {"kind", {{"group", ""}, {"version", "v1"}, {"kind", kind}}},
            {"namespace", "shop"},
            {"operation", "CREATE"},
            {"object", std::move(object)}}}};
}

Json a_pod() {
  return {{"metadata", {{"generateName", "cart-"}}},
          {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "cart"}}})}}}};
}

Json response_in(const std::string& body) {
  const Json answer = parse_json(body);
  EXPECT_EQ(answer["apiVersion"], "admission.k8s.io/v1");
  EXPECT_EQ(answer["kind"], "AdmissionReview");
  return answer["response"];
}

TEST(Review, OfAPodIsAnsweredWithAPatchThatMakesTheInjectedPod) {
  const ReviewAnswer answer = injection::review_injection(review_of(a_pod()).dump(), opted_in());
  EXPECT_EQ(answer.verdict, ReviewVerdict::kPatched);
  EXPECT_EQ(answer.about, "shop/cart-");
  const Json response = response_in(answer.body);
  EXPECT_EQ(response["uid"], "u-1");
  EXPECT_EQ(response["allowed"], true);
  EXPECT_EQ(response["patchType"], "JSONPatch");
  const auto patch = decode_base64(response["patch"].get<std::string>());
  ASSERT_TRUE(patch);
  injection::InjectionContext context = opted_in();
  context.name_space = "shop";
  EXPECT_EQ(a_pod().patch(Json::parse(*patch)), injection::inject(a_pod(), context)->pod);
}

TEST(Review, OfAPodThatIsNotToBeTouchedHasNoPatchAndSaysWhyWhereSomebodyAsked) {
  Json pod = a_pod();
  pod["spec"]["hostNetwork"] = true;
  const ReviewAnswer answer = injection::review_injection(review_of(pod).dump(), opted_in());
  const Json response = response_in(answer.body);
  EXPECT_EQ(answer.reason, injection::InjectionReason::kHostNetwork);
  EXPECT_EQ(response["allowed"], true);
  EXPECT_FALSE(response.contains("patch"));
  EXPECT_EQ(response["warnings"],
            Json::array({"weft: no sidecar: hostNetwork: its traffic is the node's"}));
  EXPECT_EQ(response["auditAnnotations"]["injection"], "host_network");
}

TEST(Review, OfSomethingElseThanANewPodIsAllowedAsItIs) {
  Json other = review_of(a_pod(), "Deployment");
  Json update = review_of(a_pod());
  update["request"]["operation"] = "UPDATE";
  Json eviction = review_of(a_pod());
  eviction["request"]["subResource"] = "eviction";
  for (const Json& review : {other, update, eviction}) {
    const Json response = response_in(injection::review_injection(review.dump(), opted_in()).body);
    EXPECT_EQ(response["allowed"], true);
    EXPECT_FALSE(response.contains("patch"));
  }
}

TEST(Review, ThatIsNoneIsRefusedWithAMessageAndItsUid) {
  Json beta = review_of(a_pod());
  beta["apiVersion"] = "admission.k8s.io/v1beta1";
  Json no_object = review_of(a_pod());
  no_object["request"].erase("object");
  Json no_uid = review_of(a_pod());
  no_uid["request"].erase("uid");
  Json bad_pod = review_of(Json{{"spec", 7}});
  Json bad_annotation = review_of(a_pod());
  bad_annotation["request"]["object"]["metadata"]["annotations"] = {
      {"weft.dev/exclude-inbound-ports", "http"}};
  const std::string deep =
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","object":)" +
      std::string(100'000, '[') + std::string(100'000, ']') + "}}";
  const std::vector<std::string> bodies = {
      "",
      "null",
      "[]",
      "{",
      "\xff\xfe",
      deep,
      std::string(9'000'000, ' '),
      beta.dump(),
      no_object.dump(),
      no_uid.dump(),
      bad_pod.dump(),
      bad_annotation.dump(),
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"})",
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":[]})",
      R"({"apiVersion":7,"kind":{},"request":{"uid":{}}})"};
  for (const std::string& body : bodies) {
    const ReviewAnswer answer = injection::review_injection(body, opted_in());
    const Json response = response_in(answer.body);
    EXPECT_EQ(response["allowed"], false) << body.substr(0, 100);
    EXPECT_NE(response["status"]["message"], "") << body.substr(0, 100);
    EXPECT_TRUE(response.contains("uid"));
  }
  EXPECT_EQ(response_in(injection::review_injection(beta.dump(), opted_in()).body)["uid"], "u-1");
}

struct HostileObject {
  const char* what;
  std::string object;  // JSON
  const char* message;
};

// Pods that no API server would let through to here, or that their author did not mean well.
TEST(Review, OfAHostilePodIsRefusedWithAMessageThatNamesThePlace) {
  const std::string giant(3 * 1024 * 1024, 'x');
  const auto annotated = [](const std::string& key, const std::string& value) {
    Json pod = a_pod();
    pod["metadata"]["annotations"] = {{key, value}};
    return pod.dump();
  };
  const std::vector<HostileObject> table = {
      {"text", "\"pod\"", "a pod is a map"},
      {"a number", "7", "a pod is a map"},
      {"a list", "[{}]", "a pod is a map"},
      {"nothing in it", "{}", "spec: want a map"},
      {"a giant text as spec", "{\"spec\":\"" + giant + "\"}", "spec: want a map"},
      {"no containers", R"({"spec":{}})", "spec.containers: want at least one"},
      {"an empty list of containers", R"({"spec":{"containers":[]}})",
       "spec.containers: want at least one"},
      {"containers that are a map", R"({"spec":{"containers":{"name":"app"}}})",
       "spec.containers: want at least one"},
      {"containers that are nothing", R"({"spec":{"containers":[null]}})",
       "spec.containers: want a name in each"},
      {"a container without a name", R"({"spec":{"containers":[{"image":"x"}]}})",
       "spec.containers: want a name in each"},
      {"a container whose name is a map", R"({"spec":{"containers":[{"name":{}}]}})",
       "spec.containers: want a name in each"},
      {"volumes that are text", R"({"spec":{"containers":[{"name":"a"}],"volumes":"v"}})",
       "spec.volumes: want a list"},
      {"metadata that is a list", R"({"metadata":[],"spec":{"containers":[{"name":"a"}]}})",
       "metadata: want a map"},
      {"labels that are text",
       R"({"metadata":{"labels":"x"},"spec":{"containers":[{"name":"a"}]}})",
       "metadata.labels: want a map"},
      {"a status that is not weft's", annotated("weft.dev/status", "{\"revision\":7}"),
       "weft.dev/status: is weft's own and cannot be read"},
      {"ports with an argument in them", annotated("weft.dev/exclude-inbound-ports", "80 --uid 0"),
       "weft.dev/exclude-inbound-ports"},
      {"a giant annotation", annotated("weft.dev/cpu-limit", std::string(200'000, '9')),
       "weft.dev/cpu-limit"},
  };
  for (const HostileObject& one : table) {
    const std::string body =
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",)"
        R"("kind":{"kind":"Pod"},"operation":"CREATE","object":)" +
        one.object + "}}";
    const ReviewAnswer answer = injection::review_injection(body, opted_in());
    const Json response = response_in(answer.body);
    EXPECT_EQ(answer.verdict, ReviewVerdict::kRefused) << one.what;
    EXPECT_EQ(response["uid"], "u-1") << one.what;
    EXPECT_EQ(response["allowed"], false) << one.what;
    EXPECT_FALSE(response.contains("patch")) << one.what;
    const std::string message = text_at(response, {"status", "message"});
    EXPECT_NE(message.find(one.message), std::string::npos) << one.what << ": " << message;
    EXPECT_LT(answer.body.size(), 8192U) << one.what;
  }
}

// Of a key that stands twice the last counts, as everywhere in the API; the uid too.
TEST(Review, WithAKeyTwiceIsAnsweredByTheLast) {
  std::string body = review_of(a_pod()).dump();
  const std::string uid = R"("uid":"u-1")";
  body.insert(body.find(uid) + uid.size(), R"(,"uid":"u-2","operation":"DELETE")");
  const Json response = response_in(injection::review_injection(body, opted_in()).body);
  EXPECT_EQ(response["uid"], "u-2");
  EXPECT_FALSE(response.contains("patch"));
}

TEST(Review, OfAHostileObjectOfConfigurationHasAMessageToo) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"TrafficPolicy"})", "metadata"},
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"TrafficPolicy","metadata":7})", "metadata"},
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"TrafficPolicy","metadata":{"name":"a"},"spec":[]})",
       "spec"},
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"Nonsense","metadata":{"name":"a"}})",
       "Nonsense"},
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"TrafficPolicy","metadata":{"name":"a"},"spec":)" +
           std::string(55, '[') + std::string(55, ']') + "}",
       ""},
      {R"({"apiVersion":"weft.dev/v1alpha1","kind":"TrafficPolicy","metadata":{"name":")" +
           std::string(1'000'000, 'x') + "\"}}",
       "name"},
  };
  for (const auto& [object, place] : table) {
    const std::string body =
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",)"
        R"("operation":"UPDATE","object":)" +
        object + "}}";
    const ReviewAnswer answer = injection::review_object(body, WallTime{});
    const Json response = response_in(answer.body);
    EXPECT_EQ(response["uid"], "u-1") << object.substr(0, 200);
    EXPECT_EQ(response["allowed"], false) << object.substr(0, 200);
    const std::string message = text_at(response, {"status", "message"});
    EXPECT_NE(message, "") << object.substr(0, 200);
    EXPECT_NE(message.find(place), std::string::npos) << message;
    EXPECT_LT(answer.body.size(), 8192U) << object.substr(0, 200);
  }
}

TEST(Review, OfConfigurationRefusesMistakesAndWarnsOfNotes) {
  const Json policy = {
      {"apiVersion", "weft.dev/v1alpha1"},
      {"kind", "TrafficPolicy"},
      {"metadata", {{"name", "cart"}, {"namespace", "shop"}}},
      {"spec",
       {{"targetRefs", Json::array({{{"group", ""}, {"kind", "Service"}, {"name", "cart"}}})},
        {"timeouts", {{"request", "soon"}}}}}};
  const ReviewAnswer answer =
      injection::review_object(review_of(policy, "TrafficPolicy").dump(), WallTime{});
  EXPECT_EQ(answer.verdict, ReviewVerdict::kRefused);
  EXPECT_NE(answer.message.find("spec.timeouts.request"), std::string::npos) << answer.message;
  EXPECT_FALSE(answer.message.starts_with("object:")) << answer.message;
  Json good = policy;
  good["spec"]["timeouts"]["request"] = "1s";
  EXPECT_EQ(injection::review_object(review_of(good, "TrafficPolicy").dump(), WallTime{}).verdict,
            ReviewVerdict::kAllowed);
}

TEST(Review, LetsThroughWhatOthersOwn) {
  const Json route = {{"apiVersion", "gateway.networking.k8s.io/v1"},
                      {"kind", "HTTPRoute"},
                      {"metadata", {{"name", "cart"}}},
                      {"spec",
                       {{"parentRefs", Json::array({{{"name", "edge"}}})},
                        {"rules", "whatever the gateway takes"}}}};
  EXPECT_EQ(injection::review_object(review_of(route, "HTTPRoute").dump(), WallTime{}).verdict,
            ReviewVerdict::kAllowed);
  Json ours = route;
  ours["spec"]["parentRefs"][0] = {{"group", ""}, {"kind", "Service"}, {"name", "cart"}};
  EXPECT_EQ(injection::review_object(review_of(ours, "HTTPRoute").dump(), WallTime{}).verdict,
            ReviewVerdict::kRefused);
}

// How long that takes is told by tests/bench/micro_config.
TEST(Review, OfManyPodsAtOnceIsAnsweredAlike) {
  Json pod = a_pod();
  for (int i = 0; i < 20; ++i) {
    pod["spec"]["containers"].push_back(
        {{"name", "c" + std::to_string(i)},
         {"image", "x"},
         {"livenessProbe", {{"httpGet", {{"path", "/"}, {"port", 80}}}}}});
  }
  const std::string body = review_of(pod).dump();
  const ReviewAnswer first = injection::review_injection(body, opted_in());
  ASSERT_EQ(first.verdict, ReviewVerdict::kPatched);
  for (int i = 1; i < 50; ++i) {
    EXPECT_EQ(injection::review_injection(body, opted_in()).body, first.body);
  }
}

// ---- through the door ----

class WebhookDoor : public ::testing::Test, public http::CallHolder {
 protected:
  void SetUp() override { rig_.start(); }
  std::string post(const std::string& path, const std::string& body, http::Client::Speaks speaks,
                   const std::string& type = "application/json") {
    const auto dialer = rig_.webhook_dialer(speaks == http::Client::Speaks::kHttp1);
    http::Client client(rig_.turn, *dialer, {.speaks = speaks, .keep = false});
    const auto call = client.send({.method = "POST",
                                   .authority = "weft-control.weft-system.svc",
                                   .target = path,
                                   .fields = {{"content-type", type}},
                                   .body = body},
                                  *this);
    rig_.pass(1s);
    return heard_;
  }
  void on_response(http::Call&, http::ClientResponse&& response) override {
    heard_ = std::to_string(response.head.status) + " " + response.body;
  }
  void on_failure(http::Call&, const Error& error) override { heard_ = to_string(error); }

  testing::ControlRig rig_;
  std::string heard_;
};

TEST_F(WebhookDoor, SpeaksHttp1AndHttp2) {
  for (const auto speaks : {http::Client::Speaks::kHttp1, http::Client::Speaks::kAlpn}) {
    const std::string answer = post("/inject", review_of(a_pod()).dump(), speaks);
    ASSERT_TRUE(answer.starts_with("200 ")) << answer;
    EXPECT_EQ(response_in(answer.substr(4))["patchType"], "JSONPatch");
  }
  const std::string page = rig_.page("/metrics");
  EXPECT_NE(page.find("weft_control_injections_total{result=\"patched\",reason=\"injected\"} 2"),
            std::string::npos)
      << page;
}

TEST_F(WebhookDoor, TakesOnlyPodsThatAskThemselvesWhereTheNamespaceDoesNot) {
  const auto speaks = http::Client::Speaks::kAlpn;
  EXPECT_FALSE(response_in(post("/inject/pods", review_of(a_pod()).dump(), speaks).substr(4))
                   .contains("patch"));
  Json asking = a_pod();
  asking["metadata"]["labels"] = {{"weft.dev/inject", "enabled"}};
  EXPECT_TRUE(response_in(post("/inject/pods", review_of(asking).dump(), speaks).substr(4))
                  .contains("patch"));
}

TEST_F(WebhookDoor, RefusesWhatIsNotJsonNotAPathOrTooLarge) {
  const auto speaks = http::Client::Speaks::kAlpn;
  EXPECT_TRUE(post("/inject", "a: b", speaks, "application/yaml").starts_with("415 "));
  EXPECT_TRUE(post("/mutate", "{}", speaks).starts_with("404 "));
  EXPECT_TRUE(post("/inject", std::string(5 * 1024 * 1024, ' '), speaks).starts_with("413 "));
  EXPECT_TRUE(post("/inject", "{", speaks).starts_with("200 "));
}

}  // namespace
}  // namespace weft::control
