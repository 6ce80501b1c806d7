// Who gets in at which door, and what each is told (decisions A8, threats.md CP-03, CP-07).

#include "control/server.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/control/control_rig.h"
#include "tls/csr.h"
#include "tls/key.h"
#include "xds/ads.h"
#include "xds/grpc_stream.h"
#include "xds/proto/discovery.pb.h"
#include "xds/wire.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::ControlRig;
using testing::Subscriber;
using Names = std::set<std::string>;

const std::string kCartNodeId = "sidecar~127.5.1.1~cart-a.shop~shop.svc.cluster.local";

// Asks the CA once and writes down the answer.
class CertificateAsker final : public tls::CertificateIssuer::Holder {
 public:
  CertificateAsker(ControlRig& rig, std::shared_ptr<const tls::ClientContext> context,
                   const std::string& token)
      : rig_(rig),
        dialer_(rig.dialer(std::move(context))),
        client_(rig.turn, *dialer_,
                {.authority = "weft-control:15012", .token = [token] { return token; }}) {}

  // The identity in the certificate, or why not.
  std::string ask_for(const std::string& account) {
    const SpiffeId id = SpiffeId::make("cluster.local", "shop", account).value();
    request_ = client_.request(tls::make_csr(tls::Key::generate().value(), id).value(), *this);
    rig_.pass(1s);
    return heard_;
  }
  void on_issued(tls::Issued issued) override {
    heard_ = tls::parse_certificate(issued.chain_pem).value().spiffe_id.uri();
    EXPECT_EQ(issued.roots_pem, rig_.control->authority().root_pem());
  }
  void on_issue_failed(const Error& error) override { heard_ = error.detail; }

 private:
  ControlRig& rig_;
  std::unique_ptr<tls::Dialer> dialer_;
  xds::CertificateClient client_;
  std::unique_ptr<tls::CertificateIssuer::Request> request_;
  std::string heard_;
};

// A client at the plain door that reads names and believes nothing, over SotW.
class GrpcClient final : public http::ClientConnection::Owner, public xds::GrpcStream::Holder {
 public:
  GrpcClient(ControlRig& rig, std::string id) : rig_(rig), pipe_(rig.turn), id_(std::move(id)) {
    rig.control->server().plain_door().adopt(pipe_.take_right());
    connection_ = std::make_unique<http::ClientConnection>(
        rig.turn, pipe_.take_left(), http::Protocol::kHttp2, http::ConnectionOptions{}, *this);
    move();
    stream_ = std::make_unique<xds::GrpcClientStream>(
        rig.turn, *connection_,
        xds::GrpcClientStream::Call{.authority = "xds", .path = std::string(xds::kSotwPath)}, *this,
        1024 * 1024);
  }
  ~GrpcClient() {
    stream_->close();
    connection_->abandon();
  }

  // "name name ", or the status that ended the stream.
  std::string ask(const std::string& type) {
    envoy::service::discovery::v3::DiscoveryRequest request;
    request.mutable_node()->set_id(id_);
    request.set_type_url("type.googleapis.com/" + type);
    stream_->send(request.SerializeAsString());
    heard_.clear();
    move();
    return heard_;
  }

  void on_message(Buffer&& message) override {
    envoy::service::discovery::v3::DiscoveryResponse response;
    ASSERT_TRUE(response.ParseFromString(message.to_string()));
    for (const auto& resource : response.resources()) {
      // Of both kinds the first field is the name.
      heard_ += std::string(xds::peek_field(resource.value(), 1).value_or("?")) + " ";
    }
  }
  void on_last_message() override {}
  void on_writable() override {}
  void on_grpc_end(const http::GrpcOutcome& outcome) override {
    heard_ += http::name_of(outcome.status);
  }
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection&, const Error&) override {}

 private:
  void move() {
    for (int i = 0; i < 20; ++i) {
      pipe_.run();
      rig_.run();
    }
  }

  ControlRig& rig_;
  weft::testing::MemoryPipe pipe_;
  std::string id_;
  std::unique_ptr<http::ClientConnection> connection_;
  std::unique_ptr<xds::GrpcClientStream> stream_;
  std::string heard_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    rig_.files.write(
        "cart.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"
        "spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
        "apiVersion: weft.dev/v1alpha1\nkind: Workload\n"
        "metadata: {name: cart-a, namespace: shop, labels: {app: cart}}\n"
        "spec: {address: 127.5.1.1, serviceAccount: cart,\n"
        "       ports: [{name: http, port: 8080, appPort: 9001, appProtocol: http}]}\n");
  }
  [[nodiscard]] bool counts(const std::string& line) {
    return rig_.page("/metrics").find("\n" + line + "\n") != std::string::npos;
  }
  [[nodiscard]] std::string token(const std::string& account) const {
    return rig_.control->authority().make_token("shop", account, 1h).value();
  }

  ControlRig rig_;
};

