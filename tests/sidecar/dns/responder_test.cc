// The decision: mesh, cache, or somebody else; and what is made of somebody else's answer.

#include "sidecar/dns/responder.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/dns/answer.h"
#include "tests/sidecar/dns/dns_messages.h"

namespace weft::dns {
namespace {

using std::chrono::seconds;
using testing::Message;
using testing::question_of;

constexpr TimePoint kStart{seconds(1000)};

NameTable shop_names() {
  return NameTable({{"cart.shop", {*IpAddress::parse("10.96.0.1")}},
                    {"cart-0.cart.shop", {*IpAddress::parse("10.1.0.5")}},
                    {"web.front", {*IpAddress::parse("10.96.0.2"), *IpAddress::parse("fd96::2")}}},
                   {.name_space = "shop"});
}

// Which road a question takes, in words.
std::string road_of(Responder& responder, const Message& message, TimePoint now = kStart) {
  const Responder::Decision decision = responder.decide(message, Road::kUdp, now);
  if (decision.forward) return "forward " + decision.forward->name;
  if (!decision.reply) return "silence";
  const std::vector<std::uint8_t>& reply = *decision.reply;
  return "reply " + std::to_string(reply[3] & 0x0f) + " with " + std::to_string(reply[7]);
}

TEST(NameTable, KnowsAServiceByAllItsNames) {
  const NameTable names = shop_names();
  for (const char* name : {"cart", "cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local"}) {
    EXPECT_NE(names.find(name), nullptr) << name;
  }
  EXPECT_NE(names.find("cart-0.cart.shop.svc.cluster.local"), nullptr);
  for (const char* name :
       {"web", "cart.svc", "cart.shop.cluster.local", "cart.front", "", "svc.cluster.local",
        "cluster.local", ".cluster.local", "cart.shop.svc.cluster.local.shop.svc.cluster.local"}) {
    EXPECT_EQ(names.find(name), nullptr) << name;
  }
}

TEST(DnsResponder, MeshNamesAreAnsweredHereTheRestGoesOn) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  EXPECT_EQ(road_of(responder, question_of("CART.shop")), "reply 0 with 1");
  EXPECT_EQ(road_of(responder, question_of("cart", 28)), "reply 0 with 0") << "it has no IPv6";
  EXPECT_EQ(road_of(responder, question_of("web.front", 28)), "reply 0 with 1");
  EXPECT_EQ(road_of(responder, question_of("cart.shop", 33)), "forward cart.shop") << "SRV";
  EXPECT_EQ(road_of(responder, question_of("example.org")), "forward example.org");
  EXPECT_EQ(road_of(responder, Message().u8(1)), "silence");
  EXPECT_EQ(road_of(responder, Message().header(1, 0, 0, 0, 0, 0)), "reply 1 with 0");
  EXPECT_EQ(responder.stats().from_mesh.value(), 3U);
  EXPECT_EQ(responder.stats().forwarded.value(), 2U);
}

Query query_for(const std::string& name, std::uint16_t id = 7) {
  return *parse_query(question_of(name, 1, id));
}

Message answer_to(const std::string& name, std::uint32_t ttl) {
  return Message().header(99, 0x8180, 1, 1, 0, 0).name(name).u16(1).u16(1).a(ttl, 0xc0000201);
}

TEST(DnsResponder, AnAnswerIsPassedOnUnderTheAskersIdAndKept) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  const auto passed = responder.answered(query_for("example.org"), answer_to("example.org", 60),
                                         Road::kUdp, kStart);
  EXPECT_EQ(passed, Message()
                        .header(7, 0x8180, 1, 1, 0, 0)
                        .name("example.org")
                        .u16(1)
                        .u16(1)
                        .a(60, 0xc0000201)
                        .bytes);
  const auto again =
      responder.decide(question_of("Example.ORG", 1, 8), Road::kUdp, kStart + seconds(59));
  ASSERT_TRUE(again.reply);
  EXPECT_EQ(*again.reply, Message()
                              .header(8, 0x8180, 1, 1, 0, 0)
                              .name("Example.ORG")
                              .u16(1)
                              .u16(1)
                              .a(1, 0xc0000201)
                              .bytes);
  EXPECT_EQ(road_of(responder, question_of("example.org"), kStart + seconds(60)),
            "forward example.org");
}

