// The CA's door: a client of ours asks over a memory pipe; what it gets, and what is counted.

#include "control/certificate_service.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sidecar/http/client.h"
#include "sidecar/http/grpc.h"
#include "tests/control/temporary_directory.h"
#include "tests/sidecar/http/http2_pair.h"
#include "tests/xds/wire_rig.h"
#include "tls/certificate.h"
#include "tls/csr.h"
#include "xds/certificate_client.h"
#include "xds/certificate_messages.h"

namespace weft::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using xds::testing::WireRig;

SpiffeId account_id(const std::string& account) {
  return SpiffeId::make("cluster.local", "shop", account).value();
}

class Asker final : public tls::CertificateIssuer::Holder {
 public:
  void on_issued(tls::Issued given) override {
    issued = std::move(given);
    heard = "issued";
  }
  void on_issue_failed(const Error& error) override { heard = to_string(error); }
  tls::Issued issued;
  std::string heard;
};

// A raw call, for what no client of ours would send.
class RawCall final : public http::CallHolder {
 public:
  void on_response(http::Call&, http::ClientResponse&& response) override {
    const auto outcome = http::read_grpc_outcome(
        response.head, response.trailers.empty() ? nullptr : &response.trailers);
    heard = std::string(http::name_of(outcome.status)) + ": " + outcome.message;
  }
  void on_failure(http::Call&, const Error& error) override { heard = to_string(error); }
  std::string heard;
};

class CertificateServiceTest : public ::testing::Test {
 protected:
  CertificateServiceTest() { door_.add_to(rig_.service); }

  std::string ask(const std::string& csr, const std::string& token, Duration lifetime = {}) {
    xds::CertificateClient client(rig_.turn, rig_,
                                  {.authority = "weft-control:15012",
                                   .lifetime = lifetime,
                                   .token = [token] { return Result<std::string>(token); }});
    const auto request = client.request(csr, asker_);
    for (asker_.heard.clear(); asker_.heard.empty();) rig_.pass(milliseconds(10), milliseconds(10));
    return asker_.heard;
  }
  std::string csr(const std::string& account) const {
    return tls::make_csr(key_, account_id(account)).value();
  }
  std::string token(const std::string& account) const {
    return authority_.make_token("shop", account, hours(1)).value();
  }
  [[nodiscard]] std::uint64_t counted(Signing what) const {
    return authority_.signings(what).value();
  }

  control::testing::TemporaryDirectory directory_;
  Authority authority_ = Authority::open({.state_dir = directory_.path()}).value();
  tls::Key key_ = tls::Key::generate().value();
  WireRig rig_;
  CertificateService door_{rig_.turn, authority_};
  Asker asker_;
};

TEST_F(CertificateServiceTest, GivesTheBearerOfATokenALeafAndTheRoot) {
  EXPECT_EQ(ask(csr("cart"), token("cart")), "issued");
  const auto leaf = tls::parse_certificate(asker_.issued.chain_pem).value();
  EXPECT_EQ(leaf.spiffe_id, account_id("cart"));
  EXPECT_TRUE(leaf.public_key.same_public_half(key_));
  EXPECT_EQ(asker_.issued.roots_pem, authority_.root_pem());
  EXPECT_EQ(counted(Signing::kSigned), 1u);
}

TEST_F(CertificateServiceTest, RenewsForWhoeverMtlsProvedAndAsksForNoToken) {
  rig_.proved = {.secured = true, .peer = account_id("cart"), .alpn = "h2"};
  EXPECT_EQ(ask(csr("cart"), ""), "issued");
  // A token of somebody else's does not help.
  EXPECT_EQ(ask(csr("ledger"), token("ledger")),
            "upstream denied: PERMISSION_DENIED: CSR: it asks for "
            "'spiffe://cluster.local/ns/shop/sa/ledger' where only "
            "'spiffe://cluster.local/ns/shop/sa/cart' is allowed");
  EXPECT_EQ(counted(Signing::kWrongIdentity), 1u);
}

TEST_F(CertificateServiceTest, GivesNoLongerThanIsAllowed) {
  authority_.set_leaf_lifetime_max(seconds(30));
  EXPECT_EQ(ask(csr("cart"), token("cart"), hours(24)), "issued");
  const auto leaf = tls::parse_certificate(asker_.issued.chain_pem).value();
  EXPECT_LE(leaf.not_after - leaf.not_before, seconds(30) + minutes(1) + seconds(1));
}

