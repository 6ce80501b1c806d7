#include "sidecar/net/dns_answer.h"

#include <string>

#include "sidecar/core/random.h"
#include "tests/sidecar/net/fake_dns.h"

namespace weft::net {
namespace {

// "1.2.3.4 5.6.7.8 ttl 30", or the error.
std::string parsed(const std::string& wire, DnsType type = DnsType::kA) {
  const Result<DnsAnswer> answer = parse_dns_answer(as_bytes(wire), type);
  if (!answer) return to_string(answer.error());
  std::string text;
  for (const IpAddress& address : answer->addresses) text += address.to_string() + " ";
  return text + "ttl " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(answer->ttl).count());
}

DnsMessage about(std::string_view name = "a.test", unsigned type = 1) {
  return DnsMessage::about(name, type);
}

TEST(DnsAnswer, GivesTheAddressesInOrderWithTheSmallestTtl) {
  EXPECT_EQ(parsed(about().a("1.2.3.4", 60).a("5.6.7.8", 30).wire()), "1.2.3.4 5.6.7.8 ttl 30");
  EXPECT_EQ(parsed(about("a.test", 28).aaaa("2001:db8::1", 5).wire(), DnsType::kAaaa),
            "2001:db8::1 ttl 5");
}

TEST(DnsAnswer, FollowsAliasesAndCountsTheirTtl) {
  const std::string alias = dns_name("b.test");
  EXPECT_EQ(
      parsed(about().add("\xc0\x0c", 5, 7, alias).add(alias, 1, 60, "\x01\x02\x03\x04").wire()),
      "1.2.3.4 ttl 7");
  // The server may tell them in any order, and in any case of letters.
  EXPECT_EQ(parsed(about()
                       .add(dns_name("B.test"), 1, 60, "\x01\x02\x03\x04")
                       .add(dns_name("A.TEST"), 5, 7, alias)
                       .wire()),
            "1.2.3.4 ttl 7");
}

TEST(DnsAnswer, IgnoresRecordsOfOtherNamesTypesAndClasses) {
  DnsMessage message = about().a("1.2.3.4");
  message.add(dns_name("evil.test"), 1, 1, "\x06\x06\x06\x06");
  message.add("\xc0\x0c", 28, 1, std::string(16, '\1'));
  message.add("\xc0\x0c", 46, 1, "a signature");
  message.records +=
      std::string("\xc0\x0c", 2) + be16(1) + be16(3) + be32(1) + be16(4) + "\x06\x06\x06\x06";
  ++message.count;
  EXPECT_EQ(parsed(message.wire()), "1.2.3.4 ttl 30");
}

TEST(DnsAnswer, IsEmptyWhenTheNameHasNoneOfTheType) {
  EXPECT_TRUE(parsed(about().wire()).starts_with("ttl"));
}

TEST(DnsAnswer, ReadsALargeTtlAsTheRfcSays) {
  EXPECT_EQ(parsed(about().a("1.2.3.4", 0x80000000U).wire()), "1.2.3.4 ttl 0");
  EXPECT_EQ(parsed(about().a("1.2.3.4", 0x7fffffffU).wire()), "1.2.3.4 ttl 86400");
}

TEST(DnsAnswer, KeepsABoundedNumberOfAddresses) {
  DnsMessage message = about();
  for (unsigned i = 0; i < 4000; ++i) message.add("\xc0\x0c", 1, 30, be32(i));
  const auto answer = parse_dns_answer(as_bytes(message.wire()), DnsType::kA);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->addresses.size(), DnsAnswer::kAddressesMax);
}

TEST(DnsAnswer, RefusesWhatDoesNotAddUp) {
  EXPECT_EQ(parsed(""), "protocol: dns answer: no header");
  EXPECT_EQ(parsed(std::string(11, '\0')), "protocol: dns answer: no header");
  DnsMessage question = about();
  question.flags = 0x0100;
  EXPECT_EQ(parsed(question.wire()), "protocol: dns answer: it is a question");
  // 65,535 records in twelve bytes and a question.
  DnsMessage liar = about();
  liar.count = 65535;
  EXPECT_EQ(parsed(liar.wire()), "protocol: dns answer: a record is cut short");
  EXPECT_EQ(parsed(about().add("\xc0\x0c", 1, 30, "\x01\x02\x03").wire()),
            "protocol: dns answer: an address of the wrong size");
}

TEST(DnsAnswer, RefusesPointersThatDoNotPointBack) {
  // To itself, forwards, and two that point at each other.
  EXPECT_EQ(parsed(about().add("\xc0\x18", 1, 30, "\x01\x02\x03\x04").wire()),
            "protocol: dns answer: a record is cut short");
  EXPECT_EQ(parsed(about().add("\xc0\xff", 1, 30, "\x01\x02\x03\x04").wire()),
            "protocol: dns answer: a record is cut short");
  DnsMessage circle;
  circle.question = std::string("\xc0\x0e\xc0\x0c", 4) + be16(1) + be16(1);
  EXPECT_EQ(parsed(circle.wire()), "protocol: dns answer: the question is cut short");
}

TEST(DnsAnswer, EndsACircleOfAliases) {
  const std::string a = dns_name("a.test");
  const std::string b = dns_name("b.test");
  EXPECT_TRUE(parsed(about().add(a, 5, 1, b).add(b, 5, 1, a).wire()).starts_with("ttl"));
}

TEST(DnsAnswer, RefusesALongChainOfAliases) {
  DnsMessage message = about("0.test");
  for (int i = 0; i < 100; ++i) {
    message.add(dns_name(std::to_string(i) + ".test"), 5, 1,
                dns_name(std::to_string(i + 1) + ".test"));
  }
  EXPECT_EQ(parsed(message.wire()), "protocol: dns answer: too many aliases");
}

TEST(DnsAnswer, DoesNotTakeADotInsideALabelForABoundary) {
  std::string forged = std::string("\x06") + "a.test" + '\0';
  EXPECT_TRUE(parsed(about().add(forged, 1, 30, "\x06\x06\x06\x06").wire()).starts_with("ttl"));
}

TEST(DnsAnswer, SurvivesEveryCutAndEveryChangedByte) {
  const std::string alias = dns_name("b.test");
  const std::string good = about()
                               .add("\xc0\x0c", 5, 7, alias)
                               .add(alias, 1, 60, "\x01\x02\x03\x04")
                               .a("9.9.9.9")
                               .wire();
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(parse_dns_answer(as_bytes(good.substr(0, cut)), DnsType::kA).has_value()) << cut;
  }
  Random random(11);
  for (int i = 0; i < 50'000; ++i) {
    std::string bad = good;
    for (std::uint64_t n = random.below(6); n-- > 0;)
      bad[random.below(bad.size())] = static_cast<char>(random.below(256));
    (void)parse_dns_answer(as_bytes(bad), DnsType::kA);
  }
}

}  // namespace
}  // namespace weft::net