TEST(DnsResponder, NoSuchNameIsKeptAsLongAsItsZoneSays) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  const Message none =
      Message().header(9, 0x8183, 1, 0, 1, 0).name("x.org").u16(1).u16(1).soa(3600, 30);
  (void)responder.answered(query_for("x.org"), none, Road::kUdp, kStart);
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(29)), "reply 3 with 0");
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(30)), "forward x.org");
}

TEST(DnsResponder, FailuresCutAnswersAndTtlZeroAreNotKept) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  const Message failure = Message().header(9, 0x8182, 1, 0, 0, 0).name("x.org").u16(1).u16(1);
  const Message cut = Message().header(9, 0x8380, 1, 0, 0, 0).name("x.org").u16(1).u16(1);
  const Message no_soa = Message().header(9, 0x8183, 1, 0, 0, 0).name("x.org").u16(1).u16(1);
  for (const Message& message :
       {failure, cut, no_soa, answer_to("x.org", 0), answer_to("x.org", 0x80000001)}) {
    (void)responder.answered(query_for("x.org"), message, Road::kUdp, kStart);
    EXPECT_EQ(road_of(responder, question_of("x.org")), "forward x.org");
  }
}

TEST(DnsResponder, NonsenseFromAResolverIsAFailureNeverNoSuchName) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  const Message good = answer_to("x.org", 60);
  for (std::size_t size = 0; size < good.bytes.size(); ++size) {
    const auto passed =
        responder.answered(query_for("x.org"), Bytes(good).first(size), Road::kUdp, kStart);
    EXPECT_EQ(passed[3] & 0x0f, 2) << size;
  }
  const auto other =
      responder.answered(query_for("x.org"), answer_to("y.org", 60), Road::kUdp, kStart);
  EXPECT_EQ(other[3] & 0x0f, 2);
  EXPECT_EQ(responder.not_answered(query_for("x.org"))[3] & 0x0f, 2);
}

TEST(DnsResponder, WhatIsTooLongForUdpIsToldOverTcp) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  Message message = Message().header(9, 0x8180, 1, 40, 0, 0).name("x.org").u16(1).u16(1);
  for (std::uint32_t i = 0; i < 40; ++i) message.a(60, i);
  const auto udp = responder.answered(query_for("x.org"), message, Road::kUdp, kStart);
  EXPECT_EQ(udp[2] & 0x02, 0x02);
  EXPECT_LE(udp.size(), 512U);
  const auto tcp = responder.decide(question_of("x.org"), Road::kTcp, kStart);
  ASSERT_TRUE(tcp.reply);
  EXPECT_EQ(tcp.reply->size(), message.bytes.size());
}

TEST(DnsCache, HasAnEndAndForgetsWhatWasAskedForLongestAgo) {
  Cache cache({.entries_max = 2});
  const auto keep = [&cache](const std::string& name) {
    const Message message = answer_to(name, 60);
    cache.keep(query_for(name), message, *parse_answer(message, query_for(name)), kStart);
  };
  keep("a.org");
  keep("b.org");
  EXPECT_TRUE(cache.find(query_for("a.org"), kStart));
  keep("c.org");
  EXPECT_EQ(cache.entries(), 2U);
  EXPECT_FALSE(cache.find(query_for("b.org"), kStart));
  EXPECT_TRUE(cache.find(query_for("a.org"), kStart));
  EXPECT_FALSE(cache.find(query_for("a.org"), kStart + seconds(60)));
  EXPECT_FALSE(cache.find(query_for("c.org"), kStart + seconds(60)));
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(DnsCache, BytesHaveAnEndToo) {
  Cache cache({.bytes_max = 100});
  for (const char* name : {"a.org", "b.org", "c.org"}) {
    const Message message = answer_to(name, 60);
    cache.keep(query_for(name), message, *parse_answer(message, query_for(name)), kStart);
    EXPECT_LE(cache.bytes(), 100U);
  }
  EXPECT_EQ(cache.entries(), 1U);
}

}  // namespace
}  // namespace weft::dns
