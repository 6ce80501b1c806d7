// The root in the webhook configurations, which the API server believes weft-control by.

#include "control/kubernetes/webhook_keeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "sidecar/core/base64.h"
#include "tests/control/writer_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::kInjectorsPath;
using testing::kValidatorsPath;
using testing::WriterRig;
using Json = testing::FakeApiServer::Json;

class WebhookBundles : public WriterRig {};

std::string as_base64(const std::string& text) {
  std::string out(base64_size(text.size()), '\0');
  encode_base64(as_bytes(text), out);
  return out;
}

Json make_injector(const std::string& bundle) {
  Json ours = {{"name", "pod.inject.weft.dev"},
               {"clientConfig", {{"service", {{"name", "weft-control"}}}}}};
  if (!bundle.empty()) ours["clientConfig"]["caBundle"] = bundle;
  return {{"apiVersion", "admissionregistration.k8s.io/v1"},
          {"kind", "MutatingWebhookConfiguration"},
          {"metadata", {{"name", "weft-injector"}}},
          {"webhooks",
           {ours,
            {{"name", "elsewhere.example"},
             {"clientConfig", {{"url", "https://elsewhere.example"}}}}}}};
}

TEST_F(WebhookBundles, TheWebhooksBelieveTheMeshsRootAgainAfterEveryEdit) {
  api.put(kInjectorsPath, make_injector(""));
  Json foreign = make_injector("");
  foreign["metadata"]["name"] = "somebody-elses";
  api.put(kInjectorsPath, foreign);
  start();
  start_second();
  const std::string root = as_base64(first->control->authority().root_pem());
  const auto bundle = [&](int at = 0, const char* name = "weft-injector") {
    const Json& held = *api.find(kInjectorsPath, "", name);
    return held["webhooks"][at]["clientConfig"].value("caBundle", "");
  };
  EXPECT_EQ(bundle(), root);
  EXPECT_EQ(bundle(1), "") << "one that calls a URL is none of ours";
  EXPECT_EQ(bundle(0, "somebody-elses"), "");
  // A validator that is installed later, a bundle that somebody has overwritten.
  Json validator = make_injector("AAAA");
  validator["metadata"]["name"] = "weft-validator";
  api.put(kValidatorsPath, validator);
  api.put(kInjectorsPath, make_injector(as_base64("another root")));
  rig.pass(3s);
  EXPECT_EQ(bundle(), root);
  EXPECT_EQ(
      (*api.find(kValidatorsPath, "", "weft-validator"))["webhooks"][0]["clientConfig"]["caBundle"],
      root);
  const auto patches =
      static_cast<std::size_t>(std::ranges::count_if(api.writes, [](const auto& one) {
        return one.path.find("webhookconfigurations/") != std::string::npos;
      }));
  EXPECT_LE(patches, 8u) << "both replicas want the same";
  const std::size_t before = api.writes.size();
  rig.pass(1min, 100ms);
  for (std::size_t i = before; i < api.writes.size(); ++i) {
    EXPECT_EQ(api.writes[i].path.find("webhookconfigurations"), std::string::npos);
  }
}

TEST(BundlePatch, HoldsOnlyForTheVersionThatWasSeen) {
  Json seen = make_injector("AAAA");
  seen["metadata"]["resourceVersion"] = "7";
  const Json patch = Json::parse(kube::bundle_patch(seen, "BBBB"));
  Json done = seen.patch(patch);
  EXPECT_EQ(done["webhooks"][0]["clientConfig"]["caBundle"], "BBBB");
  EXPECT_EQ(done["webhooks"][1], seen["webhooks"][1]);
  Json later = seen;
  later["metadata"]["resourceVersion"] = "8";
  EXPECT_THROW((void)later.patch(patch), Json::exception);
  EXPECT_EQ(kube::bundle_patch(done, "BBBB"), "");
  for (const char* odd : {"null", "[]", "{}", R"({"webhooks":7})", R"({"webhooks":[7,null]})"}) {
    EXPECT_EQ(kube::bundle_patch(Json::parse(odd), "BBBB"), "") << odd;
  }
}

}  // namespace
}  // namespace weft::control
