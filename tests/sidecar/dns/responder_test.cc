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
  NameTable names;
  names.put("shop.svc.cluster.local",
            {{"cart", {*IpAddress::parse("10.96.0.1")}},
             {"db", {IpAddress::v4(1), IpAddress::v4(2), IpAddress::v4(3)}},
             {"db-0.db", {*IpAddress::parse("10.1.0.5")}}});
  names.put("front.svc.cluster.local",
            {{"web", {*IpAddress::parse("10.96.0.2"), *IpAddress::parse("fd96::2")}}});
  return names;
}

// Which road a question takes, in words.
std::string road_of(Responder& responder, const Message& message, TimePoint now = kStart) {
  const Responder::Decision decision = responder.decide(message, Road::kUdp, now);
  if (decision.forward) return "forward " + decision.forward->name;
  if (!decision.reply) return "silence";
  const std::vector<std::uint8_t>& reply = *decision.reply;
  return "reply " + std::to_string(reply[3] & 0x0f) + " with " + std::to_string(reply[7]);
}

TEST(NameTable, KnowsWholeNamesAlone) {
  const NameTable names = shop_names();
  for (const char* name : {"cart.shop.svc.cluster.local", "db-0.db.shop.svc.cluster.local",
                           "web.front.svc.cluster.local"}) {
    EXPECT_NE(names.find(name), nullptr) << name;
  }
  // "cart.shop" is a name of the world as well; the asker's search list makes the mesh's of it.
  for (const char* name :
       {"cart", "cart.shop", "cart.shop.svc", "web.shop.svc.cluster.local", "", ".",
        "shop.svc.cluster.local", ".shop.svc.cluster.local", "svc.cluster.local",
        "db-1.db.shop.svc.cluster.local", "a.db-0.db.shop.svc.cluster.local",
        "cart.shop.svc.cluster.local.shop.svc.cluster.local"}) {
    EXPECT_EQ(names.find(name), nullptr) << name;
  }
}

TEST(NameTable, AZoneIsReplacedWholeAndTheOthersStay) {
  NameTable names = shop_names();
  EXPECT_EQ(names.size(), 4U);
  names.put("shop.svc.cluster.local", {{"mail", {IpAddress::v4(7)}}});
  EXPECT_EQ(names.find("cart.shop.svc.cluster.local"), nullptr);
  EXPECT_NE(names.find("mail.shop.svc.cluster.local"), nullptr);
  EXPECT_NE(names.find("web.front.svc.cluster.local"), nullptr);
  EXPECT_EQ(names.size(), 2U);
  names.remove("shop.svc.cluster.local");
  names.remove("nowhere.svc.cluster.local");
  EXPECT_EQ(names.find("mail.shop.svc.cluster.local"), nullptr);
  EXPECT_EQ(names.size(), 1U);
  EXPECT_EQ(names.zones(), 1U);
}

TEST(DnsResponder, MeshNamesAreAnsweredHereTheRestGoesOn) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  EXPECT_EQ(road_of(responder, question_of("CART.shop.SVC.cluster.local")), "reply 0 with 1");
  EXPECT_EQ(road_of(responder, question_of("cart.shop.svc.cluster.local", 28)), "reply 0 with 0")
      << "it has no IPv6";
  EXPECT_EQ(road_of(responder, question_of("web.front.svc.cluster.local", 28)), "reply 0 with 1");
  EXPECT_EQ(road_of(responder, question_of("cart.shop.svc.cluster.local", 33)),
            "forward cart.shop.svc.cluster.local")
      << "SRV";
  EXPECT_EQ(road_of(responder, question_of("example.org")), "forward example.org");
  EXPECT_EQ(road_of(responder, Message().u8(1)), "silence");
  EXPECT_EQ(road_of(responder, Message().header(1, 0, 0, 0, 0, 0)), "reply 1 with 0");
  EXPECT_EQ(responder.stats().from_mesh.value(), 3U);
  EXPECT_EQ(responder.stats().forwarded.value(), 2U);
}

// Whoever asks mostly takes the first.
TEST(DnsResponder, SeveralAddressesTakeTurnsInFront) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  std::string first;
  for (int i = 0; i < 4; ++i) {
    const auto decision =
        responder.decide(question_of("db.shop.svc.cluster.local"), Road::kUdp, kStart);
    ASSERT_TRUE(decision.reply);
    EXPECT_EQ((*decision.reply)[7], 3);
    const std::size_t question = question_of("db.shop.svc.cluster.local").bytes.size();
    first += std::to_string((*decision.reply)[question + 15]);
  }
  EXPECT_EQ(first, "1231");
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

// RFC 2308 2.2: an alias, and the zone's word that its end has none of the type.
TEST(DnsResponder, AnAliasToNothingIsKeptAsLongAsItsZoneSays) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  Message none = Message().header(9, 0x8180, 1, 1, 1, 0).name("x.org").u16(1).u16(1);
  none.u16(0xc00c).u16(5).u16(1).u32(600).u16(2).u16(0xc00e).soa(3600, 20);
  (void)responder.answered(query_for("x.org"), none, Road::kUdp, kStart);
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(19)), "reply 0 with 1");
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(20)), "forward x.org");
}

TEST(DnsResponder, NegativeAnswersAreKeptForFiveMinutesAtMost) {
  const NameTable names = shop_names();
  Responder responder(names, {});
  const Message none =
      Message().header(9, 0x8183, 1, 0, 1, 0).name("x.org").u16(1).u16(1).soa(86400, 86400);
  (void)responder.answered(query_for("x.org"), none, Road::kUdp, kStart);
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(299)), "reply 3 with 0");
  EXPECT_EQ(road_of(responder, question_of("x.org"), kStart + seconds(300)), "forward x.org");
}

TEST(DnsAnswer, NamesPointBackOrTheAnswerIsBroken) {
  const auto with_owner = [](std::uint32_t pointer) {
    return Message()
        .header(9, 0x8180, 1, 1, 0, 0)
        .name("x.org")
        .u16(1)
        .u16(1)
        .u16(pointer)
        .u16(1)
        .u16(1)
        .u32(60)
        .u16(4)
        .u32(7);
  };
  EXPECT_TRUE(parse_answer(with_owner(0xc00c), query_for("x.org")));
  EXPECT_TRUE(parse_answer(with_owner(0xc00e), query_for("x.org")));
  EXPECT_FALSE(parse_answer(with_owner(0xc000), query_for("x.org"))) << "into the header";
  EXPECT_FALSE(parse_answer(with_owner(0xc017), query_for("x.org"))) << "at itself";
  EXPECT_FALSE(parse_answer(with_owner(0xc019), query_for("x.org"))) << "forward";
  EXPECT_FALSE(parse_answer(with_owner(0xffff), query_for("x.org"))) << "beyond the end";
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
  EXPECT_EQ(responder.stats().unusable.value(), good.bytes.size());
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
