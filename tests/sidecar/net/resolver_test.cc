#include "sidecar/net/resolver.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "sidecar/core/random.h"
#include "sidecar/net/dns_answer.h"
#include "tests/sidecar/net/fake_dns.h"

namespace weft::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Asker final : QueryHolder {
  void on_resolved(const Resolved& its_resolved) override {
    resolved = its_resolved;
    if (hearing) hearing();
  }
  void on_not_resolved(const Error& its_error) override {
    error = its_error;
    if (hearing) hearing();
  }
  [[nodiscard]] bool heard() const { return resolved.has_value() || error.has_value(); }
  [[nodiscard]] std::string text() const {
    if (error) return to_string(*error);
    std::string list;
    for (const IpAddress& address : resolved->addresses) list += address.to_string() + " ";
    return list + "ttl " +
           std::to_string(std::chrono::duration_cast<seconds>(resolved->ttl).count());
  }
  std::optional<Resolved> resolved;
  std::optional<Error> error;
  std::function<void()> hearing;
};

struct Town {
  Rig rig;
  FakeDns dns;
  std::unique_ptr<Resolver> resolver;
  Asker asker;
  std::unique_ptr<Resolver::Query> query;

  Town() { open({}); }
  void open(Resolver::Options options) {
    if (options.servers.empty()) options.servers = {dns.address};
    options.resolv_conf = "/dev/null";
    options.search = false;
    resolver = std::make_unique<Resolver>(rig.loop, std::move(options));
  }
  // "1.2.3.4 ttl 30" or the error.
  std::string ask(std::string_view name, DnsFamily family = DnsFamily::kV4) {
    asker = Asker();
    query = resolver->resolve(name, family, asker);
    EXPECT_FALSE(asker.heard());  // never from inside the call
    if (!rig.run_until([this] { return serve(), asker.heard(); })) return "nothing heard";
    query.reset();
    return asker.text();
  }
  void serve() { dns.serve(); }
};

std::string both_families(std::string_view query) {
  DnsMessage reply = DnsMessage::to(query);
  return (dns_type(query) == 1 ? reply.a("1.2.3.4") : reply.aaaa("2001:db8::1", 20)).wire();
}

TEST(Resolver, FindsAddressesWithTheirTtl) {
  Town town;
  town.dns.answer = [](std::string_view query) {
    return DnsMessage::to(query).a("1.2.3.4", 30).a("1.2.3.5", 20).wire();
  };
  EXPECT_EQ(town.ask("cart.shop.test"), "1.2.3.4 1.2.3.5 ttl 20");
  EXPECT_EQ(town.dns.questions, std::vector<std::string>{"cart.shop.test"});
}

TEST(Resolver, AnswersByFamily) {
  Town town;
  town.dns.answer = both_families;
  EXPECT_EQ(town.ask("a.test", DnsFamily::kV4), "1.2.3.4 ttl 30");
  EXPECT_EQ(town.ask("a.test", DnsFamily::kV6), "2001:db8::1 ttl 20");
  EXPECT_EQ(town.ask("a.test", DnsFamily::kAuto), "2001:db8::1 ttl 20");
  EXPECT_EQ(town.ask("a.test", DnsFamily::kV4Preferred), "1.2.3.4 ttl 20");
  EXPECT_EQ(town.ask("a.test", DnsFamily::kAll), "2001:db8::1 1.2.3.4 ttl 20");
}

TEST(Resolver, TakesTheOtherFamilyWhenThePreferredHasNone) {
  Town town;
  town.dns.answer = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    return dns_type(query) == 1 ? reply.a("1.2.3.4").wire() : reply.wire();
  };
  EXPECT_EQ(town.ask("a.test", DnsFamily::kAuto), "1.2.3.4 ttl 30");
  EXPECT_EQ(town.ask("a.test", DnsFamily::kAll), "1.2.3.4 ttl 30");
}

TEST(Resolver, NeedsNoServerForNumbersAndLocalhost) {
  Town town;
  EXPECT_EQ(town.ask("192.0.2.7"), "192.0.2.7 ttl 86400");
  EXPECT_EQ(town.ask("::1", DnsFamily::kV6), "::1 ttl 86400");
  EXPECT_EQ(town.ask("localhost"), "127.0.0.1 ttl 60");
  EXPECT_EQ(town.ask("any.localhost."), "127.0.0.1 ttl 60");
  EXPECT_TRUE(town.ask("192.0.2.7", DnsFamily::kV6).starts_with("upstream name not resolved"));
  EXPECT_TRUE(town.dns.questions.empty());
}

TEST(Resolver, RefusesWhatIsNoHostName) {
  Town town;
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a..b"), std::string("a b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(64, 'a') + ".test",
        std::string(254, 'a'), std::string("*.test")}) {
    EXPECT_TRUE(town.ask(name).starts_with("invalid:")) << name;
  }
  EXPECT_TRUE(town.dns.questions.empty());
}

