// Apps and servers that mean no good, against the pod's resolver (threats.md 3.8): what they can
// make it hold is bounded, and the mesh is answered all the while.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sidecar/dns/answer.h"
#include "sidecar/dns/query.h"
#include "tests/sidecar/dns_town.h"

namespace weft::sidecar {
namespace {

using dns::testing::Message;
using dns::testing::question_of;
using testing::App;
using testing::said;
using testing::Town;

constexpr const char* kShop = "cart.shop.svc.cluster.local";
const std::string kShopSaid = "0: 10.96.0.1";

// With its length in front, as over TCP.
std::vector<std::uint8_t> dns_framed(const Message& message) {
  Message framed;
  framed.u16(static_cast<std::uint32_t>(message.bytes.size()));
  framed.bytes.insert(framed.bytes.end(), message.bytes.begin(), message.bytes.end());
  return framed.bytes;
}

TEST(DnsHostile, AnAskerThatReadsNothingIsCutOff) {
  Town town;
  std::vector<IpAddress> many;
  for (std::uint32_t i = 0; i < 200; ++i) many.push_back(IpAddress::v4(0x0a000001 + i));
  town.server->names().put("big.svc.cluster.local", {{"many", many}});
  constexpr std::size_t kAtATime = 50;
  std::vector<std::uint8_t> questions;
  for (std::size_t i = 0; i < kAtATime; ++i) {
    const auto one = dns_framed(question_of("many.big.svc.cluster.local"));
    questions.insert(questions.end(), one.begin(), one.end());
  }
  const App app(town.address(), SOCK_STREAM);
  bool connected = false;
  std::size_t asked = 0;
  // What the kernel holds for both sides comes first; then it is ours to hold.
  ASSERT_TRUE(town.rig.run_until([&] {
    const std::int64_t open = town.server->stats().connections.value();
    connected |= open == 1;
    if (connected && open == 0) return true;
    app.send(questions);
    asked += kAtATime;
    return false;
  }));
  EXPECT_GT(asked, kAtATime);
  EXPECT_EQ(town.ask(kShop), kShopSaid);
}

TEST(DnsHostile, AConnectionsQuestionsUnderWayAreBoundedAndAllAreAnswered) {
  constexpr std::size_t kQuestions = 3 * DnsConnection::kPendingMax;
  Town town;
  const App app(town.address(), SOCK_STREAM);
  for (std::size_t i = 0; i < kQuestions; ++i)
    app.send_framed(question_of("n" + std::to_string(i) + ".org"));
  const auto waiting = [&] { return town.server->stats().waiting.value(); };
  ASSERT_TRUE(town.rig.run_until([&] { return waiting() == DnsConnection::kPendingMax; }));
  town.rig.run_turns(20);
  EXPECT_EQ(waiting(), DnsConnection::kPendingMax);
  EXPECT_EQ(town.ask(kShop), kShopSaid);
  town.dns.answer = [](std::string_view query) {
    return net::DnsMessage::to(query).a("192.0.2.1", 60).wire();
  };
  std::string heard;
  // Each: a length, a header, the question and one record.
  std::size_t whole = 0;
  for (std::size_t i = 0; i < kQuestions; ++i)
    whole += dns_framed(question_of("n" + std::to_string(i) + ".org")).size() + 16;
  std::int64_t most = 0;
  EXPECT_TRUE(town.rig.run_until([&] {
    town.dns.serve();
    most = std::max(most, waiting());
    if (const auto more = app.receive()) heard += *more;
    return heard.size() >= whole;
  }));
  EXPECT_EQ(heard.size(), whole);
  EXPECT_LE(most, DnsConnection::kPendingMax);
}

TEST(DnsHostile, AQuestionOverTcpIsTheSameWhereverItIsCut) {
  Town town;
  const std::vector<std::uint8_t> question = dns_framed(question_of(kShop));
  for (std::size_t cut = 1; cut < question.size(); ++cut) {
    const App app(town.address(), SOCK_STREAM);
    app.send(Bytes(question).first(cut));
    town.rig.run_turns(3);
    app.send(Bytes(question).subspan(cut));
    const std::string answer = town.answer_to(app);
    ASSERT_GT(answer.size(), 2U) << cut;
    EXPECT_EQ(said(std::string_view(answer).substr(2)), kShopSaid) << cut;
  }
}

// Two resolvers that answered each other's answers would never end.
TEST(DnsHostile, AnswersAreNotAnswered) {
  Town town;
  const App app(town.address());
  Message answer = question_of(kShop, 1, 1);
  answer.bytes[2] |= 0x80;
  for (int i = 0; i < 10; ++i) app.send(answer);
  app.send(question_of(kShop, 1, 2));
  const std::string heard = town.answer_to(app);
  ASSERT_GT(heard.size(), 2U);
  EXPECT_EQ(heard[1], 2);
  town.rig.run_turns(5);
  EXPECT_FALSE(app.receive());
}

TEST(DnsHostile, ADatagramBrokenAtAnyByteIsAnsweredShortlyOrNotAtAll) {
  Town town;
  // Servers that refuse at once: what is still a question goes to them.
  town.dns.answer = [](std::string_view query) {
    net::DnsMessage refused = net::DnsMessage::to(query);
    refused.flags |= 5;
    return refused.wire();
  };
  const Message whole = question_of(kShop).opt(1232);
  Message with_opt = whole;
  with_opt.bytes[11] = 1;
  std::vector<std::vector<std::uint8_t>> broken;
  for (std::size_t size = 0; size < with_opt.bytes.size(); ++size)
    broken.emplace_back(with_opt.bytes.begin(),
                        with_opt.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  for (std::size_t at = 2; at < with_opt.bytes.size(); ++at) {
    for (const char value : {'\0', '\1', '\x3f', '\x40', '\xc0', '\xff'}) {
      broken.push_back(with_opt.bytes);
      broken.back()[at] = static_cast<std::uint8_t>(value);
    }
  }
  const App app(town.address());
  std::size_t largest = 0;
  std::size_t answers = 0;
  const auto read = [&] {
    town.dns.serve();
    while (const auto heard = app.receive()) {
      ++answers;
      largest = std::max(largest, heard->size());
      ASSERT_GE(heard->size(), 12U);
      EXPECT_NE(static_cast<unsigned char>((*heard)[2]) & 0x80U, 0U) << "it says that it is one";
      EXPECT_EQ(heard->substr(0, 2), std::string("\0\7", 2));
    }
  };
  std::size_t sent = 0;
  ASSERT_TRUE(town.rig.run_until([&] {
    if (sent < broken.size()) app.send(broken[sent++]);
    read();
    return sent == broken.size();
  }));
  // Nothing of it is still under way.
  ASSERT_TRUE(
      town.rig.run_until([&] { return read(), town.server->stats().waiting.value() == 0; }));
  EXPECT_GT(answers, 0U);
  EXPECT_LE(answers, broken.size());
  EXPECT_LE(largest, dns::Query::kPayloadMax);
  EXPECT_EQ(town.ask(kShop), kShopSaid);
}

TEST(DnsHostile, AnAnswerHasRecordsUpToALimit) {
  unsigned records = dns::Answer::kRecordsMax;
  Town town;
  town.dns.answer = [](std::string_view query) {
    net::DnsMessage cut = net::DnsMessage::to(query);
    cut.flags |= 0x0200;
    return cut.wire();
  };
  town.dns.answer_tcp = [&records](std::string_view query) {
    net::DnsMessage reply = net::DnsMessage::to(query);
    for (unsigned i = 0; i < records; ++i) reply.a("192.0.2.7", 60);
    return reply.wire();
  };
  const std::vector<std::string> whole = town.ask_tcp({"huge.org"});
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].size(), 2 + records * std::string(" 192.0.2.7").size());
  EXPECT_EQ(town.ask("huge.org"), "0: cut");
  ++records;
  EXPECT_EQ(town.ask_tcp({"larger.org"}), std::vector<std::string>{"2:"});
  EXPECT_EQ(town.server->responder().stats().unusable.value(), 1U);
  EXPECT_EQ(town.ask(kShop), kShopSaid);
}

}  // namespace
}  // namespace weft::sidecar
