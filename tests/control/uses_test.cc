// What an app declares that it calls, as people write it, and what a pod's annotation becomes.

#include "control/model/uses.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/kubernetes/facts.h"
#include "control/kubernetes/translation.h"
#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::mesh_of;
using testing::mistakes_in;

std::string read_uses(const std::string& text) {
  const Result<Uses> read = Uses::parse(text, "shop");
  return read ? read->to_string() : "refused: " + read.error().detail;
}

TEST(Uses, NamesServicesOfAnyNamespace) {
  EXPECT_EQ(read_uses("bank/ledger, cart ,shop/web"), "bank/ledger,shop/cart,shop/web");
  EXPECT_EQ(read_uses("cart,shop/cart"), "shop/cart") << "twice is once";
  EXPECT_EQ(read_uses("bank/*,*/*"), "*/*,bank/*");
  EXPECT_EQ(read_uses(" "), "") << "an app that calls nobody";
}

TEST(Uses, RefusesWhatNamesNothing) {
  for (const char* text :
       {"cart,", "shop/cart/web", "*", "*/cart", "Cart", "shop/", "/cart", "shop/c*", "cart web"}) {
    EXPECT_EQ(read_uses(text).substr(0, 8), "refused:") << text;
  }
}

TEST(Uses, HasABound) {
  std::string text = "s0";
  for (std::size_t i = 1; i < Uses::kMax; ++i) text += ",s" + std::to_string(i);
  EXPECT_TRUE(Uses::parse(text, "shop").has_value());
  EXPECT_FALSE(Uses::parse(text + ",one-more", "shop").has_value());
}

TEST(Uses, CoversServicesNamespacesAndAll) {
  const Uses some = Uses::parse("cart,bank/*", "shop").value();
  EXPECT_TRUE(some.covers({"shop", "cart"}));
  EXPECT_FALSE(some.covers({"shop", "web"}));
  EXPECT_TRUE(some.covers({"bank", "ledger"}));
  EXPECT_FALSE(some.everything());
  EXPECT_TRUE(Uses::parse("*/*", "shop")->covers({"any", "thing"}));
}

std::string workload_that(const std::string& annotation, const std::string& uses) {
  return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-a, namespace: shop" +
         (annotation.empty() ? "" : ", annotations: {weft.dev/uses: \"" + annotation + "\"}") +
         "}\nspec: {address: 127.5.1.1" + (uses.empty() ? "" : ", uses: " + uses) + "}\n";
}

std::string uses_of(const std::string& yaml) {
  const auto mesh = mesh_of(yaml);
  const Workload& workload = *mesh->workloads.at({"shop", "web-a"});
  return workload.uses ? "uses " + workload.uses->to_string() : "has not said";
}

TEST(Uses, OfAWorkloadAreItsFieldOrItsAnnotation) {
  EXPECT_EQ(uses_of(workload_that("", "")), "has not said");
  EXPECT_EQ(uses_of(workload_that("", "[cart, bank/*]")), "uses bank/*,shop/cart");
  EXPECT_EQ(uses_of(workload_that("", "[]")), "uses ");
  EXPECT_EQ(uses_of(workload_that("cart, bank/ledger", "")), "uses bank/ledger,shop/cart");
  EXPECT_EQ(uses_of(workload_that("cart", "[web]")), "uses shop/web") << "the field counts";
}

TEST(Uses, OfAWorkloadAreRefusedByPlace) {
  EXPECT_NE(mistakes_in(workload_that("", "[shop/cart/web]")).find("spec.uses[0]: 'shop/cart/web'"),
            std::string::npos)
      << mistakes_in(workload_that("", "[shop/cart/web]"));
  EXPECT_NE(mistakes_in(workload_that("Cart", "")).find("annotation weft.dev/uses: 'Cart'"),
            std::string::npos)
      << mistakes_in(workload_that("Cart", ""));
}

kube::Json pod(const std::string& uses) {
  return kube::Json::parse(R"({
    "metadata": {"name": "web-1", "namespace": "shop",
                 "annotations": {"weft.dev/status": "{}", "weft.dev/uses": ")" +
                           uses + R"("}},
    "spec": {"containers": [{"name": "app"}],
             "initContainers": [{"name": "weft-sidecar", "restartPolicy": "Always"}]},
    "status": {"podIP": "10.1.1.1"}})");
}

TEST(Uses, OfAPodAreItsAnnotation) {
  kube::Translation translation;
  translation.put({"shop", "web-1"}, kube::read_pod(pod("cart, bank/*")).value());
  const Workload workload = translation.workload({"shop", "web-1"}).value();
  EXPECT_TRUE(workload.redirected);
  ASSERT_TRUE(workload.uses.has_value());
  EXPECT_EQ(workload.uses->to_string(), "bank/*,shop/cart");
  EXPECT_EQ(translation.objection_to({"shop", "web-1"}), "");
  // And back, as `weft` reads it.
  EXPECT_EQ(mistakes_in(kube::workload_document(workload)), "");
  EXPECT_NE(kube::workload_document(workload).find(R"("uses":["bank/*","shop/cart"])"),
            std::string::npos);
}

// A part of what it calls would cut it off from the rest.
TEST(Uses, OfAPodCountWholeOrNotAtAllAndItIsSaid) {
  kube::Translation translation;
  translation.put({"shop", "web-1"}, kube::read_pod(pod("cart, Bank")).value());
  EXPECT_FALSE(translation.workload({"shop", "web-1"})->uses.has_value());
  EXPECT_NE(translation.objection_to({"shop", "web-1"}).find("weft.dev/uses: 'Bank'"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::control