TEST_F(ServerTest, TellsConfigurationToTheWorkloadsOwnCertificateOnly) {
  rig_.start();
  const auto own = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  const auto nobody = Subscriber::sidecar(rig_, kCartNodeId, "");
  const auto other = Subscriber::sidecar(rig_, kCartNodeId, "ledger");
  const auto namesake = Subscriber::sidecar(rig_, kCartNodeId, "cart", "other");
  const auto nowhere =
      Subscriber::sidecar(rig_, "sidecar~127.5.1.7~late.bank~bank.svc.cluster.local", "cart");
  const auto nameless = Subscriber::sidecar(rig_, "grpc-client", "cart");
  rig_.run();
  EXPECT_EQ(own->generations, "1") << own->last_error();
  for (const Subscriber* refused :
       {nobody.get(), other.get(), namesake.get(), nowhere.get(), nameless.get()}) {
    EXPECT_NE(refused->last_error().find("PERMISSION_DENIED"), std::string::npos)
        << refused->last_error();
    EXPECT_TRUE(refused->held.empty());
  }
  EXPECT_NE(other->last_error().find("is not the identity of Workload shop/cart-a"),
            std::string::npos)
      << other->last_error();
  EXPECT_TRUE(counts("weft_control_streams_refused_total{door=\"tls\",reason=\"denied\"} 5"));
}

