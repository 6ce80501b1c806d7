#include "xds/certificate_client.h"

#include <gtest/gtest.h>

#include "tests/xds/wire_rig.h"
#include "xds/grpc_stream.h"
#include "xds/proto/ca.pb.h"

namespace weft::xds {
namespace {

using testing::WireRig;
using namespace std::chrono_literals;

// A CA that answers as it is told.
class Authority : public GrpcStream::Holder {
 public:
  explicit Authority(WireRig& rig) : rig_(rig) {
    rig.service.handle_stream("/istio.v1.auth.IstioCertificateService/CreateCertificate",
                              [this](std::unique_ptr<http::ServerStream> stream,
                                     http::RequestHead&& head, bool, Transport&) {
                                authorization = head.headers.find("authorization").value_or("none");
                                if (stream_ != nullptr) stream_->close();
                                rig_.turn.retire(std::move(stream_));
                                stream_ = std::make_unique<GrpcServerStream>(
                                    rig_.turn, std::move(stream), *this, 64 * 1024);
                              });
  }
  ~Authority() {
    if (stream_ != nullptr) stream_->close();
  }
  void on_message(Buffer&& message) override {
    istio::v1::auth::IstioCertificateRequest request;
    EXPECT_TRUE(request.ParseFromString(message.to_string()));
    asked += request.csr() + " for " + std::to_string(request.validity_duration()) + " s\n";
    if (silent) return;
    if (status != http::GrpcStatus::kOk) return stream_->finish(status, "no");
    istio::v1::auth::IstioCertificateResponse answer;
    for (const auto& certificate : chain) answer.add_cert_chain(certificate);
    stream_->send(answer.SerializeAsString());
    stream_->finish(http::GrpcStatus::kOk);
  }
  void on_last_message() override {}
  void on_writable() override {}
  void on_grpc_end(const http::GrpcOutcome&) override {}

  std::vector<std::string> chain{"leaf\n", "middle", "root\n"};
  http::GrpcStatus status = http::GrpcStatus::kOk;
  bool silent = false;
  std::string authorization;
  std::string asked;

 private:
  WireRig& rig_;
  std::unique_ptr<GrpcServerStream> stream_;
};

class Asker : public tls::CertificateIssuer::Holder {
 public:
  void on_issued(tls::Issued issued) override {
    heard += "chain:\n" + issued.chain_pem + "roots:\n" + issued.roots_pem;
  }
  void on_issue_failed(const Error& error) override {
    heard += to_string(error) + (is_retryable(error) ? " (retry)" : " (final)") + "\n";
  }
  std::string heard;
};

struct Scene {
  WireRig rig;
  Authority authority{rig};
  Asker asker;
  Result<std::string> token = std::string("secret\n");
  CertificateClient client{
      rig.turn, rig, {.authority = "weft-control:15012", .lifetime = 24h, .token = [this] {
                        return token;
                      }}};
  std::unique_ptr<tls::CertificateIssuer::Request> request;

  std::string asks() {
    asker.heard.clear();
    request = client.request("csr", asker);
    EXPECT_EQ(asker.heard, "");  // never from inside the call
    rig.run();
    rig.pass(20ms, 10ms);
    return asker.heard;
  }
};

TEST(CertificateClient, SendsTheRequestAndSplitsTheChain) {
  Scene scene;
  EXPECT_EQ(scene.asks(), "chain:\nleaf\nmiddle\nroots:\nroot\n");
  EXPECT_EQ(scene.authority.asked, "csr for 86400 s\n");
  EXPECT_EQ(scene.authority.authorization, "Bearer secret");
}

TEST(CertificateClient, ReadsTheTokenForEachCallAndNeedsNone) {
  Scene scene;
  (void)scene.asks();
  scene.token = std::string("other");
  (void)scene.asks();
  EXPECT_EQ(scene.authority.authorization, "Bearer other");
  scene.token = std::string();
  (void)scene.asks();
  EXPECT_EQ(scene.authority.authorization, "none");
  scene.token = std::string("a\r\nx-evil: b");
  EXPECT_EQ(scene.asks(), "invalid: the token is no token (final)\n");
  scene.token = fail(Fault::kInternal, "cannot read the file");
  EXPECT_EQ(scene.asks(), "internal: cannot read the file (retry)\n");
}

TEST(CertificateClient, KnowsARefusalFromAnOutage) {
  Scene scene;
  scene.authority.status = http::GrpcStatus::kPermissionDenied;
  EXPECT_EQ(scene.asks(), "upstream denied: PERMISSION_DENIED: no (final)\n");
  scene.authority.status = http::GrpcStatus::kUnavailable;
  EXPECT_EQ(scene.asks(), "upstream reset: UNAVAILABLE: no (retry)\n");
  scene.rig.reachable = false;
  EXPECT_EQ(scene.asks(), "upstream connect: refused (retry)\n");
}

TEST(CertificateClient, DoesNotBelieveAnAnswerWithoutARoot) {
  Scene scene;
  scene.authority.chain = {"leaf"};
  EXPECT_EQ(scene.asks(),
            "upstream protocol: the CA's answer holds 1 certificates; a leaf and a root are "
            "needed (retry)\n");
  scene.authority.chain.assign(17, "x");
  EXPECT_EQ(scene.asks(),
            "upstream protocol: the CA's answer holds 17 certificates; a leaf and a root are "
            "needed (retry)\n");
}

TEST(CertificateClient, GivesUpAtTheDeadlineAndWhenItIsDropped) {
  Scene scene;
  scene.authority.silent = true;
  (void)scene.asks();
  scene.rig.pass(11s, 1s);
  EXPECT_NE(scene.asker.heard.find("timeout"), std::string::npos) << scene.asker.heard;
  (void)scene.asks();
  scene.request.reset();
  scene.rig.pass(20s, 1s);
  EXPECT_EQ(scene.asker.heard, "");
}

}  // namespace
}  // namespace weft::xds
