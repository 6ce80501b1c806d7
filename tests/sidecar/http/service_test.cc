#include "sidecar/http/service.h"

#include <gtest/gtest.h>

#include "sidecar/http/grpc.h"
#include "tests/sidecar/http/http2_pair.h"
#include "tests/support/memory_transport.h"

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using testing::Hearer;
using weft::testing::MemoryPipe;

// A Service and one HTTP/2 client of it.
class ServiceTest : public ::testing::Test, public ClientConnection::Owner {
 protected:
  void make(const Service::Options& options = {}) {
    service = std::make_unique<Service>(turn, options);
    service->handle("GET", "/ready",
                    [](const ServiceRequest&) { return Reply{.body = "ready\n"}; });
    service->handle("GET,POST", "/level", [](const ServiceRequest& request) {
      return Reply{.body = std::string(request.head.query()) + "|" + std::string(request.body)};
    });
    service->handle_prefix("GET", "/config/",
                           [](const ServiceRequest&) { return Reply{.body = "config"}; });
    service->handle_prefix("GET", "/config/deep/",
                           [](const ServiceRequest&) { return Reply{.body = "deep"}; });
    service->handle("GET", "/none", [](const ServiceRequest&) { return Reply{.status = 204}; });
    service->handle("GET", "/peer", [](const ServiceRequest& request) {
      return Reply{.body = request.transport.peer_address().to_string()};
    });
    service->handle_stream("/weft.Test/Echo", [this](std::unique_ptr<ServerStream> stream,
                                                     RequestHead&&, bool, Transport&) {
      auto hearer = std::make_unique<Hearer>();
      stream->set_sink(hearer.get());
      stream->send_head(make_grpc_head(), false);
      hearer->server = std::move(stream);
      streams.push_back(std::move(hearer));
    });
    connect();
  }
  void connect() {
    pipes.push_back(std::make_unique<MemoryPipe>(turn));
    service->adopt(pipes.back()->take_right());
    connection = std::make_unique<ClientConnection>(turn, pipes.back()->take_left(),
                                                    Protocol::kHttp2, ConnectionOptions(), *this);
    run();
  }
  void TearDown() override {
    if (connection != nullptr) connection->abandon();
    turn.retire(std::move(connection));
    service.reset();
    turn.end();
  }
  void run() {
    for (const auto& pipe : pipes) pipe->run();
  }
  std::unique_ptr<Hearer> open(const RequestHead& head, bool end = true) {
    auto hearer = std::make_unique<Hearer>();
    hearer->client = connection->open(head, end, *hearer);
    run();
    return hearer;
  }
  // "200 body" of a request.
  std::string ask(std::string_view method, std::string_view target, std::string_view body = {},
                  std::string_view authority = "localhost:15000") {
    RequestHead head = testing::get(target);
    head.method = method_of(method);
    head.method_name = method;
    head.authority = authority;
    auto hearer = open(head, body.empty());
    if (!body.empty()) hearer->client->send_body(Buffer(body), true);
    run();
    return std::to_string(hearer->response.status) + " " + hearer->body +
           (hearer->ended ? "" : " (no end)");
  }
  void on_capacity(ClientConnection&) override {}
  void on_connection_done(ClientConnection&, const Error&) override {
    ++done;
    turn.retire(std::move(connection));
  }

  Turn turn{TimePoint(1h)};
  std::unique_ptr<Service> service;
  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::unique_ptr<ClientConnection> connection;
  std::vector<std::unique_ptr<Hearer>> streams;
  int done = 0;
};

TEST_F(ServiceTest, FindsTheHandlerOfAPath) {
  make();
  EXPECT_EQ(ask("GET", "/ready"), "200 ready\n");
  EXPECT_EQ(ask("GET", "/level?debug"), "200 debug|");
  EXPECT_EQ(ask("POST", "/level?debug", "why"), "200 debug|why");
  EXPECT_EQ(ask("GET", "/config/x"), "200 config");
  EXPECT_EQ(ask("GET", "/config/deep/x"), "200 deep");
  EXPECT_EQ(ask("GET", "/none"), "204 ");
  EXPECT_EQ(ask("GET", "/peer"), "200 127.0.0.1:1");
}

TEST_F(ServiceTest, RefusesOtherPathsAndMethods) {
  make();
  EXPECT_EQ(ask("GET", "/nothing"), "404 not found\n");
  EXPECT_EQ(ask("GET", "/config"), "404 not found\n");
  EXPECT_EQ(ask("POST", "/ready", "x"), "405 method not allowed\n");
  EXPECT_EQ(ask("DELETE", "/level"), "405 method not allowed\n");
  service->handle_rest([](const ServiceRequest& request) {
    return Reply{.body = std::string(request.head.path())};
  });
  EXPECT_EQ(ask("GET", "/nothing"), "200 /nothing");
}

