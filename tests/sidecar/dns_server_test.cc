// The pod's resolver on real sockets: what it says itself, whom it asks for the rest, and that
// nobody can make it ask without end.

#include "sidecar/dns_server.h"

#include <map>

#include "tests/sidecar/dns_town.h"

namespace weft::sidecar {
namespace {

using dns::testing::Message;
using dns::testing::question_of;
using net::OwnedFd;
using testing::App;
using testing::said;
using testing::Town;

constexpr const char* kCart = "cart.shop.svc.cluster.local";

std::string address_of_everything(std::string_view query) {
  return net::DnsMessage::to(query).a("192.0.2.1", 60).wire();
}

TEST(DnsServer, AnswersForTheMeshOverBothRoadsWithoutAskingAnybody) {
  Town town;
  EXPECT_EQ(town.ask(kCart), "0: 10.96.0.1");
  EXPECT_EQ(town.ask("CART.Shop.svc.cluster.LOCAL"), "0: 10.96.0.1");
  EXPECT_EQ(town.ask(kCart, 28), "0:") << "no IPv6: the name exists all the same";
  EXPECT_EQ(town.ask_tcp({kCart, kCart}),
            (std::vector<std::string>{"0: 10.96.0.1", "0: 10.96.0.1"}));
  EXPECT_TRUE(town.dns.questions.empty());
}

TEST(DnsServer, AsksThePodsServersForTheRest) {
  Town town;
  town.dns.answer = address_of_everything;
  EXPECT_EQ(town.ask("example.org"), "0: 192.0.2.1");
  EXPECT_EQ(town.ask("other.shop.svc.cluster.local"), "0: 192.0.2.1");
  EXPECT_EQ(town.ask_tcp({"tcp.example.org"}), std::vector<std::string>{"0: 192.0.2.1"});
  EXPECT_EQ(
      town.dns.questions,
      (std::vector<std::string>{"example.org", "other.shop.svc.cluster.local", "tcp.example.org"}));
}

TEST(DnsServer, GoesOnFromItsCacheWhenTheServersAreGone) {
  Town town;
  town.dns.answer = address_of_everything;
  EXPECT_EQ(town.ask("example.org"), "0: 192.0.2.1");
  town.dns.answer = nullptr;
  EXPECT_EQ(town.ask("Example.ORG"), "0: 192.0.2.1");
  EXPECT_EQ(town.ask_tcp({"example.org"}), std::vector<std::string>{"0: 192.0.2.1"});
  EXPECT_EQ(town.dns.questions.size(), 1U);
  EXPECT_EQ(town.server->responder().stats().from_cache.value(), 2U);
}

TEST(DnsServer, ServersThatFailOrSayNothingAreAServerFailureNeverNoSuchName) {
  Town town;
  town.open({.upstream = {.timeout = std::chrono::milliseconds(20)}});
  EXPECT_EQ(town.ask("silent.org"), "2:");
  EXPECT_EQ(town.server->forwarder().stats().timeouts.value(), 1U);
  town.dns.answer = [](std::string_view query) {
    net::DnsMessage reply = net::DnsMessage::to(query);
    reply.count = 9;
    return reply.wire();
  };
  EXPECT_EQ(town.ask("broken.org"), "2:");
  EXPECT_EQ(town.server->responder().stats().unusable.value(), 1U);
}

TEST(DnsServer, WhatIsTooLongForUdpIsCutAndWholeOverTcp) {
  Town town;
  town.dns.answer = [](std::string_view query) {
    net::DnsMessage cut = net::DnsMessage::to(query);
    cut.flags |= 0x0200;
    return cut.wire();
  };
  town.dns.answer_tcp = [](std::string_view query) {
    net::DnsMessage reply = net::DnsMessage::to(query);
    for (unsigned i = 0; i < 100; ++i) reply.a("192.0.2.7", 60);
    return reply.wire();
  };
  EXPECT_EQ(town.ask("big.org"), "0: cut");
  const std::vector<std::string> whole = town.ask_tcp({"big.org"});
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].size(), 2 + 100 * std::string(" 192.0.2.7").size());
  EXPECT_EQ(town.dns.tcp_questions, 1) << "from the cache";
}

// ---- limits ----

TEST(DnsServer, AFloodOfOneNameIsOneQuestion) {
  Town town;
  std::vector<std::unique_ptr<App>> apps;
  for (std::uint32_t i = 0; i < 100; ++i) {
    apps.push_back(std::make_unique<App>(town.address()));
    apps.back()->send(
        question_of(i % 2 == 0 ? "example.org" : "EXAMPLE.org", 1, static_cast<std::uint16_t>(i)));
  }
  ASSERT_TRUE(town.rig.run_until([&] { return town.server->stats().waiting.value() == 100; }));
  EXPECT_EQ(town.server->stats().joined.value(), 99U);
  town.dns.answer = address_of_everything;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const std::string answer = town.answer_to(*apps[i]);
    EXPECT_EQ(said(answer), "0: 192.0.2.1") << i;
    EXPECT_EQ(static_cast<unsigned char>(answer[1]), i) << "under its asker's number";
    EXPECT_EQ(net::dns_text(answer), i % 2 == 0 ? "example.org" : "EXAMPLE.org");
  }
  EXPECT_EQ(town.dns.questions.size(), 1U);
}