TEST(Resolver, NamesTheKindOfFailure) {
  Town town;
  const auto with_code = [](unsigned code) {
    return [code](std::string_view query) {
      DnsMessage reply = DnsMessage::to(query);
      reply.flags |= code;
      return reply.wire();
    };
  };
  town.dns.answer = with_code(3);
  EXPECT_EQ(town.ask("no.test"),
            "upstream name not resolved: resolve no.test: Domain name not found");
  town.dns.answer = with_code(0);
  EXPECT_TRUE(town.ask("no.test").starts_with("upstream name not resolved:"));
  town.dns.answer = with_code(2);
  EXPECT_TRUE(town.ask("no.test").starts_with("upstream connect:"));
  town.dns.answer = with_code(5);
  EXPECT_TRUE(town.ask("no.test").starts_with("upstream connect:"));
  EXPECT_EQ(town.resolver->stats().failures.value(), 4u);
}

TEST(Resolver, GivesUpOnASilentServer) {
  Town town;
  town.open({.try_timeout = milliseconds(20), .tries = 2});
  EXPECT_TRUE(town.ask("silent.test").starts_with("upstream timeout:"));
  EXPECT_EQ(town.dns.questions.size(), 2u);
}

TEST(Resolver, HasADeadlineOverAllTries) {
  Town town;
  town.open({.try_timeout = seconds(5), .timeout = milliseconds(30)});
  EXPECT_EQ(town.ask("silent.test"), "upstream timeout: resolve silent.test: no answer in time");
}

TEST(Resolver, SaysThatNoServerListens) {
  Town town;
  SocketAddress nobody;
  {
    const FakeDns gone;
    nobody = gone.address;
  }
  town.open({.servers = {nobody}, .try_timeout = milliseconds(50), .tries = 1});
  EXPECT_TRUE(town.ask("a.test").starts_with("upstream "));
}

TEST(Resolver, AsksTheNextServerWhenOneFails) {
  Town town;
  FakeDns second;
  town.open({.servers = {town.dns.address, second.address}});
  town.dns.answer = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    reply.flags |= 2;
    return reply.wire();
  };
  second.answer = both_families;
  town.query = town.resolver->resolve("a.test", DnsFamily::kV4, town.asker);
  ASSERT_TRUE(town.rig.run_until([&] { return town.serve(), second.serve(), town.asker.heard(); }));
  EXPECT_EQ(town.asker.text(), "1.2.3.4 ttl 30");
}

TEST(Resolver, FetchesALongAnswerOverTcp) {
  Town town;
  town.dns.answer = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    reply.flags |= 0x0200;  // truncated
    return reply.wire();
  };
  town.dns.answer_tcp = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    for (unsigned i = 0; i < 3000; ++i) reply.add("\xc0\x0c", 1, 30, be32(0x0a000000U + i));
    return reply.wire();
  };
  (void)town.ask("big.test");
  ASSERT_TRUE(town.asker.resolved.has_value());
  EXPECT_EQ(town.asker.resolved->addresses.size(), DnsAnswer::kAddressesMax);
  EXPECT_EQ(town.dns.tcp_questions, 1);
}

TEST(Resolver, DoesNotAskAgainAtOnceForATtlOfZero) {
  Town town;
  town.dns.answer = [](std::string_view query) {
    return DnsMessage::to(query).a("1.2.3.4", 0).wire();
  };
  EXPECT_EQ(town.ask("a.test"), "1.2.3.4 ttl 1");
}

// ---- strangers ----

TEST(Resolver, IgnoresAnswersToOtherQuestions) {
  Town town;
  town.dns.answer_many = [](std::string_view query) {
    DnsMessage wrong_id = DnsMessage::to(query);
    wrong_id.id[0] = static_cast<char>(wrong_id.id[0] ^ 1);
    DnsMessage wrong_name = DnsMessage::about("evil.test", 1);
    wrong_name.id = std::string(query.substr(0, 2));
    DnsMessage right = DnsMessage::to(query);
    return std::vector<std::string>{wrong_id.a("6.6.6.6").wire(), wrong_name.a("6.6.6.6").wire(),
                                    right.a("1.2.3.4").wire()};
  };
  EXPECT_EQ(town.ask("a.test"), "1.2.3.4 ttl 30");
}