TEST_F(ServerTest, SignsForATokenItsOwnIdentityAndNoOther) {
  rig_.start();
  CertificateAsker newcomer(rig_, rig_.context(), token("cart"));
  EXPECT_EQ(newcomer.ask_for("cart"), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_NE(newcomer.ask_for("ledger").find("PERMISSION_DENIED"), std::string::npos);
  CertificateAsker nobody(rig_, rig_.context(), "");
  EXPECT_NE(nobody.ask_for("cart").find("UNAUTHENTICATED"), std::string::npos);
  EXPECT_TRUE(counts("weft_control_signings_total{result=\"signed\"} 1"));
  EXPECT_TRUE(counts("weft_control_signings_total{result=\"wrong_identity\"} 1"));
  EXPECT_TRUE(counts("weft_control_signings_total{result=\"no_credentials\"} 1"));
}

TEST_F(ServerTest, RenewsForACertificateWithoutAToken) {
  rig_.start();
  CertificateAsker renewing(rig_, rig_.context("shop", "cart"), "");
  EXPECT_EQ(renewing.ask_for("cart"), "spiffe://cluster.local/ns/shop/sa/cart");
  // And a token for somebody else does not help the holder of a certificate.
  CertificateAsker greedy(rig_, rig_.context("shop", "cart"), token("ledger"));
  EXPECT_NE(greedy.ask_for("ledger").find("PERMISSION_DENIED"), std::string::npos);
}

TEST_F(ServerTest, TellsGrpcClientsOnlyWhatTheyMaySee) {
  rig_.start();
  GrpcClient client(rig_, "grpc-client");
  EXPECT_EQ(client.ask("envoy.config.listener.v3.Listener"), "cart.shop.svc.cluster.local:80 ");
  EXPECT_EQ(client.ask("envoy.config.cluster.v3.Cluster"),
            "outbound|80||cart.shop.svc.cluster.local ");
  GrpcClient disguised(rig_, kCartNodeId);
  EXPECT_EQ(disguised.ask("envoy.config.listener.v3.Listener"), "PERMISSION_DENIED");
}

TEST_F(ServerTest, SignsNothingAtThePlainDoor) {
  rig_.start();
  class Plain final : public Dialer {
   public:
    explicit Plain(Connector& connector) : connector_(connector) {}
    std::unique_ptr<Dial> dial(DialHolder& holder) override {
      return connector_.connect(SocketAddress(IpAddress::v4(0x7f000001), ControlRig::kPlainPort),
                                {}, holder);
    }

   private:
    Connector& connector_;
  } dialer(rig_);
  std::string shown = token("cart");
  xds::CertificateClient client(rig_.turn, dialer,
                                {.authority = "weft-control", .token = [shown] { return shown; }});
  struct Heard final : tls::CertificateIssuer::Holder {
    void on_issued(tls::Issued) override { issued = true; }
    void on_issue_failed(const Error&) override { failed = true; }
    bool issued = false;
    bool failed = false;
  } heard;
  const SpiffeId id = SpiffeId::make("cluster.local", "shop", "cart").value();
  const auto request =
      client.request(tls::make_csr(tls::Key::generate().value(), id).value(), heard);
  rig_.pass(1s);
  EXPECT_TRUE(heard.failed);
  EXPECT_FALSE(heard.issued);
}

TEST_F(ServerTest, RenewsItsOwnCertificateAndKeepsItsConnections) {
  rig_.start();
  const auto own = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  const WallTime first = rig_.control->server().certificate_expires();
  EXPECT_GT(first, ControlRig::wall_now + 23h);
  ControlRig::wall_now += 11h;
  rig_.pass(6min, 10s);
  EXPECT_EQ(rig_.control->server().certificate_expires(), first);
  ControlRig::wall_now += 2h;
  rig_.pass(6min, 10s);
  EXPECT_GT(rig_.control->server().certificate_expires(), first);
  EXPECT_EQ(own->last_error(), "");
  const auto later = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  EXPECT_EQ(later->generations, "1") << later->last_error();
}

TEST_F(ServerTest, HoldsNoMoreConnectionsThanItMay) {
  Control::Options options;
  options.server.connections_max = 1;
  rig_.start(options);
  const auto first = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  const auto second = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  EXPECT_EQ(first->generations, "1");
  EXPECT_EQ(second->generations, "");
  EXPECT_TRUE(counts("weft_control_connections{door=\"tls\"} 1"));
  EXPECT_TRUE(counts("weft_control_connections_refused_total{door=\"tls\",reason=\"limit\"} 1"));
}

TEST_F(ServerTest, HoldsNoMoreStreamsThanItMay) {
  Control::Options options;
  options.server.ads.streams_max = 1;
  rig_.start(options);
  const auto first = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  const auto second = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  EXPECT_NE(second->last_error().find("UNAVAILABLE"), std::string::npos) << second->last_error();
  EXPECT_TRUE(counts("weft_control_streams_refused_total{door=\"tls\",reason=\"limit\"} 1"));
}

TEST_F(ServerTest, BreaksOffAMessageThatIsTooLarge) {
  Control::Options options;
  options.server.ads.message_bytes_max = 64;
  rig_.start(options);
  const auto node = Subscriber::sidecar(rig_, kCartNodeId, "cart");
  rig_.run();
  EXPECT_NE(node->last_error().find("RESOURCE_EXHAUSTED"), std::string::npos) << node->last_error();
  EXPECT_TRUE(counts("weft_control_streams_refused_total{door=\"tls\",reason=\"broken\"} 1"));
}

TEST_F(ServerTest, HangsUpOnWhoeverDoesNotSpeakItsLanguage) {
  rig_.start();
  weft::testing::MemoryPipe pipe(rig_.turn);
  rig_.control->server().tls_door().adopt(pipe.take_right());
  weft::testing::Ear ear;
  auto transport = pipe.take_left();
  transport->set_sink(&ear);
  transport->write(Buffer("GET /mesh HTTP/1.1\r\nhost: localhost\r\n\r\n"));
  transport->flush();
  pipe.run();
  EXPECT_EQ(rig_.control->server().tls_door().connections(), 0u);
  EXPECT_EQ(ear.text.find("HTTP/"), std::string::npos);
  EXPECT_TRUE(
      counts("weft_control_connections_refused_total{door=\"tls\",reason=\"handshake\"} 1"));
}

TEST_F(ServerTest, HangsUpOnWhoeverHasNothingToAsk) {
  rig_.start();
  // Speaks HTTP/2 and opens no stream.
  class Idler final : public DialHolder, public http::ClientConnection::Owner {
   public:
    explicit Idler(Turn& turn) : turn_(turn) {}
    ~Idler() {
      if (connection_ != nullptr) connection_->abandon();
    }
    void on_dialed(std::unique_ptr<Transport> transport) override {
      connection_ = std::make_unique<http::ClientConnection>(
          turn_, std::move(transport), http::Protocol::kHttp2, http::ConnectionOptions{}, *this);
    }
    void on_dial_failed(const Error& error) override { ADD_FAILURE() << error.detail; }
    void on_capacity(http::ClientConnection&) override {}
    void on_connection_done(http::ClientConnection&, const Error&) override {}

   private:
    Turn& turn_;
    std::unique_ptr<http::ClientConnection> connection_;
  } idler(rig_.turn);
  const auto dialer = rig_.dialer(rig_.context());
  const auto dial = dialer->dial(idler);
  rig_.pass(Door::kIdle - 5s, 100ms);
  EXPECT_EQ(rig_.control->server().tls_door().connections(), 1u);
  rig_.pass(15s, 100ms);
  EXPECT_EQ(rig_.control->server().tls_door().connections(), 0u);
}

TEST_F(ServerTest, GivesUpOnAHandshakeThatDoesNotCome) {
  rig_.start();
  weft::testing::MemoryPipe pipe(rig_.turn);
  rig_.control->server().tls_door().adopt(pipe.take_right());
  const auto silent = pipe.take_left();
  rig_.pass(6s, 100ms);
  EXPECT_EQ(rig_.control->server().tls_door().connections(), 0u);
}

TEST_F(ServerTest, AnswersAdminPagesToLoopbackNamesOnly) {
  rig_.start();
  EXPECT_NE(rig_.page("/config").find("\"kind\": \"Workload\""), std::string::npos);
  weft::testing::MemoryPipe pipe(rig_.turn);
  rig_.control->admin().adopt(pipe.take_right());
  weft::testing::Ear ear;
  auto transport = pipe.take_left();
  transport->set_sink(&ear);
  transport->write(Buffer("GET /mesh HTTP/1.1\r\nhost: evil.example\r\n\r\n"));
  transport->flush();
  pipe.run();
  EXPECT_TRUE(ear.text.starts_with("HTTP/1.1 421 ")) << ear.text;
}

}  // namespace
}  // namespace weft::control