TEST(DnsServer, AFloodOfNamesEndsAtItsLimitsAndTheMeshIsAnsweredStill) {
  Town town;
  town.open({.upstream = {.questions_max = 8, .timeout = std::chrono::milliseconds(200)},
             .waiting_max = 12});
  const App flood(town.address());
  std::map<std::string, int> answers;
  int sent = 0;
  int heard = 0;
  const auto read = [&] {
    while (const auto answer = flood.receive()) {
      ++heard;
      ++answers[said(*answer)];
    }
  };
  ASSERT_TRUE(town.rig.run_until([&] {
    if (sent < 1000) flood.send(question_of("n" + std::to_string(sent++) + ".org"));
    read();
    return sent == 1000 && heard >= 992;
  }));
  EXPECT_LE(town.server->stats().waiting.value(), 8);
  EXPECT_GE(town.server->stats().limited.value(), 992U - 8U);
  EXPECT_EQ(town.ask(kCart), "0: 10.96.0.1");
  ASSERT_TRUE(town.rig.run_until([&] { return town.dns.serve(), read(), heard == 1000; }));
  EXPECT_EQ(answers, (std::map<std::string, int>{{"2:", 1000}}));
  EXPECT_EQ(town.server->stats().waiting.value(), 0);
}

TEST(DnsServer, AskersOfOneQuestionAreBoundedToo) {
  Town town;
  town.open({.waiting_max = 5});
  const App app(town.address());
  for (std::uint16_t i = 0; i < 8; ++i) app.send(question_of("example.org", 1, i));
  int refused = 0;
  ASSERT_TRUE(town.rig.run_until([&] {
    while (const auto answer = app.receive()) refused += said(*answer) == "2:" ? 1 : 0;
    return refused == 3;
  }));
  EXPECT_EQ(town.server->stats().waiting.value(), 5);
  EXPECT_EQ(town.server->stats().limited.value(), 3U);
}

TEST(DnsServer, ConnectionsAreBounded) {
  Town town;
  town.open({.connections_max = 2});
  const App first(town.address(), SOCK_STREAM);
  const App second(town.address(), SOCK_STREAM);
  const App third(town.address(), SOCK_STREAM);
  std::optional<std::string> end;
  ASSERT_TRUE(town.rig.run_until([&] { return (end = third.receive()).has_value(); }));
  EXPECT_EQ(*end, "");
  EXPECT_EQ(town.server->stats().connections_refused.value(), 1U);
  EXPECT_EQ(town.server->stats().connections.value(), 2);
}

TEST(DnsServer, NonsenseOverTcpEndsTheConnectionAndNothingElse) {
  Town town;
  for (const Message& nonsense : {Message().u16(3).u8(1).u8(2).u8(3), Message().u16(5000),
                                  Message().u16(12).header(1, 0x8180, 0, 0, 0, 0)}) {
    const App app(town.address(), SOCK_STREAM);
    app.send(nonsense);
    std::optional<std::string> end;
    ASSERT_TRUE(town.rig.run_until([&] { return (end = app.receive()).has_value(); }));
    EXPECT_EQ(*end, "");
  }
  EXPECT_EQ(town.ask(kCart), "0: 10.96.0.1");
  EXPECT_EQ(town.server->stats().connections.value(), 0);
}

TEST(DnsServer, AConnectionThatSaysNothingEnds) {
  Town town;
  town.open({.idle = std::chrono::milliseconds(20)});
  const App app(town.address(), SOCK_STREAM);
  app.send(Message().u16(40).u8(1));
  std::optional<std::string> end;
  ASSERT_TRUE(town.rig.run_until([&] { return (end = app.receive()).has_value(); }));
  EXPECT_EQ(*end, "");
}

TEST(DnsServer, AnAskerThatHasSaidAllHearsTheAnswerAllTheSame) {
  Town town;
  const App app(town.address(), SOCK_STREAM);
  app.send_framed(question_of("example.org"));
  app.half_close();
  ASSERT_TRUE(town.rig.run_until([&] { return town.server->stats().waiting.value() == 1; }));
  town.rig.run_turns(5);
  town.dns.answer = address_of_everything;
  const std::string answer = town.answer_to(app);
  ASSERT_GT(answer.size(), 2U);
  EXPECT_EQ(said(std::string_view(answer).substr(2)), "0: 192.0.2.1");
}