TEST(Resolver, IgnoresAnswersFromElsewhere) {
  Town town;
  town.query = town.resolver->resolve("a.test", DnsFamily::kV4, town.asker);
  ASSERT_TRUE(town.rig.run_until([&] { return town.serve(), !town.dns.questions.empty(); }));
  const OwnedFd stranger(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string forged = DnsMessage::to(town.dns.last_query).a("6.6.6.6").wire();
  sockaddr_storage native;
  const socklen_t length = town.dns.last_asker.to_native(native);
  (void)::sendto(stranger.get(), forged.data(), forged.size(), 0,
                 reinterpret_cast<const sockaddr*>(&native), length);
  town.rig.run_turns(10);
  EXPECT_FALSE(town.asker.heard());
}

TEST(Resolver, RefusesABrokenAnswer) {
  Town town;
  town.open({.try_timeout = milliseconds(50), .tries = 1});
  town.dns.answer = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    reply.count = 65535;
    return reply.wire();
  };
  EXPECT_EQ(town.ask("a.test"),
            "upstream protocol: resolve a.test: dns answer: a record is cut short");
}

TEST(Resolver, SurvivesGarbage) {
  Town town;
  town.open({.try_timeout = milliseconds(10), .tries = 1, .timeout = milliseconds(10)});
  Random random(3);
  town.dns.answer_many = [&](std::string_view query) {
    std::vector<std::string> replies;
    for (int i = 0; i < 20; ++i) {
      std::string reply = DnsMessage::to(query).a("1.2.3.4").a("5.6.7.8").wire();
      for (std::uint64_t n = 1 + random.below(8); n-- > 0;) {
        reply[2 + random.below(reply.size() - 2)] = static_cast<char>(random.below(256));
      }
      replies.push_back(
          reply.substr(0, random.below(3) == 0 ? random.below(reply.size()) : reply.size()));
    }
    return replies;
  };
  for (int i = 0; i < 100; ++i)
    EXPECT_NE(town.ask("a" + std::to_string(i) + ".test"), "nothing heard");
}

// ---- letting go ----

TEST(Resolver, IsSilentAboutADroppedQuery) {
  Town town;
  town.dns.answer = both_families;
  auto query = town.resolver->resolve("a.test", DnsFamily::kAll, town.asker);
  query.reset();
  Asker other;
  const auto second = town.resolver->resolve("b.test", DnsFamily::kV4, other);
  ASSERT_TRUE(town.rig.run_until([&] { return town.serve(), other.heard(); }));
  town.rig.run_until([&, left = 5]() mutable { return town.serve(), left-- <= 0; });
  EXPECT_FALSE(town.asker.heard());
}

TEST(Resolver, IsSilentAboutAQueryDroppedBetweenAnswerAndEvent) {
  Town town;
  town.query = town.resolver->resolve("192.0.2.1", DnsFamily::kV4, town.asker);
  town.query.reset();
  town.rig.run_turns(3);
  EXPECT_FALSE(town.asker.heard());
}

TEST(Resolver, LetsTheHolderDropTheQueryWhenItHears) {
  Town town;
  town.dns.answer = both_families;
  town.asker.hearing = [&] { town.query.reset(); };
  town.query = town.resolver->resolve("a.test", DnsFamily::kAll, town.asker);
  EXPECT_TRUE(town.rig.run_until([&] { return town.serve(), town.asker.heard(); }));
  EXPECT_EQ(town.query, nullptr);
}

TEST(Resolver, LetsTheHolderDestroyTheResolverWhenItHears) {
  Town town;
  town.dns.answer = both_families;
  Asker other;
  const auto second = town.resolver->resolve("b.test", DnsFamily::kAll, other);
  town.asker.hearing = [&] { town.resolver.reset(); };
  town.query = town.resolver->resolve("192.0.2.1", DnsFamily::kV4, town.asker);
  EXPECT_TRUE(town.rig.run_until([&] { return town.asker.heard(); }));
  town.rig.run_until([&, left = 5]() mutable { return town.serve(), left-- <= 0; });
  EXPECT_FALSE(other.heard());
}

TEST(Resolver, IsDestroyedWithAThousandQueriesOpen) {
  Town town;
  std::vector<std::unique_ptr<Resolver::Query>> queries;
  for (int i = 0; i < 1000; ++i) {
    queries.push_back(
        town.resolver->resolve("n" + std::to_string(i) + ".test", DnsFamily::kAll, town.asker));
  }
  town.rig.run_turns(3);
  for (std::size_t i = 0; i < 1000; i += 2) queries[i].reset();
  town.resolver.reset();
  town.rig.run_turns(3);
  EXPECT_FALSE(town.asker.heard());
}

TEST(Resolver, LeavesNoSocketBehindWhenIdle) {
  Town town;
  town.dns.answer = both_families;
  (void)town.ask("a.test");
  const int before = open_descriptors();
  (void)town.ask("b.test", DnsFamily::kAll);
  town.rig.run_turns(2);
  EXPECT_EQ(open_descriptors(), before);
}

// ---- limits ----

