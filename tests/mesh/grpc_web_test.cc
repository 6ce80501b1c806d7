// gRPC-Web through a whole proxy: a caller as a browser is one, and an origin that knows only gRPC.

#include "sidecar/http/grpc_web.h"

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::string_literals;

const std::string kWebMessage = "\0\0\0\0\2hi"s;

// Echoes the body as gRPC, by HTTP/1.1 with trailers; `status` 14 without any message.
Origin::Serve grpc(int status = 0) {
  return [status](Origin& self, Wire& wire) {
    for (Wire::Message asked = wire.read_message(false); !asked.empty();
         asked = wire.read_message(false)) {
      self.note(asked);
      const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: " + asked.field("content-type") +
                               "\r\ngrpc-accept-encoding: identity\r\n";
      const std::string trailers =
          "grpc-status: " + std::to_string(status) + "\r\ngrpc-message: m\r\n";
      char size[16];
      (void)std::snprintf(size, sizeof size, "%zx", asked.body.size());
      const std::string answer = status == 14
                                     ? head + trailers + "content-length: 0\r\n\r\n"
                                     : head + "transfer-encoding: chunked\r\n\r\n" + size + "\r\n" +
                                           asked.body + "\r\n0\r\n" + trailers + "\r\n";
      if (!wire.send(answer)) return;
    }
  };
}

std::string trailer_frame(int status) {
  http::Headers trailers;
  trailers.add_copy("grpc-status", std::to_string(status));
  trailers.add_copy("grpc-message", "m");
  return http::grpc_web_trailers(trailers).to_string();
}

std::string text_of(std::string_view bytes) {
  return http::grpc_web_text(Buffer(bytes)).to_string();
}

config::ListenerConfig web_listener(std::string cluster) {
  config::ListenerConfig listener = http_listener("in", routes({to("/", std::move(cluster))}));
  http_of(listener).grpc_web = true;
  return listener;
}

Wire::Message call(Wire& wire, const std::string& type, const std::string& body) {
  return ask(wire, "/shop.Cart/Add", "content-type: " + type + "\r\nx-grpc-web: 1\r\n", "POST",
             body);
}

// By HTTP/1.1 straight to the translating proxy, and through another one that speaks HTTP/2 to it.
class GrpcWeb : public ::testing::TestWithParam<bool> {
 protected:
  Proxy& serve(Origin& origin) {
    far_.emplace(std::vector<config::ListenerConfig>{web_listener("cart")},
                 std::vector<config::ClusterConfig>{cluster("cart", {origin.address()})});
    if (GetParam()) {
      config::ClusterConfig next = cluster("next", {far_->address()});
      next.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
      near_.emplace(
          std::vector<config::ListenerConfig>{http_listener("in", routes({to("/", "next")}))},
          std::vector<config::ClusterConfig>{next});
    }
    return near_ ? *near_ : *far_;
  }
  Proxy& translator() { return *far_; }

 private:
  std::optional<Proxy> far_;
  std::optional<Proxy> near_;
};
INSTANTIATE_TEST_SUITE_P(By, GrpcWeb, ::testing::Bool(),
                         [](const auto& it) { return it.param ? "Http2" : "Http1"; });

TEST_P(GrpcWeb, IsGrpcToTheOriginAndBack) {
  Origin origin(grpc(5));
  Wire wire = serve(origin).dial();
  const Wire::Message answer = call(wire, "application/grpc-web+proto", kWebMessage);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("content-type"), "application/grpc-web+proto");
  EXPECT_EQ(answer.body, kWebMessage + trailer_frame(5));
  EXPECT_EQ(origin.last().field("content-type"), "application/grpc+proto");
  EXPECT_EQ(origin.last().field("te"), "trailers");
  EXPECT_EQ(origin.last().body, kWebMessage);
  EXPECT_TRUE(translator().metric_reaches(
      1, "weft_requests_total", {"grpc_response_status=\"5\"", "request_protocol=\"grpc\""}))
      << translator().metrics();
}

TEST_P(GrpcWeb, IsTextForThoseWhoCannotReadBytes) {
  Origin origin(grpc());
  Wire wire = serve(origin).dial();
  const std::string body = text_of(kWebMessage) + text_of(kWebMessage);
  for (int i = 0; i < 2; ++i) {
    const Wire::Message answer = call(wire, "application/grpc-web-text", body);
    EXPECT_EQ(answer.field("content-type"), "application/grpc-web-text");
    Base64Reader reader;
    Buffer plain;
    ASSERT_TRUE(reader.feed(as_bytes(answer.body), plain)) << answer.body;
    EXPECT_EQ(plain.to_string(), kWebMessage + kWebMessage + trailer_frame(0));
    EXPECT_EQ(origin.last().body, kWebMessage + kWebMessage);
  }
}

TEST_P(GrpcWeb, AStatusAloneStaysInTheHead) {
  Origin origin(grpc(14));
  Wire wire = serve(origin).dial();
  const Wire::Message answer = call(wire, "application/grpc-web+proto", kWebMessage);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("grpc-status"), "14");
  EXPECT_EQ(answer.field("content-type"), "application/grpc-web+proto");
  EXPECT_EQ(answer.body, "");
}

TEST_P(GrpcWeb, WhatTheProxySaysItselfIsGrpcWebToo) {
  Origin origin;
  config::ClusterConfig empty = cluster("cart", {});
  Proxy proxy({web_listener("cart")}, {empty});
  Wire wire = proxy.dial();
  const Wire::Message answer = call(wire, "application/grpc-web", kWebMessage);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("content-type"), "application/grpc-web");
  EXPECT_EQ(answer.field("grpc-status"), "14");
}

TEST_P(GrpcWeb, TextThatIsNoneIsRefusedAndTheOriginsWorkIsCancelled) {
  Origin origin([](Origin& self, Wire& wire) {
    self.note({.head = wire.read_to("\r\n\r\n"), .body = {}});
    (void)wire.read_all();
    self.note({});
  });
  Wire wire = serve(origin).dial();
  EXPECT_EQ(call(wire, "application/grpc-web-text", "AAAA!!!!").status(), 400);
}

TEST_P(GrpcWeb, OtherTrafficIsLeftAlone) {
  Origin origin(Origin::echoes());
  Proxy& proxy = serve(origin);
  Wire wire = proxy.dial();
  for (const char* type : {"application/grpc", "application/json", "text/plain"}) {
    const Wire::Message answer = call(wire, type, "body");
    EXPECT_EQ(answer.body, "body") << type;
    EXPECT_EQ(origin.last().field("content-type"), type);
  }
}

TEST(GrpcWebOff, PassesAsItIs) {
  Origin origin(Origin::echoes());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(call(wire, "application/grpc-web+proto", kWebMessage).body, kWebMessage);
  EXPECT_EQ(origin.last().field("content-type"), "application/grpc-web+proto");
}

}  // namespace
}  // namespace weft::mesh_test
