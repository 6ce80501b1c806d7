// Queries from anybody, and what we write ourselves.

#include "sidecar/dns/query.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/sidecar/dns/dns_messages.h"

namespace weft::dns {
namespace {

using testing::Message;
using testing::question_of;

Rcode fault_of(const Message& message) {
  const Result<Query> query = parse_query(message);
  EXPECT_TRUE(query);
  return query ? query->fault : Rcode::kNoError;
}

TEST(DnsQuery, IsReadWhole) {
  const Result<Query> query = parse_query(question_of("Cart.SHOP.svc", 28, 0x1234));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->fault, Rcode::kNoError);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name, "cart.shop.svc");
  EXPECT_EQ(query->type, kTypeAaaa);
  EXPECT_EQ(query->record_class, kClassInternet);
  EXPECT_FALSE(query->edns);
  EXPECT_EQ(query->payload_max, 512);
}

TEST(DnsQuery, EdnsSaysHowMuchFitsWithinBounds) {
  for (const auto& [said, meant] : {std::pair{0, 512}, {1000, 1000}, {65535, 1232}}) {
    Message message = question_of("cart");
    message.bytes[11] = 1;
    const Result<Query> query =
        parse_query(message.opt(static_cast<std::uint32_t>(said), 0, 0x8000));
    ASSERT_TRUE(query);
    EXPECT_TRUE(query->edns);
    EXPECT_TRUE(query->dnssec_ok);
    EXPECT_EQ(query->payload_max, meant);
  }
}

TEST(DnsQuery, WhatIsNoQueryIsNotAnswered) {
  EXPECT_FALSE(parse_query({}));
  EXPECT_FALSE(parse_query(Message().u32(0).u32(0).u16(0).u8(0)));
  EXPECT_FALSE(parse_query(Message().header(1, 0x8180, 1, 0, 0, 0).name("cart").u16(1).u16(1)));
}

TEST(DnsQuery, MistakesHaveACode) {
  EXPECT_EQ(fault_of(Message().header(1, 0x2800, 1, 0, 0, 0)), Rcode::kNotImplemented);
  EXPECT_EQ(fault_of(Message().header(1, 0, 0, 0, 0, 0)), Rcode::kFormat);
  EXPECT_EQ(fault_of(Message().header(1, 0, 2, 0, 0, 0).name("a").u16(1).u16(1)), Rcode::kFormat);
  EXPECT_EQ(fault_of(Message().header(1, 0, 1, 1, 0, 0).name("a").u16(1).u16(1)), Rcode::kFormat);
  EXPECT_EQ(fault_of(Message().header(1, 0, 1, 0, 0, 0).u16(0xc00c).u16(1).u16(1)), Rcode::kFormat)
      << "a name that points";
  EXPECT_EQ(fault_of(Message().header(1, 0, 1, 0, 0, 0).name(std::string(70, 'a')).u16(1).u16(1)),
            Rcode::kFormat)
      << "a label of more than 63";
  Message two = question_of("a");
  two.bytes[11] = 2;
  EXPECT_EQ(fault_of(two.opt(512).opt(512)), Rcode::kFormat);
  Message newer = question_of("a");
  newer.bytes[11] = 1;
  EXPECT_EQ(fault_of(newer.opt(512, 1)), Rcode::kBadVersion);
  Message many = question_of("a");
  many.bytes[10] = 0xff;
  EXPECT_EQ(fault_of(many), Rcode::kFormat);
}

TEST(DnsQuery, CutAnywhereItIsRefusedOrIgnored) {
  Message message = question_of("cart.shop");
  message.bytes[11] = 1;
  message.opt(1232);
  for (std::size_t size = 0; size < message.bytes.size(); ++size) {
    const Result<Query> query = parse_query(Bytes(message).first(size));
    EXPECT_TRUE(!query || query->fault == Rcode::kFormat) << size;
  }
}

TEST(DnsQuery, ANameMayBe255BytesLong) {
  std::string name;
  for (int i = 0; i < 4; ++i) name += (i == 0 ? "" : ".") + std::string(i == 3 ? 61 : 63, 'a');
  EXPECT_EQ(fault_of(question_of(name)), Rcode::kNoError);
  EXPECT_EQ(fault_of(question_of(name + "b")), Rcode::kFormat);
}

TEST(DnsQuery, ADotInsideALabelIsNoBoundary) {
  const Result<Query> query = parse_query(
      Message().header(1, 0, 1, 0, 0, 0).u8(3).u8('a').u8('.').u8('b').u8(0).u16(1).u16(1));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->name, "a\\.b");
}

