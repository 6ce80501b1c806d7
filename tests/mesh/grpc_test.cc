// gRPC in the eyes of the proxy: statuses that come in trailers, and deadlines. The wire is
// HTTP/1.1, which has trailers as well and can be read in a test.

#include "sidecar/http/grpc.h"

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string kHead =
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n";
const std::string kMessage = "5\r\n\0\0\0\0\0\r\n"s;
std::string trailers(int status, const std::string& more = {}) {
  return "0\r\ngrpc-status: " + std::to_string(status) + "\r\n" + more + "\r\n";
}

// Answers each request on any connection with the next of these.
Origin::Serve script(std::vector<std::string> answers) {
  return [answers = std::move(answers)](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      const std::size_t number = self.requests();
      self.note(std::move(asked));
      if (number >= answers.size() || !wire.send(answers[number])) return;
    }
  };
}

Proxy proxy_to(Origin& origin, const std::function<void(config::ForwardAction&)>& edit) {
  config::Route route = to("/", "cart");
  edit(forward(route));
  return Proxy({http_listener("in", routes({route}))}, {cluster("cart", {origin.address()})});
}

void retries_unavailable(config::ForwardAction& action) {
  action.retry.on = config::kRetryGrpcUnavailable;
  action.retry.attempts_extra = 2;
  action.retry.any_method = true;
}

std::string call(Proxy& proxy, const std::string& fields = {}) {
  Wire wire = proxy.dial();
  const bool sent = wire.send(
      "POST /shop.Cart/Add HTTP/1.1\r\nhost: cart\r\ncontent-type: application/grpc\r\nte: "
      "trailers\r\n"
      "connection: close\r\ncontent-length: 5\r\n" +
      fields + "\r\n" + "\0\0\0\0\0"s);
  return sent ? wire.read_all() : "not sent";
}

bool has(const std::string& answer, std::string_view text) {
  return answer.find(text) != std::string::npos;
}

TEST(GrpcRetry, ReadsTheStatusFromTrailers) {
  Origin origin(
      script({kHead + trailers(14), kHead + trailers(14), kHead + kMessage + trailers(0)}));
  Proxy proxy = proxy_to(origin, retries_unavailable);
  const std::string answer = call(proxy);
  EXPECT_TRUE(has(answer, "grpc-status: 0")) << answer;
  EXPECT_FALSE(has(answer, "grpc-status: 14")) << answer;
  EXPECT_EQ(origin.requests(), 3U);
  EXPECT_TRUE(proxy.metric_reaches(2, "weft_retries_total", {"grpc"}));
}

TEST(GrpcRetry, GivesTheLastAnswerWhenTriesAreUsedUp) {
  Origin origin(
      script(std::vector<std::string>(9, kHead + trailers(14, "grpc-message: away\r\n"))));
  Proxy proxy = proxy_to(origin, retries_unavailable);
  const std::string answer = call(proxy);
  EXPECT_TRUE(has(answer, "grpc-status: 14") && has(answer, "grpc-message: away")) << answer;
  EXPECT_EQ(origin.requests(), 3U);
}

TEST(GrpcRetry, PassesOtherStatusesAndWhatHasBegun) {
  Origin origin(script({kHead + trailers(5), kHead + kMessage + trailers(14),
                        kHead + trailers(14, "grpc-retry-pushback-ms: -1\r\n")}));
  Proxy proxy = proxy_to(origin, retries_unavailable);
  EXPECT_TRUE(has(call(proxy), "grpc-status: 5"));
  EXPECT_TRUE(has(call(proxy), "grpc-status: 14"));
  EXPECT_TRUE(has(call(proxy), "grpc-status: 14"));
  EXPECT_EQ(origin.requests(), 3U);
}

TEST(GrpcRetry, AHeadIsNotHeldForEver) {
  Origin origin([](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    if (!wire.send(kHead)) return;
    self.wait_for_release();
    (void)wire.send(trailers(14));
  });
  Proxy proxy = proxy_to(origin, retries_unavailable);
  Wire wire = proxy.dial();
  ASSERT_TRUE(
      wire.send("POST /a HTTP/1.1\r\nhost: cart\r\ncontent-type: application/grpc\r\n"
                "content-length: 0\r\n\r\n"));
  EXPECT_TRUE(has(wire.read_to("\r\n\r\n"), "200"));  // long before the origin goes on
  origin.release();
  EXPECT_TRUE(has(wire.read_to("grpc-status: 14"), "14"));
  EXPECT_EQ(origin.requests(), 1U);
}

void honours_deadlines(config::ForwardAction& action) {
  action.timeouts.honour_grpc_timeout = true;
}

TEST(GrpcDeadline, WhatIsLeftGoesUpstream) {
  Origin origin(script({kHead + kMessage + trailers(0)}));
  Proxy proxy = proxy_to(origin, honours_deadlines);
  EXPECT_TRUE(has(call(proxy, "grpc-timeout: 20S\r\n"), "grpc-status: 0"));
  const auto left = http::parse_grpc_timeout(origin.last().field("grpc-timeout"));
  ASSERT_TRUE(left);
  EXPECT_LE(*left, Duration(20s));
  EXPECT_GT(*left, Duration(1s));
}

TEST(GrpcDeadline, MB_03_OddOnesAreClampedOrIgnored) {
  const std::vector<std::string> odd{"99999999H", "-1S", "1x", "12345678901234567890S",
                                     "S",         "1.5S"};
  Origin origin(script(std::vector<std::string>(odd.size(), kHead + kMessage + trailers(0))));
  Proxy proxy = proxy_to(origin, honours_deadlines);
  for (const std::string& value : odd)
    EXPECT_TRUE(has(call(proxy, "grpc-timeout: " + value + "\r\n"), "grpc-status: 0")) << value;
  EXPECT_EQ(origin.requests(), odd.size());
}

TEST(GrpcDeadline, OneThatHasPassedReachesNobody) {
  Origin origin;
  Proxy proxy = proxy_to(origin, honours_deadlines);
  EXPECT_TRUE(has(call(proxy, "grpc-timeout: 0S\r\n"), "grpc-status: 4"));
  EXPECT_EQ(origin.requests(), 0U);
}

TEST(GrpcDeadline, EndsACallThatTakesTooLong) {
  Origin silent(Origin::never_answers());
  Proxy proxy = proxy_to(silent, honours_deadlines);
  EXPECT_TRUE(has(call(proxy, "grpc-timeout: 50m\r\n"), "grpc-status: 4"));
  // Streams are no exception: the caller's deadline is of the whole call.
  Origin dripping([](Origin& self, Wire& wire) {
    (void)wire.read_message(false);
    (void)wire.send(kHead + kMessage);
    self.note({});
    (void)wire.read_all();
    self.note({});
  });
  Proxy other = proxy_to(dripping, honours_deadlines);
  EXPECT_FALSE(has(call(other, "grpc-timeout: 50m\r\n"), "grpc-status"));
  EXPECT_TRUE(dripping.wait_for(2)) << "the origin's work is cancelled";
}

}  // namespace
}  // namespace weft::mesh_test