TEST(Resolver, PutsABoundedNumberOfQuestionsAndServesTheLineInOrder) {
  Town town;
  town.open({.questions_max = 8});
  std::vector<std::unique_ptr<Asker>> askers;
  std::vector<std::unique_ptr<Resolver::Query>> queries;
  for (int i = 0; i < 40; ++i) {
    askers.push_back(std::make_unique<Asker>());
    queries.push_back(
        town.resolver->resolve("n" + std::to_string(i) + ".test", DnsFamily::kV4, *askers.back()));
  }
  town.rig.run_until(
      [&, left = 5]() mutable { return town.serve(), left-- <= 0; });  // nothing answers yet
  EXPECT_EQ(town.dns.questions.size(), 8u);

  queries[20].reset();  // leaves the line
  town.dns.answer = both_families;
  town.resolver.reset();
  town.open({.questions_max = 8});
  for (int i = 0; i < 40; ++i) {
    askers[static_cast<std::size_t>(i)] = std::make_unique<Asker>();
    queries[static_cast<std::size_t>(i)] = town.resolver->resolve(
        "n" + std::to_string(i) + ".test", DnsFamily::kV4, *askers[static_cast<std::size_t>(i)]);
  }
  queries[20].reset();
  EXPECT_TRUE(town.rig.run_until([&] {
    town.serve();
    int heard = 0;
    for (const auto& asker : askers) heard += asker->heard() ? 1 : 0;
    return heard == 39;
  }));
  EXPECT_FALSE(askers[20]->heard());
}

TEST(Resolver, RefusesWhenTheLineIsTooLong) {
  Town town;
  town.open({.questions_max = 1, .waiting_max = 2});
  std::vector<std::unique_ptr<Resolver::Query>> queries;
  for (int i = 0; i < 3; ++i)
    queries.push_back(town.resolver->resolve("a.test", DnsFamily::kV4, town.asker));
  Asker late;
  const auto query = town.resolver->resolve("late.test", DnsFamily::kV4, late);
  ASSERT_TRUE(town.rig.run_until([&] { return late.heard(); }));
  EXPECT_EQ(late.error->fault, Fault::kLimit);
  EXPECT_EQ(town.resolver->stats().refused.value(), 1u);
}

// ---- configuration ----

TEST(Resolver, NoticesThatTheServersHaveChanged) {
  Rig rig;
  FakeDns first;
  FakeDns second(IpAddress::v4(0x7f000002), first.address.port());
  first.answer = [](std::string_view query) { return DnsMessage::to(query).a("1.1.1.1").wire(); };
  second.answer = [](std::string_view query) { return DnsMessage::to(query).a("2.2.2.2").wire(); };
  const std::filesystem::path conf =
      std::filesystem::temp_directory_path() / ("weft-resolv-" + std::to_string(::getpid()));
  const auto write = [&](const std::string& server, int age) {
    std::ofstream(conf) << "nameserver " << server << "\n";
    std::filesystem::last_write_time(conf,
                                     std::filesystem::file_time_type::clock::now() - seconds(age));
  };
  write("127.0.0.1", 100);
  Resolver resolver(rig.loop,
                    {.resolv_conf = conf.string(), .port = first.address.port(), .search = false});
  const auto ask = [&] {
    Asker asker;
    const auto query = resolver.resolve("a.test", DnsFamily::kV4, asker);
    EXPECT_TRUE(rig.run_until([&] { return first.serve(), second.serve(), asker.heard(); }));
    return asker.text();
  };
  EXPECT_EQ(ask(), "1.1.1.1 ttl 30");
  write("127.0.0.2", 50);
  EXPECT_EQ(ask(), "2.2.2.2 ttl 30");
  std::filesystem::remove(conf);
}

TEST(Resolver, TriesSearchDomainsOfTheConfiguration) {
  Rig rig;
  FakeDns dns;
  dns.answer = [](std::string_view query) {
    DnsMessage reply = DnsMessage::to(query);
    if (dns_text(query) == "cart.shop.svc.cluster.local") return reply.a("10.0.0.1").wire();
    reply.flags |= 3;
    return reply.wire();
  };
  const std::filesystem::path conf =
      std::filesystem::temp_directory_path() / ("weft-search-" + std::to_string(::getpid()));
  std::ofstream(conf)
      << "nameserver 127.0.0.1\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n";
  Resolver resolver(rig.loop, {.resolv_conf = conf.string(), .port = dns.address.port()});
  Asker asker;
  const auto query = resolver.resolve("cart", DnsFamily::kV4, asker);
  EXPECT_TRUE(rig.run_until([&] { return dns.serve(), asker.heard(); }));
  EXPECT_EQ(asker.text(), "10.0.0.1 ttl 30");
  std::filesystem::remove(conf);
}

}  // namespace
}  // namespace weft::net