TEST(DnsQuery, GoesOnAsItWasUnderstoodAndNothingElse) {
  const Result<Query> plain = parse_query(question_of("Cart.org", 28, 0x0102));
  ASSERT_TRUE(plain);
  EXPECT_EQ(write_query(*plain),
            Message().header(0, 0x0100, 1, 0, 0, 0).name("Cart.org").u16(28).u16(1).bytes);
  // A cookie stays here, as do records that are no OPT.
  Message asked = Message().header(7, 0x0130, 1, 0, 0, 2).name("a.org").u16(1).u16(1);
  asked.name("b").u16(1).u16(1).u32(0).u16(4).u32(1);
  asked.u8(0).u16(41).u16(4096).u8(0).u8(0).u16(0x8000).u16(12);
  asked.u16(10).u16(8).u32(1).u32(2);
  const Result<Query> query = parse_query(asked);
  ASSERT_TRUE(query);
  ASSERT_EQ(query->fault, Rcode::kNoError);
  Message wanted = Message().header(0, 0x0130, 1, 0, 0, 1).name("a.org").u16(1).u16(1);
  EXPECT_EQ(write_query(*query), wanted.opt(512, 0, 0x8000).bytes);
}

TEST(DnsQuery, WhatAnAnswerDependsOnIsItsKey) {
  const auto key = [](const Message& message) { return key_of(*parse_query(message)); };
  const std::string plain = key(question_of("a.org", 1, 1));
  EXPECT_EQ(plain, key(question_of("A.oRg", 1, 2)));
  EXPECT_NE(plain, key(question_of("a.orG", 28, 1)));
  EXPECT_NE(plain, key(question_of("b.org", 1, 1)));
  EXPECT_NE(plain, key(Message().header(1, 0, 1, 0, 0, 0).name("a.org").u16(1).u16(1)))
      << "no recursion";
  const auto edns = [&](std::uint32_t flags) {
    return key(
        Message().header(1, 0x0100, 1, 0, 0, 1).name("a.org").u16(1).u16(1).opt(512, 0, flags));
  };
  EXPECT_NE(plain, edns(0));
  EXPECT_NE(edns(0), edns(0x8000)) << "DNSSEC";
}

TEST(DnsReply, SaysTheAddressesOfTheTypeAskedFor) {
  const Result<Query> query = parse_query(question_of("CaRt", 1, 0x0102));
  ASSERT_TRUE(query);
  const std::vector<IpAddress> addresses{*IpAddress::parse("10.0.0.1"),
                                         *IpAddress::parse("fd00::1")};
  const std::vector<std::uint8_t> reply =
      write_reply(*query, {.addresses = addresses, .ttl_s = 5}, 512);
  const Message wanted =
      Message().header(0x0102, 0x8180, 1, 1, 0, 0).name("CaRt").u16(1).u16(1).a(5, 0x0a000001);
  EXPECT_EQ(reply, wanted.bytes);
}

TEST(DnsReply, WhatDoesNotFitIsCutAndSaysSo) {
  Message asked = question_of("cart");
  asked.bytes[11] = 1;
  const Result<Query> query = parse_query(asked.opt(512));
  ASSERT_TRUE(query);
  const std::vector<IpAddress> addresses(100, *IpAddress::parse("10.0.0.1"));
  const std::vector<std::uint8_t> cut = write_reply(*query, {.addresses = addresses}, 512);
  EXPECT_LE(cut.size(), 512U);
  EXPECT_GT(cut.size(), 480U);
  EXPECT_EQ(cut[2] & 0x02, 0x02);
  const std::vector<std::uint8_t> whole = write_reply(*query, {.addresses = addresses}, 65535);
  EXPECT_EQ(whole[2] & 0x02, 0);
  EXPECT_EQ(whole[7], 100);
}

TEST(DnsReply, ACodeBeyondFifteenTravelsInTheOptRecord) {
  Message asked = question_of("a");
  asked.bytes[11] = 1;
  const Result<Query> query = parse_query(asked.opt(512, 7));
  ASSERT_TRUE(query);
  const std::vector<std::uint8_t> reply = write_reply(*query, {.rcode = query->fault}, 512);
  EXPECT_EQ(reply[3] & 0x0f, 0);
  EXPECT_EQ(reply[reply.size() - 6], 1);
}

}  // namespace
}  // namespace weft::dns
