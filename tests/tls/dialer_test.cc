// Dialer: connect, then handshake, each of which may fail, take too long, or be dropped.
#include "tls/dialer.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

using std::chrono::seconds;

// Answers when the test says so.
class FakeConnector final : public Connector {
 public:
  struct Pending final : public Dial {
    FakeConnector& connector;
    explicit Pending(FakeConnector& c) : connector(c) {}
    ~Pending() override { connector.holder = nullptr; }
  };
  DialHolder* holder = nullptr;
  int calls = 0;
  SocketAddress address;

  std::unique_ptr<Dial> connect(const SocketAddress& to, const ConnectOptions&,
                                DialHolder& h) override {
    ++calls;
    address = to;
    holder = &h;
    return std::make_unique<Pending>(*this);
  }
};

class Caller final : public DialHolder {
 public:
  std::unique_ptr<Dial> dial;
  std::unique_ptr<Transport> transport;
  std::optional<Error> error;
  bool drops = true;

  void on_dialed(std::unique_ptr<Transport> opened) override {
    transport = std::move(opened);
    if (drops) dial.reset();
  }
  void on_dial_failed(const Error& failed) override {
    error = failed;
    dial.reset();
  }
};

class Dialing : public ::testing::Test {
 protected:
  Cast cast_;
  Turn turn_{TimePoint{}};
  MemoryPipe pipe_{turn_};
  Party server_;
  FakeConnector connector_;
  Caller caller_;
  std::optional<Dialer> dialer_;

  void dial() {
    dialer_.emplace(turn_, connector_, cast_.client(),
                    Dialer::Options{.address = SocketAddress::parse("10.0.0.1:443").value(),
                                    .tls = {.handshake_timeout = seconds(3)}});
    caller_.dial = dialer_->dial(caller_);
  }
  void connected() {
    server_.stream = Stream::accept(turn_, pipe_.take_right(), cast_.server(), server_, {});
    connector_.holder->on_dialed(pipe_.take_left());
  }
};

TEST_F(Dialing, GivesATransportReadyForTheFirstByte) {
  dial();
  EXPECT_EQ(connector_.address.to_string(), "10.0.0.1:443");
  connected();
  EXPECT_EQ(caller_.transport, nullptr);
  pipe_.run();
  ASSERT_NE(caller_.transport, nullptr);
  EXPECT_EQ(caller_.dial, nullptr);
  EXPECT_EQ(caller_.transport->tls().peer.service_account(), "server");
  Ear ear;
  caller_.transport->set_sink(&ear);
  caller_.transport->write(Buffer("hello"));
  caller_.transport->flush();
  server_.say("welcome");
  pipe_.run();
  EXPECT_EQ(server_.story(), "ready, heard hello");
  EXPECT_EQ(ear.text, "welcome");
}

TEST_F(Dialing, MayKeepTheDialUntilLater) {
  caller_.drops = false;
  dial();
  connected();
  pipe_.run();
  ASSERT_NE(caller_.transport, nullptr);
  caller_.dial.reset();
  caller_.transport->write(Buffer("hello"));
  caller_.transport->flush();
  pipe_.run();
  EXPECT_EQ(server_.story(), "ready, heard hello");
}

TEST_F(Dialing, PassesOnThatTheConnectionFailed) {
  dial();
  connector_.holder->on_dial_failed(Error{Fault::kConnect, Side::kUpstream, "refused"});
  ASSERT_TRUE(caller_.error.has_value());
  EXPECT_EQ(caller_.error->fault, Fault::kConnect);
}

TEST_F(Dialing, FailsWhenTheServerIsSomebodyElse) {
  cast_.server_identity = cast_.authority.leaf("thief");
  dial();
  connected();
  pipe_.run();
  ASSERT_TRUE(caller_.error.has_value());
  EXPECT_EQ(caller_.error->fault, Fault::kTlsIdentity);
  EXPECT_EQ(caller_.error->side, Side::kUpstream);
}

TEST_F(Dialing, GivesUpOnASilentServer) {
  dial();
  connector_.holder->on_dialed(pipe_.take_left());
  pipe_.run();
  turn_.advance(turn_.now() + seconds(4));
  ASSERT_TRUE(caller_.error.has_value());
  EXPECT_EQ(caller_.error->fault, Fault::kTlsTimeout);
}

TEST_F(Dialing, IsCancelledByLettingGoWhileConnecting) {
  dial();
  caller_.dial.reset();
  EXPECT_EQ(connector_.holder, nullptr);
}

TEST_F(Dialing, IsCancelledByLettingGoDuringTheHandshake) {
  dial();
  connected();
  pipe_.step();
  caller_.dial.reset();
  EXPECT_FALSE(pipe_.is_alive(MemoryPipe::End::kLeft));
  pipe_.run();
  turn_.advance(turn_.now() + seconds(10));
  EXPECT_EQ(caller_.transport, nullptr);
  EXPECT_FALSE(caller_.error.has_value());
  EXPECT_EQ(server_.story(), "closed (tls handshake)");
}

TEST_F(Dialing, UsesTheRenewedContextForLaterDials) {
  dial();
  cast_.client_identity = cast_.authority.leaf("renewed");
  caller_.dial.reset();
  dialer_->set_context(cast_.client());
  caller_.dial = dialer_->dial(caller_);
  connected();
  pipe_.run();
  EXPECT_EQ(server_.stream->tls().peer.service_account(), "renewed");
}

}  // namespace
}  // namespace weft::tls::testing
