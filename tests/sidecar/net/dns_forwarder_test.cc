// Whole messages to the servers and back: whose answer counts, what happens when none comes.

#include "sidecar/net/dns_forwarder.h"

#include <set>

#include "tests/sidecar/net/fake_dns.h"

namespace weft::net {
namespace {

struct Holder final : ForwardHolder {
  void on_forward_answer(Bytes message) override {
    answer = std::string(as_text(message));
    if (hearing) hearing();
  }
  void on_forward_failure(const Error& error) override {
    failure = to_string(error);
    if (hearing) hearing();
  }
  [[nodiscard]] bool heard() const { return !answer.empty() || !failure.empty(); }
  std::string answer;
  std::string failure;
  std::function<void()> hearing;
};

std::vector<std::uint8_t> question(std::string_view name) {
  const std::string text = be16(0) + be16(0x0100) + be16(1) + be16(0) + be16(0) + be16(0) +
                           dns_name(name) + be16(1) + be16(1);
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

struct Office {
  Rig rig;
  FakeDns dns;
  std::unique_ptr<DnsForwarder> forwarder;
  Holder holder;
  std::unique_ptr<DnsForwarder::Question> asked;

  Office() { open({}); }
  void open(DnsForwarder::Options options) {
    if (options.channel.servers.empty() && options.channel.resolv_conf == "/etc/resolv.conf")
      options.channel.servers = {dns.address};
    asked.reset();
    forwarder = std::make_unique<DnsForwarder>(rig.loop, std::move(options));
  }
  std::string ask(std::string_view name) {
    holder = Holder();
    asked = forwarder->ask(question(name), holder);
    if (asked == nullptr) return "refused";
    EXPECT_FALSE(holder.heard()) << "never from inside";
    if (!rig.run_until([this] { return dns.serve(), holder.heard(); })) return "nothing heard";
    return holder.failure.empty() ? "answer about " + dns_text(holder.answer) : holder.failure;
  }
};

std::string one_address(std::string_view query) {
  return DnsMessage::to(query).a("1.2.3.4").wire();
}

TEST(DnsForwarder, PassesTheWholeAnswerOn) {
  Office office;
  office.dns.answer = one_address;
  EXPECT_EQ(office.ask("a.test"), "answer about a.test");
  EXPECT_EQ(office.holder.answer, one_address(office.dns.last_query));
  EXPECT_EQ(office.forwarder->stats().answered.value(), 1U);
  EXPECT_EQ(office.forwarder->stats().under_way.value(), 0);
  EXPECT_EQ(office.forwarder->channel().servers(), std::vector{office.dns.address});
}

TEST(DnsForwarder, NobodyForetellsTheNumberOfAQuestion) {
  Office office;
  office.dns.answer = one_address;
  std::set<std::string> numbers;
  for (int i = 0; i < 40; ++i) {
    (void)office.ask("a.test");
    numbers.insert(office.dns.last_query.substr(0, 2));
  }
  EXPECT_GT(numbers.size(), 35U);
}

TEST(DnsForwarder, AnotherNumberOrAnotherQuestionIsNoAnswer) {
  Office office;
  office.dns.answer_many = [](std::string_view query) {
    DnsMessage wrong_number = DnsMessage::to(query);
    wrong_number.id[1] = static_cast<char>(wrong_number.id[1] ^ 1);
    DnsMessage wrong_name = DnsMessage::about("evil.test", 1);
    wrong_name.id = std::string(query.substr(0, 2));
    return std::vector<std::string>{wrong_number.a("6.6.6.6").wire(),
                                    wrong_name.a("6.6.6.6").wire(), one_address(query)};
  };
  EXPECT_EQ(office.ask("a.test"), "answer about a.test");
  EXPECT_EQ(office.holder.answer, one_address(office.dns.last_query));
}

TEST(DnsForwarder, WhatIsCutIsAskedForAgainOverTcp) {
  Office office;
  office.dns.answer = [](std::string_view query) {
    DnsMessage cut = DnsMessage::to(query);
    cut.flags |= 0x0200;
    return cut.wire();
  };
  office.dns.answer_tcp = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    for (unsigned i = 0; i < 200; ++i) reply.add("\xc0\x0c", 1, 30, be32(i));
    return reply.wire();
  };
  EXPECT_EQ(office.ask("big.test"), "answer about big.test");
  EXPECT_EQ(office.holder.answer.size(), 12U + 14U + 200U * 16U);
  EXPECT_EQ(office.dns.tcp_questions, 1);
}

TEST(DnsForwarder, AsksTheNextServerWhenOneFails) {
  Office office;
  FakeDns second;
  office.open({.channel = {.servers = {office.dns.address, second.address}}});
  office.dns.answer = [](std::string_view query) {
    DnsMessage refused = DnsMessage::to(query);
    refused.flags |= 5;
    return refused.wire();
  };
  second.answer = one_address;
  office.asked = office.forwarder->ask(question("a.test"), office.holder);
  ASSERT_TRUE(office.rig.run_until(
      [&] { return office.dns.serve(), second.serve(), office.holder.heard(); }));
  EXPECT_EQ(dns_text(office.holder.answer), "a.test");
}

TEST(DnsForwarder, SilenceEndsAtTheDeadline) {
  Office office;
  office.open({.channel = {.try_timeout = std::chrono::seconds(5)},
               .timeout = std::chrono::milliseconds(20)});
  EXPECT_EQ(office.ask("a.test"), "upstream timeout: no answer in time");
  EXPECT_EQ(office.forwarder->stats().timeouts.value(), 1U);
}

TEST(DnsForwarder, WithoutServersItFails) {
  Office office;
  office.open({.channel = {.servers = {office.dns.address}, .never = {office.dns.address}}});
  EXPECT_TRUE(office.forwarder->channel().servers().empty());
  EXPECT_EQ(office.forwarder->channel().left_out(), std::vector{office.dns.address});
  EXPECT_EQ(office.ask("a.test"), "upstream connect: there is no server to ask");
  EXPECT_TRUE(office.dns.questions.empty());
  EXPECT_EQ(office.forwarder->stats().failures.value(), 1U);
}

TEST(DnsForwarder, LeavesItselfOutAndAsksTheOthers) {
  Office office;
  office.dns.answer = one_address;
  const SocketAddress own(IpAddress::v4(0x7f000001), 9);
  office.open({.channel = {.servers = {own, office.dns.address}, .never = {own}}});
  EXPECT_EQ(office.forwarder->channel().servers(), std::vector{office.dns.address});
  EXPECT_EQ(office.ask("a.test"), "answer about a.test");
}

TEST(DnsForwarder, PutsABoundedNumberOfQuestionsAtATime) {
  Office office;
  office.open({.questions_max = 2});
  Holder others[2];
  const auto first = office.forwarder->ask(question("a.test"), others[0]);
  auto second = office.forwarder->ask(question("b.test"), others[1]);
  EXPECT_EQ(office.ask("c.test"), "refused");
  EXPECT_EQ(office.forwarder->stats().refused.value(), 1U);
  second.reset();
  EXPECT_EQ(office.ask("c.test"), "refused") << "c-ares has it still";
  office.dns.answer = one_address;
  EXPECT_TRUE(office.rig.run_until([&] {
    office.dns.serve();
    return office.forwarder->stats().under_way.value() == 0 && others[0].heard();
  }));
  EXPECT_FALSE(others[1].heard());
  EXPECT_EQ(office.ask("c.test"), "answer about c.test");
}

TEST(DnsForwarder, TheHolderMayLetGoWhenItHears) {
  Office office;
  office.dns.answer = one_address;
  office.holder.hearing = [&] { office.asked.reset(); };
  office.asked = office.forwarder->ask(question("a.test"), office.holder);
  EXPECT_TRUE(office.rig.run_until([&] { return office.dns.serve(), office.holder.heard(); }));
  EXPECT_EQ(office.asked, nullptr);
}

TEST(DnsForwarder, DiesQuietlyWithQuestionsUnderWay) {
  Office office;
  Holder holders[20];
  std::vector<std::unique_ptr<DnsForwarder::Question>> asked;
  for (Holder& one : holders) asked.push_back(office.forwarder->ask(question("a.test"), one));
  office.rig.run_turns(2);
  asked.clear();
  office.forwarder.reset();
  office.rig.run_turns(3);
  for (const Holder& one : holders) EXPECT_FALSE(one.heard());
}

}  // namespace
}  // namespace weft::net