TEST(DnsServer, AnAskerThatHasGoneIsForgotten) {
  Town town;
  {
    const App udp(town.address());
    udp.send(question_of("example.org"));
    const App tcp(town.address(), SOCK_STREAM);
    tcp.send_framed(question_of("example.org"));
    ASSERT_TRUE(town.rig.run_until([&] { return town.server->stats().waiting.value() == 2; }));
  }
  town.rig.run_turns(5);
  town.dns.answer = address_of_everything;
  EXPECT_EQ(town.ask("example.org"), "0: 192.0.2.1");
  EXPECT_EQ(town.server->stats().waiting.value(), 0);
}

TEST(DnsServer, DiesWithEverythingUnderWay) {
  Town town;
  const App udp(town.address());
  udp.send(question_of("example.org"));
  const App tcp(town.address(), SOCK_STREAM);
  tcp.send_framed(question_of("example.org"));
  ASSERT_TRUE(town.rig.run_until([&] { return town.server->stats().waiting.value() == 2; }));
  town.server.reset();
  town.rig.run_turns(3);
}

// ---- where it listens, whom it never asks ----

TEST(DnsServer, NeverAsksItself) {
  net::Rig rig;
  // Who is told of its own port has to know one beforehand: one that was free a moment ago. Others
  // take ports too, so that may take more than one try.
  SocketAddress own;
  std::optional<DnsServer> started;
  for (int tries = 0; tries < 64; ++tries) {
    OwnedFd probe = *net::bind_datagrams(net::loopback());
    own = net::local_address_of(probe.get());
    probe.reset();
    started.emplace(rig.loop, DnsServer::Options{.addresses = {own},
                                                 .upstream = {.channel = {.servers = {own}}}});
    if (started->listen()) break;
    started.reset();
  }
  ASSERT_TRUE(started);
  DnsServer& server = *started;
  EXPECT_TRUE(server.forwarder().channel().servers().empty());
  const App app(own);
  app.send(question_of("example.org"));
  std::optional<std::string> answer;
  ASSERT_TRUE(rig.run_until([&] {
    if (!answer) answer = app.receive();
    return answer.has_value();
  }));
  EXPECT_EQ(said(*answer), "2:");
  EXPECT_NE(server.describe().find("never asks " + own.to_string()), std::string::npos);
}

TEST(DnsServer, WantsAddressesOfThisMachine) {
  net::Rig rig;
  const auto why = [&](std::vector<SocketAddress> addresses) {
    DnsServer server(rig.loop, {.addresses = std::move(addresses),
                                .upstream = {.channel = {.servers = {net::loopback(9)}}}});
    const Status listening = server.listen();
    return listening ? "listens at " + std::to_string(server.addresses().size())
                     : listening.error().detail;
  };
  const SocketAddress elsewhere(*IpAddress::parse("192.0.2.1"), 0);
  EXPECT_EQ(why({net::loopback(), elsewhere}), "listens at 1");
  EXPECT_EQ(why({elsewhere}), "none of its addresses is this machine's: 192.0.2.1:0");
  EXPECT_EQ(why({SocketAddress(IpAddress(), 53)}),
            "'0.0.0.0:53': want an address of this machine and a port, as answers leave from where "
            "the question went");
  const OwnedFd taken = *net::bind_datagrams(net::loopback());
  const SocketAddress port = net::local_address_of(taken.get());
  EXPECT_EQ(why({port}), "datagrams at " + port.to_string() + ": Address already in use");
}

TEST(DnsServer, SaysOnItsPageWhatItDoes) {
  Town town;
  town.dns.answer = address_of_everything;
  (void)town.ask(kCart);
  (void)town.ask("example.org");
  (void)town.ask("example.org");
  EXPECT_EQ(town.server->describe(),
            "listens at " + town.address().to_string() + "\nasks " + town.dns.address.to_string() +
                "\n"
                "names of the mesh: 1 in 1 namespaces\n"
                "cache: 1 of 1024 answers, " +
                std::to_string(town.server->responder().cache().bytes()) +
                " of 524288 bytes\n"
                "queries: 1 mesh, 1 cache, 1 forwarded, 0 of them joined, 0 limited, 0 not "
                "understood, 0 ignored\n"
                "servers: 1 answered, 0 timeouts, 0 failures, 0 unusable answers\n"
                "under way: 0 of 512 questions, 0 of 2048 askers, 0 of 64 connections\n");
  EXPECT_EQ(town.server->describe("Cart.shop.svc.cluster.local."),
            "cart.shop.svc.cluster.local: of the mesh\n  10.96.0.1\n");
  EXPECT_EQ(town.server->describe("example.org"),
            "example.org: no name of the mesh; asked of the pod's servers\n");
}

}  // namespace
}  // namespace weft::sidecar