TEST_F(ServiceTest, AnswersHeadWithoutABody) {
  make();
  RequestHead head = testing::get("/ready");
  head.method = Method::kHead;
  head.method_name = "HEAD";
  auto hearer = open(head);
  EXPECT_EQ(hearer->text, "[200 end]");
  EXPECT_EQ(hearer->response.content_length, 6U);
}

TEST_F(ServiceTest, LimitsTheBody) {
  make({.body_bytes_max = 10});
  EXPECT_EQ(ask("POST", "/level", "0123456789"), "200 |0123456789");
  EXPECT_EQ(ask("POST", "/level", "0123456789a"), "413 the body is larger than the limit\n");
  RequestHead head = testing::get("/level");
  head.method = Method::kPost;
  head.method_name = "POST";
  head.content_length = 11;
  EXPECT_EQ(open(head, false)->response.status, 413);  // before a byte of it came
}

TEST_F(ServiceTest, GivesABodyAFixedTime) {
  make({.request_timeout = 5s});
  RequestHead head = testing::get("/level");
  head.method = Method::kPost;
  head.method_name = "POST";
  auto hearer = open(head, false);
  hearer->client->send_body(Buffer("a"), false);
  run();
  turn.advance(turn.now() + 6s);
  run();
  EXPECT_EQ(hearer->response.status, 408);
  EXPECT_TRUE(hearer->ended);
}

TEST_F(ServiceTest, AsksForTheBodyThatTheClientHoldsBack) {
  make();
  RequestHead head = testing::get("/level");
  head.method = Method::kPost;
  head.method_name = "POST";
  head.expects_continue = true;
  auto hearer = open(head, false);
  EXPECT_EQ(hearer->text, "[100]");
  hearer->client->send_body(Buffer("now"), true);
  run();
  EXPECT_EQ(hearer->body, "|now");
}

TEST_F(ServiceTest, AnswersOnlyForLoopbackNamesWhenTold) {
  make({.loopback_hosts_only = true, .hosts = {"admin.mesh"}});
  for (const std::string_view good : {"localhost", "localhost:15000", "127.0.0.1:15000",
                                      "127.8.9.1", "[::1]:15000", "admin.mesh"}) {
    EXPECT_EQ(ask("GET", "/ready", {}, good), "200 ready\n") << good;
  }
  for (const std::string_view bad :
       {"evil.example:15000", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"}) {
    EXPECT_EQ(ask("GET", "/ready", {}, bad), "421 this address does not answer for that host\n")
        << bad;
  }
  for (const auto& [origin, status] :
       {std::pair{"http://localhost:15000", 200}, std::pair{"http://evil.example", 403},
        std::pair{"null", 403}}) {
    RequestHead head = testing::get("/level");
    head.authority = "localhost:15000";
    head.headers.add(HeaderId::kOrigin, origin);
    EXPECT_EQ(open(head)->response.status, status) << origin;
  }
}

TEST_F(ServiceTest, HandsStreamsOver) {
  make();
  RequestHead head = testing::get("/weft.Test/Echo");
  head.method = Method::kPost;
  head.method_name = "POST";
  head.headers.add(HeaderId::kContentType, "application/grpc");
  auto hearer = open(head, false);
  ASSERT_EQ(streams.size(), 1U);
  hearer->client->send_body(make_grpc_message("ping"), false);
  run();
  GrpcReader reader(100);
  reader.feed(Buffer(streams[0]->body));
  EXPECT_EQ((**reader.next()).to_string(), "ping");
  streams[0]->server->send_body(make_grpc_message("pong"), false);
  streams[0]->server->send_trailers(make_grpc_trailers(GrpcStatus::kOk));
  run();
  EXPECT_EQ(hearer->text, "[200][body 9][trailers grpc-status=0]");
}

TEST_F(ServiceTest, DropsARequestWhoseClientHasGone) {
  make();
  RequestHead head = testing::get("/level");
  head.method = Method::kPost;
  head.method_name = "POST";
  auto hearer = open(head, false);
  connection->abandon();
  turn.retire(std::move(connection));
  run();
  EXPECT_EQ(service->connections(), 0U);
}

TEST_F(ServiceTest, TakesNoMoreConnectionsThanTheLimit) {
  make({.connections_max = 1});
  MemoryPipe second(turn);
  const std::unique_ptr<Transport> left = second.take_left();
  service->adopt(second.take_right());
  second.run();
  EXPECT_EQ(service->connections(), 1U);
  EXPECT_FALSE(second.is_alive(MemoryPipe::End::kRight));
}

TEST_F(ServiceTest, DrainsItsConnections) {
  make();
  RequestHead head = testing::get("/level");
  head.method = Method::kPost;
  head.method_name = "POST";
  auto hearer = open(head, false);
  service->drain();
  run();
  EXPECT_EQ(done, 0);
  hearer->client->send_body(Buffer("last"), true);
  run();
  EXPECT_EQ(hearer->body, "|last");
  turn.advance(turn.now() + 3s);
  run();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(service->connections(), 0U);
}

}  // namespace
}  // namespace weft::http
