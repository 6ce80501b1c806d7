#include "sidecar/proxy/hop.h"

#include <gtest/gtest.h>

#include "sidecar/core/random.h"
#include "sidecar/proxy/replies.h"
#include "telemetry/trace_context.h"

namespace weft::proxy {
namespace {

std::string rewritten(config::PathMatch::How how, std::string match, std::string prefix,
                      std::string_view target) {
  config::Route route;
  route.path.how = how;
  route.path.text.value = std::move(match);
  config::ForwardAction action;
  action.prefix_rewrite = std::move(prefix);
  http::RequestHead head;
  head.target = target;
  rewrite_request(route, action, head);
  return std::string(head.target);
}

TEST(Hop, ReplacesAPrefixAsTheGatewayApiSays) {
  using How = config::PathMatch::How;
  EXPECT_EQ(rewritten(How::kSegmentPrefix, "/api", "/", "/api/x?q=1"), "/x?q=1");
  EXPECT_EQ(rewritten(How::kSegmentPrefix, "/api", "/", "/api"), "/");
  EXPECT_EQ(rewritten(How::kSegmentPrefix, "/api", "/v2", "/api/x"), "/v2/x");
  EXPECT_EQ(rewritten(How::kSegmentPrefix, "/api", "/v2", "/api?q"), "/v2?q");
  EXPECT_EQ(rewritten(How::kPrefix, "/a", "/b", "/abc"), "/bbc");
  EXPECT_EQ(rewritten(How::kExact, "/a", "/b", "/a?q"), "/b?q");
}

TEST(Hop, BelievesMeshFieldsOnlyFromTheMesh) {
  http::Headers headers;
  for (const char* name :
       {"x-weft-peer", "X-Weft-Cause", "x-weft-priority", "x-weft-unheard-of", "x-request-id"})
    headers.add_copy(name, "v");
  http::Headers of_app = headers.clone();
  http::Headers of_peer = headers.clone();
  strip_mesh_fields(headers, Sender::kStranger);
  EXPECT_EQ(headers.size(), 1u);
  strip_mesh_fields(of_app, Sender::kOwnApp);
  EXPECT_EQ(of_app.size(), 2u);
  EXPECT_TRUE(of_app.has(http::HeaderId::kXWeftPriority));
  strip_mesh_fields(of_peer, Sender::kMeshPeer);
  EXPECT_EQ(of_peer.size(), 4u);
}

TEST(Hop, ReadsAPeersCause) {
  EXPECT_TRUE(parse_peer_cause("overload;unprocessed").unprocessed);
  EXPECT_TRUE(parse_peer_cause("rate_limited").neutral());
  EXPECT_FALSE(parse_peer_cause("connect_failure;unprocessed").neutral());
  EXPECT_EQ(parse_peer_cause("nonsense;unprocessed").unprocessed, false);
}

TEST(Hop, MakesAVersion4Uuid) {
  http::Headers headers;
  const std::string id(make_request_id(headers, 0, ~std::uint64_t{0}));
  EXPECT_EQ(id, "00000000-0000-4000-bfff-ffffffffffff");
}

TEST(Hop, RedirectsToTheSameServerUnlessToldOtherwise) {
  const auto location = [](config::RedirectAction action, std::string_view authority,
                           std::string_view target) {
    http::RequestHead head;
    head.authority = authority;
    head.target = target;
    config::Route route;
    route.path.text.value = "/";
    return std::string(redirect_location(route, action, head));
  };
  EXPECT_EQ(location({}, "cart:8080", "/a?b"), "http://cart:8080/a?b");
  EXPECT_EQ(location({.scheme = "https"}, "cart:8080", "/a"), "https://cart/a");
  EXPECT_EQ(location({.host = "shop"}, "cart", "/a"), "http://shop/a");
  EXPECT_EQ(location({.port = 80}, "cart:8080", "/a"), "http://cart/a");
  EXPECT_EQ(location({.path = "/new", .strip_query = true}, "cart", "/a?b"), "http://cart/new");
  EXPECT_EQ(location({}, "[::1]:80", "/"), "http://[::1]/");
}

// behaviour.md section 15, the rows that apply.
TEST(Replies, AnswerAsTheTableSays) {
  const auto reply = [](Fault fault, Side side) {
    const LocalReply made = reply_for(Error{fault, side, {}});
    return std::to_string(made.status) + " " + std::to_string(made.grpc_status) + " " +
           made.flags.to_string() + (made.unprocessed ? " unprocessed" : "");
  };
  EXPECT_EQ(reply(Fault::kProtocol, Side::kDownstream), "400 13 DPE");
  EXPECT_EQ(reply(Fault::kProtocol, Side::kUpstream), "502 14 UPE");
  EXPECT_EQ(reply(Fault::kNoRoute, Side::kLocal), "404 12 NR");
  EXPECT_EQ(reply(Fault::kHeadTooLarge, Side::kDownstream), "431 8 DPE");
  EXPECT_EQ(reply(Fault::kConnect, Side::kUpstream), "503 14 UF unprocessed");
  EXPECT_EQ(reply(Fault::kReset, Side::kUpstream), "503 14 UC");
  EXPECT_EQ(reply(Fault::kNoEndpoint, Side::kLocal), "503 14 UH unprocessed");
  EXPECT_EQ(reply(Fault::kLimit, Side::kLocal), "503 14 UO unprocessed");
  EXPECT_EQ(reply(Fault::kTimeout, Side::kUpstream), "504 4 UT");
  EXPECT_EQ(reply(Fault::kTimeout, Side::kDownstream), "408 1 SI");
  EXPECT_EQ(reply(Fault::kCancelled, Side::kDownstream), "0 1 DC");
}

TEST(TraceFields, KeepNoStateOfATraceThatWasNotUnderstood) {
  http::Headers headers;
  headers.add_copy("traceparent", "nonsense");
  headers.add_copy("tracestate", "a=1");
  telemetry::TraceHeaders told;
  told.traceparent = "nonsense";
  told.tracestate = "a=1";
  Random random(1);
  write_trace(telemetry::make_child(telemetry::parse_trace_context(told), random), headers);
  EXPECT_NE(headers.find(http::HeaderId::kTraceparent), "nonsense");
  EXPECT_FALSE(headers.has(http::HeaderId::kTracestate));
}

}  // namespace
}  // namespace weft::proxy