TEST_F(CertificateServiceTest, RefusesWithAReasonAndCountsIt) {
  EXPECT_EQ(ask(csr("cart"), ""),
            "upstream denied: UNAUTHENTICATED: neither a certificate nor a join token was shown");
  EXPECT_EQ(ask(csr("cart"), "weft1.x.y"),
            "upstream denied: UNAUTHENTICATED: join token: not signed by this root");
  EXPECT_EQ(ask("hello", token("cart")).substr(0, 37), "upstream invalid: INVALID_ARGUMENT: C");
  EXPECT_EQ(counted(Signing::kNoCredentials), 1u);
  EXPECT_EQ(counted(Signing::kBadToken), 1u);
  EXPECT_EQ(counted(Signing::kBadRequest), 1u);
  EXPECT_EQ(counted(Signing::kSigned), 0u);
}

TEST_F(CertificateServiceTest, GivesTheControlPlanesIdentityToNobody) {
  const SpiffeId own = SpiffeId::make("cluster.local", "weft-system", "weft-control").value();
  EXPECT_FALSE(authority_.make_token("weft-system", "weft-control", hours(1)));
  rig_.proved = {.secured = true, .peer = own, .alpn = "h2"};
  EXPECT_EQ(ask(tls::make_csr(key_, own).value(), ""),
            "upstream denied: PERMISSION_DENIED: spiffe://cluster.local/ns/weft-system/sa/"
            "weft-control is the control plane's own");
}

TEST_F(CertificateServiceTest, RefusesWhatIsNoRequest) {
  const auto raw = [&](std::string body) {
    RawCall holder;
    http::Client client(rig_.turn, rig_, {.speaks = http::Client::Speaks::kHttp2, .keep = false});
    const auto call = client.send({.method = "POST",
                                   .authority = "weft-control:15012",
                                   .target = std::string(xds::kCreateCertificatePath),
                                   .body = std::move(body)},
                                  holder);
    rig_.pass(milliseconds(50), milliseconds(10));
    return holder.heard;
  };
  const std::string prefix("\0\0\0\0", 4);
  EXPECT_EQ(raw(""), "INVALID_ARGUMENT: no request in it");
  EXPECT_EQ(raw(prefix + "\1\xff"), "INVALID_ARGUMENT: not an IstioCertificateRequest");
  EXPECT_EQ(raw(prefix + "\7half"), "INTERNAL: the stream ended inside a message");
  EXPECT_EQ(raw(std::string("\0\1\0\0\1", 5)).substr(0, 18), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(raw("\1" + prefix).substr(0, 8), "INTERNAL");  // compressed
  EXPECT_EQ(counted(Signing::kBadRequest), 5u);
}

TEST_F(CertificateServiceTest, WaitsForARequestOnlySoLongAndForSoMany) {
  class Nobody final : public http::ClientConnection::Owner {
   public:
    void on_capacity(http::ClientConnection&) override {}
    void on_connection_done(http::ClientConnection&, const Error&) override {}
  } nobody;
  // A connection has room for a hundred streams, so it takes several.
  struct Caller {
    explicit Caller(Turn& turn) : pipe(turn) {}
    weft::testing::MemoryPipe pipe;
    std::unique_ptr<http::ClientConnection> connection;
  };
  std::vector<std::unique_ptr<Caller>> callers;
  const auto call = [&]() -> http::ClientConnection& {
    if (callers.empty() || callers.back()->connection->available() == 0) {
      callers.push_back(std::make_unique<Caller>(rig_.turn));
      Caller& fresh = *callers.back();
      rig_.service.adopt(fresh.pipe.take_right());
      fresh.connection = std::make_unique<http::ClientConnection>(
          rig_.turn, fresh.pipe.take_left(), http::Protocol::kHttp2, http::ConnectionOptions(),
          nobody);
      fresh.pipe.run();
    }
    return *callers.back()->connection;
  };
  std::vector<std::unique_ptr<http::testing::Hearer>> all;
  while (all.size() <= CertificateService::kCallsMax) {
    auto head = http::testing::get(xds::kCreateCertificatePath);
    head.method = http::Method::kPost;
    head.method_name = "POST";
    http::ClientConnection& connection = call();
    ASSERT_GT(connection.available(), 0U);
    all.push_back(std::make_unique<http::testing::Hearer>());
    all.back()->client = connection.open(head, false, *all.back());
    callers.back()->pipe.run();
  }
  EXPECT_EQ(counted(Signing::kBusy), 1U) << "the last one is one too many";
  EXPECT_FALSE(all.front()->ended);
  EXPECT_TRUE(all.back()->ended);
  for (int i = 0; i < 11; ++i) {
    rig_.turn.advance(rig_.turn.now() + seconds(1));
    for (const auto& caller : callers) caller->pipe.run();
  }
  for (const auto& one : all) EXPECT_TRUE(one->ended);
  EXPECT_EQ(counted(Signing::kBadRequest), CertificateService::kCallsMax);
  all.clear();
  for (const auto& caller : callers) {
    caller->connection->abandon();
    rig_.turn.retire(std::move(caller->connection));
  }
  rig_.turn.end();
}

}  // namespace
}  // namespace weft::control
