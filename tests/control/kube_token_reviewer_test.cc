// Whose token it is: what the API server says, and what is believed of it.

#include "control/kubernetes/kube_token_reviewer.h"

#include <gtest/gtest.h>

#include "control/certificate_service.h"
#include "tests/control/fake_api_server.h"
#include "tls/certificate.h"
#include "tls/csr.h"
#include "xds/certificate_client.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;

std::string judged(std::uint16_t status, const std::string& body) {
  const auto name = kube::judge_review(status, body);
  if (name) return name->to_string();
  return std::string(name_of(name.error().what)) + ": " + name.error().detail;
}

std::string answer(const std::string& user, const std::string& audiences = R"(["weft.dev"])",
                   const std::string& groups = R"(["system:serviceaccounts"])") {
  return R"({"status":{"authenticated":true,"audiences":)" + audiences +
         R"(,"user":{"username":")" + user + R"(","groups":)" + groups + "}}}";
}

TEST(TokenReview, BelievesOnlyAServiceAccountWithOurAudience) {
  EXPECT_EQ(judged(201, answer("system:serviceaccount:shop:cart")), "shop/cart");
  EXPECT_EQ(judged(201, answer("system:serviceaccount:shop:cart", R"(["x","weft.dev"])")),
            "shop/cart");
  for (const std::string audiences :
       {"[]", R"(["https://kubernetes.default.svc"])", "7", R"("weft.dev")"}) {
    EXPECT_EQ(judged(201, answer("system:serviceaccount:shop:cart", audiences)),
              "bad_token: the token was not made for weft.dev");
  }
  for (const std::string user :
       {"admin", "system:serviceaccount:shop", "system:serviceaccount::cart",
        "system:serviceaccount:shop:", "system:serviceaccount:shop:a/b",
        "system:serviceaccount:Shop:cart", "system:serviceaccount:shop:a:b", "system:node:n"}) {
    EXPECT_EQ(judged(201, answer(user)), "bad_token: the token is no ServiceAccount's") << user;
  }
  EXPECT_EQ(judged(201, answer("system:serviceaccount:shop:cart", R"(["weft.dev"])", "[]")),
            "bad_token: the token is no ServiceAccount's");
}

TEST(TokenReview, TakesNoForNoAndNonsenseForNothing) {
  EXPECT_EQ(judged(201, R"({"status":{"authenticated":false,"error":"expired\n"}})"),
            "bad_token: the API server does not know the token: expired\\n");
  EXPECT_EQ(judged(201, R"({"status":{"authenticated":"true"}})"),
            "bad_token: the API server does not know the token");
  EXPECT_EQ(judged(500, "x"), "internal: the API server answers the review with 500");
  for (const char* nonsense : {"", "[]", "{}", R"({"status":7})", "{\"status\":"}) {
    EXPECT_EQ(judged(201, nonsense), "internal: the API server's review cannot be read");
  }
}

// A pod asks for its certificate; the API server is behind one wire, the CA behind another.
class ServiceAccountTokens : public ::testing::Test, public tls::CertificateIssuer::Holder {
 protected:
  ServiceAccountTokens() : api(cluster) {
    api.tokens["pods-token"] = "shop/cart";
    service.set_reviewer(&reviewer);
    service.add_to(ca.service);
  }
  void on_issued(tls::Issued given) override {
    issued = std::move(given);
    heard = "issued";
  }
  void on_issue_failed(const Error& error) override { heard = error.detail; }

  std::string ask(const std::string& account, const std::string& token) {
    xds::CertificateClient asking(ca.turn, ca, {.authority = "weft-control:15012", .token = [&] {
                                                  return Result<std::string>(token);
                                                }});
    const SpiffeId id = SpiffeId::make("cluster.local", "shop", account).value();
    const auto request = asking.request(tls::make_csr(key, id).value(), *this);
    heard.clear();
    for (int i = 0; i < 2000 && heard.empty(); ++i) {
      ca.pass(10ms, 10ms);
      cluster.pass(10ms, 10ms);
    }
    return heard;
  }

  xds::testing::WireRig cluster;
  xds::testing::WireRig ca;
  testing::FakeApiServer api;
  kube::KubeClient client{cluster.turn, cluster,
                          kube::KubeIdentity({.host = "10.96.0.1", .token = "secret"})};
  kube::KubeTokenReviewer reviewer{client};
  Authority authority =
      Authority::from_pem(Authority::make_root_pem({}).value(), &read_wall_clock).value();
  CertificateService service{ca.turn, authority};
  tls::Key key = tls::Key::generate().value();
  tls::Issued issued;
  std::string heard;
};

TEST_F(ServiceAccountTokens, GiveTheCertificateOfTheirAccountAndNoOther) {
  EXPECT_EQ(ask("cart", "pods-token"), "issued");
  EXPECT_EQ(tls::parse_certificate(issued.chain_pem)->spiffe_id.uri(),
            "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_NE(ask("ledger", "pods-token").find("PERMISSION_DENIED"), std::string::npos);
  EXPECT_NE(ask("cart", "strangers-token").find("UNAUTHENTICATED"), std::string::npos);
  api.audience = "https://kubernetes.default.svc";
  EXPECT_NE(ask("cart", "pods-token").find("was not made for weft.dev"), std::string::npos);
}

TEST_F(ServiceAccountTokens, AreNotBelievedWhileNobodyCanBeAsked) {
  cluster.reachable = false;
  EXPECT_NE(ask("cart", "pods-token").find("INTERNAL"), std::string::npos);
  cluster.reachable = true;
  api.refuse = 429;
  EXPECT_NE(ask("cart", "pods-token").find("INTERNAL"), std::string::npos);
  api.refuse.reset();
  EXPECT_EQ(ask("cart", "pods-token"), "issued");
}

TEST_F(ServiceAccountTokens, LeaveJoinTokensAsTheyWere) {
  const std::string token = authority.make_token("shop", "cart", std::chrono::hours(1)).value();
  EXPECT_EQ(ask("cart", token), "issued");
  EXPECT_TRUE(api.requests.empty());
}

}  // namespace
}  // namespace weft::control
