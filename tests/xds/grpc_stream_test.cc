#include "xds/grpc_stream.h"

#include <gtest/gtest.h>

#include "tests/xds/wire_rig.h"

namespace weft::xds {
namespace {

using testing::WireRig;

// Writes down what a stream says; answers each message as `answers` tells.
class Ear : public GrpcStream::Holder {
 public:
  void on_message(Buffer&& message) override {
    ++messages;
    bytes += message.size();
    heard += message.size() > 32 ? std::to_string(message.size()) + " bytes\n"
                                 : message.to_string() + "\n";
  }
  void on_last_message() override { heard += "last\n"; }
  void on_writable() override { ++writable; }
  void on_grpc_end(const http::GrpcOutcome& outcome) override {
    heard += "end " + std::string(http::name_of(outcome.status)) + " " + outcome.message + "\n";
  }
  std::string heard;
  std::size_t bytes = 0;
  int messages = 0;
  int writable = 0;
};

// One stream between a client and a server.
class Line : public DialHolder, public http::ClientConnection::Owner {
 public:
  explicit Line(std::size_t piece = SIZE_MAX, std::size_t message_bytes_max = 1024 * 1024)
      : rig(piece), message_bytes_max_(message_bytes_max) {
    rig.service.handle_stream("/s/M", [this](std::unique_ptr<http::ServerStream> stream,
                                             http::RequestHead&&, bool, Transport&) {
      server = std::make_unique<GrpcServerStream>(rig.turn, std::move(stream), server_ear,
                                                  message_bytes_max_);
    });
    rig.service.handle("POST", "/page", [](const http::ServiceRequest&) {
      return http::Reply{.status = 503, .body = "sorry"};
    });
    dial_ = rig.dial(*this);
    rig.run();
  }
  ~Line() {
    if (client != nullptr) client->close();
    if (server != nullptr) server->close();
    connection->abandon();
  }
  void call(std::string path) {
    client = std::make_unique<GrpcClientStream>(
        rig.turn, *connection, GrpcClientStream::Call{.authority = "a", .path = std::move(path)},
        client_ear, message_bytes_max_);
  }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    connection = std::make_unique<http::ClientConnection>(
        rig.turn, std::move(transport), http::Protocol::kHttp2, http::ConnectionOptions{}, *this);
  }
  void on_dial_failed(const Error&) override {}
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection&, const Error&) override {}

  WireRig rig;
  std::unique_ptr<http::ClientConnection> connection;
  Ear client_ear;
  Ear server_ear;
  std::unique_ptr<GrpcClientStream> client;
  std::unique_ptr<GrpcServerStream> server;

 private:
  std::size_t message_bytes_max_;
  std::unique_ptr<Dial> dial_;
};

TEST(GrpcStream, CarriesMessagesBothWaysHoweverTheyAreCut) {
  for (const std::size_t piece : {1UL, 3UL, 64UL, SIZE_MAX}) {
    Line line(piece);
    line.call("/s/M");
    line.client->send("one");
    line.client->send("");
    line.client->send("three");
    line.rig.run();
    EXPECT_EQ(line.server_ear.heard, "one\n\nthree\n");
    line.server->send("yes");
    line.server->finish(http::GrpcStatus::kOk);
    line.rig.run();
    EXPECT_EQ(line.client_ear.heard, "yes\nend OK \n");
  }
}

TEST(GrpcStream, TellsWhyItEnded) {
  Line line;
  line.call("/s/M");
  line.client->send("one");
  line.rig.run();
  line.server->finish(http::GrpcStatus::kPermissionDenied, "not for you: 100%");
  line.rig.run();
  EXPECT_EQ(line.client_ear.heard, "end PERMISSION_DENIED not for you: 100%\n");
}

TEST(GrpcStream, UnderstandsAnAnswerThatIsNotGrpc) {
  Line line;
  line.call("/page");
  line.client->send("one");
  line.rig.run();
  line.client_ear.heard.clear();
  Line other;
  other.call("/nowhere");
  other.client->send("one");
  other.rig.run();
  EXPECT_EQ(other.client_ear.heard, "end UNIMPLEMENTED HTTP status 404\n");
}

TEST(GrpcStream, RefusesAMessageOverTheLimit) {
  Line line(SIZE_MAX, 100);
  line.call("/s/M");
  line.client->send(std::string(101, 'x'));
  line.rig.run();
  EXPECT_EQ(line.server_ear.heard,
            "end RESOURCE_EXHAUSTED a gRPC message of 101 bytes; the limit is 100\n");
  EXPECT_EQ(line.client_ear.heard,
            "end RESOURCE_EXHAUSTED a gRPC message of 101 bytes; the limit is 100\n");
}

TEST(GrpcStream, CarriesAMessageLargerThanTheWindow) {
  Line line(16 * 1024, 64 * 1024 * 1024);
  line.call("/s/M");
  line.client->send("go");
  line.rig.run();
  line.server->send(std::string(5'000'000, 'x'));
  EXPECT_FALSE(line.server->writable());
  line.rig.run();
  EXPECT_EQ(line.client_ear.heard, "5000000 bytes\n");
  EXPECT_TRUE(line.server->writable());
  EXPECT_EQ(line.server_ear.writable, 1);
}

TEST(GrpcStream, APausedStreamHoldsAWindowAndNoMore) {
  Line line;
  line.call("/s/M");
  line.client->send("go");
  line.rig.run();
  line.server->pause();
  const std::string message(10'000, 'x');
  for (int i = 0; i < 200; ++i) line.client->send(message);
  line.rig.run();
  EXPECT_EQ(line.server_ear.messages, 1);
  EXPECT_FALSE(line.client->writable());  // the rest has not left the client
  line.server->resume();
  EXPECT_EQ(line.server_ear.messages, 1);  // later, not from inside the call
  line.rig.run();
  EXPECT_EQ(line.server_ear.messages, 201);
  EXPECT_TRUE(line.client->writable());
}

TEST(GrpcStream, IsSilentAfterClose) {
  Line line;
  line.call("/s/M");
  line.client->send("one");
  line.rig.run();
  line.client->close();
  line.client->send("two");
  line.rig.run();
  EXPECT_EQ(line.client_ear.heard, "");
  EXPECT_EQ(line.server_ear.heard.substr(0, 18), "one\nend CANCELLED ");
  line.server->send("late");
  line.server->finish(http::GrpcStatus::kOk);
  line.rig.run();
}

TEST(GrpcStream, ABrokenConnectionIsUnavailable) {
  Line line;
  line.call("/s/M");
  line.client->send("one");
  line.rig.run();
  line.rig.cut();
  EXPECT_TRUE(line.client_ear.heard.starts_with("end UNAVAILABLE")) << line.client_ear.heard;
  EXPECT_TRUE(line.server_ear.heard.starts_with("one\nend CANCELLED")) << line.server_ear.heard;
}

}  // namespace
}  // namespace weft::xds
