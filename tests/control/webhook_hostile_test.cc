// Admission reviews that are broken, odd or large (threats.md CP-11): each is answered by a review
// of v1, and what it patches can be patched.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "control/injection/admission_review.h"
#include "control/injection/pod_wishes.h"
#include "control/webhook.h"
#include "sidecar/core/base64.h"
#include "sidecar/http/client.h"
#include "tests/control/control_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using injection::ReviewAnswer;
using injection::ReviewVerdict;

ReviewAnswer review_where_all_are_meshed(std::string_view body) {
  injection::InjectionContext context;
  context.namespace_labels[injection::kInjectLabel] = "enabled";
  return injection::review_injection(body, std::move(context));
}

Json plain_pod(std::size_t containers = 1) {
  Json pod = {{"metadata", {{"name", "cart"}}}, {"spec", {{"containers", Json::array()}}}};
  for (std::size_t i = 0; i < containers; ++i)
    pod["spec"]["containers"].push_back({{"name", "app" + std::to_string(i)}, {"image", "x"}});
  return pod;
}

Json creation_of(Json object) {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "u-1"},
            {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
            {"namespace", "shop"},
            {"operation", "CREATE"},
            {"object", std::move(object)}}}};
}

// What every answer keeps to; the object as patched, where it is.
Json judge_v1(std::string_view body, const ReviewAnswer& answer) {
  Json told = parse_json(answer.body);
  EXPECT_EQ(text_at(told, {"apiVersion"}), "admission.k8s.io/v1") << body;
  EXPECT_EQ(text_at(told, {"kind"}), "AdmissionReview") << body;
  Json& response = told["response"];
  EXPECT_TRUE(response["uid"].is_string()) << body;
  const bool patched = answer.verdict == ReviewVerdict::kPatched;
  EXPECT_EQ(response["allowed"], patched || answer.verdict == ReviewVerdict::kAllowed) << body;
  EXPECT_EQ(response.contains("patch"), patched) << body;
  if (response["allowed"] == false) {
    EXPECT_NE(text_at(response, {"status", "message"}), "") << body;
  }
  if (!patched) return {};
  const auto patch = decode_base64(text_at(response, {"patch"}));
  EXPECT_TRUE(patch) << body;
  return patch ? parse_json(body)["request"]["object"].patch(Json::parse(*patch)) : Json();
}

bool has_sidecar(const Json& pod) {
  const Json& list = list_at(pod, {"spec", "initContainers"});
  return std::ranges::any_of(list,
                             [](const Json& one) { return name_of_part(one) == "weft-sidecar"; });
}

TEST(HostileReview, CutAnywhereIsRefusedWithAMessage) {
  const std::string whole = creation_of(plain_pod()).dump();
  ASSERT_TRUE(has_sidecar(judge_v1(whole, review_where_all_are_meshed(whole))));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string body = whole.substr(0, size);
    const ReviewAnswer answer = review_where_all_are_meshed(body);
    EXPECT_EQ(answer.verdict, ReviewVerdict::kMalformed) << body;
    judge_v1(body, answer);
  }
}

TEST(HostileReview, ChangedAtAnyByteIsAnsweredAndItsPatchFits) {
  const std::string whole = creation_of(plain_pod()).dump();
  std::size_t patched = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'"', '{', ']', '0', '\\', '\xff'}) {
      std::string body = whole;
      body[at] = c;
      const ReviewAnswer answer = review_where_all_are_meshed(body);
      const Json pod = judge_v1(body, answer);
      if (answer.verdict != ReviewVerdict::kPatched) continue;
      ++patched;
      EXPECT_TRUE(has_sidecar(pod)) << body;
    }
  }
  EXPECT_GT(patched, 0U) << "a change inside of a name is none of ours";
}

TEST(HostileReview, OfWhatBringsNoNewPodIsAllowedAsItIs) {
  Json removal = creation_of(nullptr);
  removal["request"]["operation"] = "DELETE";
  removal["request"]["oldObject"] = plain_pod();
  Json attachment = creation_of({{"kind", "PodAttachOptions"}});
  attachment["request"]["operation"] = "CONNECT";
  attachment["request"]["subResource"] = "attach";
  Json nonsense = creation_of(plain_pod());
  nonsense["request"]["operation"] = 7;
  for (const Json& review : {removal, attachment, nonsense}) {
    const std::string body = review.dump();
    const ReviewAnswer answer = review_where_all_are_meshed(body);
    EXPECT_EQ(answer.verdict, ReviewVerdict::kAllowed) << body;
    judge_v1(body, answer);
  }
  // Of a creation there must be one.
  const std::string nothing = creation_of(nullptr).dump();
  EXPECT_EQ(review_where_all_are_meshed(nothing).verdict, ReviewVerdict::kMalformed);
}

TEST(HostileReview, ADryRunIsAnsweredLikeTheRealOne) {
  const Json real = creation_of(plain_pod());
  Json dry = real;
  dry["request"]["dryRun"] = true;
  EXPECT_EQ(review_where_all_are_meshed(dry.dump()).body,
            review_where_all_are_meshed(real.dump()).body);
}

TEST(HostileReview, OfAPodWithAHundredContainersIsPatchedAndThenLeftAlone) {
  constexpr std::size_t kMany = 100;
  const std::string body = creation_of(plain_pod(kMany)).dump();
  const Json pod = judge_v1(body, review_where_all_are_meshed(body));
  EXPECT_TRUE(has_sidecar(pod));
  EXPECT_EQ(list_at(pod, {"spec", "containers"}).size(), kMany);
  const std::string again = creation_of(pod).dump();
  EXPECT_EQ(review_where_all_are_meshed(again).verdict, ReviewVerdict::kAllowed);
}

class CrowdedWebhook : public ::testing::Test, public http::CallHolder {
 protected:
  void SetUp() override { rig_.start(); }
  void on_response(http::Call&, http::ClientResponse&& response) override {
    heard_ = std::to_string(response.head.status) + " " + response.body;
  }
  void on_failure(http::Call&, const Error& error) override { heard_ = to_string(error); }
  testing::ControlRig rig_;
  std::string heard_;
};

// The API server sends three mebibytes at most.
TEST_F(CrowdedWebhook, AnswersAReviewOfThreeMebibytes) {
  Json pod = plain_pod();
  pod["metadata"]["annotations"] = {{"somebody.else/notes", std::string(3 * 1024 * 1024, 'x')}};
  for (const auto speaks : {http::Client::Speaks::kHttp1, http::Client::Speaks::kAlpn}) {
    const auto dialer = rig_.webhook_dialer(speaks == http::Client::Speaks::kHttp1);
    http::Client client(rig_.turn, *dialer, {.speaks = speaks, .keep = false});
    const auto call = client.send({.method = "POST",
                                   .authority = "weft-control.weft-system.svc",
                                   .target = Webhook::kInject,
                                   .fields = {{"content-type", "application/json"}},
                                   .body = creation_of(pod).dump()},
                                  *this);
    rig_.pass(1s);
    ASSERT_TRUE(heard_.starts_with("200 ")) << heard_.substr(0, 200);
    EXPECT_EQ(text_at(parse_json(std::string_view(heard_).substr(4)), {"response", "patchType"}),
              "JSONPatch");
  }
}

}  // namespace
}  // namespace weft::control
