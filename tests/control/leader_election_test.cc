// Who leads: one Lease, what is asked of it and what its answers mean, on a clock moved by hand.

#include "control/kubernetes/leader_election.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/times.h"
#include "sidecar/core/random.h"

namespace weft::control::kube {
namespace {

using namespace std::chrono_literals;
using Ask = LeaderElection::Step::What;

constexpr WallTime kNoon{std::chrono::seconds(1'769'860'800)};  // 2026-01-31T12:00:00Z

std::string lease(const std::string& holder, int version, const std::string& renewed = "r0",
                  int seconds = 12, int transitions = 3) {
  return Json{
      {"metadata", {{"name", "weft-control"}, {"resourceVersion", std::to_string(version)}}},
      {"spec",
       {{"holderIdentity", holder},
        {"leaseDurationSeconds", seconds},
        {"renewTime", renewed},
        {"acquireTime", "a0"},
        {"leaseTransitions", transitions}}}}
      .dump();
}

// One candidate and what it does, as text.
class Candidate {
 public:
  std::string step() {
    LeaderElection::Step step = election.next(now, kNoon);
    switch (step.what) {
      case Ask::kWait:
        return "wait " + std::to_string(step.time / 1ms);
      case Ask::kRead:
        return "read";
      case Ask::kCreate:
        return "create " + told(step.body);
      case Ask::kUpdate:
        return "update " + told(step.body);
    }
    return {};
  }
  void answer(std::uint16_t status, const std::string& body = {}) {
    election.on_answer(status, body, now);
  }
  // It is asked of and granted.
  void win() {
    EXPECT_EQ(step(), "read");
    answer(200, lease("", 1));
    EXPECT_TRUE(step().starts_with("update"));
    answer(200, lease("me", 2));
  }
  [[nodiscard]] bool leads() const { return election.leads(now); }

  LeaderElection election{{.identity = "me"}};
  TimePoint now{1h};

 private:
  static std::string told(const std::string& body) {
    const Json read = Json::parse(body);
    const Json& spec = read["spec"];
    return read["metadata"].value("resourceVersion", "new") + " " +
           spec["holderIdentity"].get<std::string>() + " " +
           std::to_string(spec["leaseDurationSeconds"].get<int>()) + "s " +
           std::to_string(spec.value("leaseTransitions", -1)) + " " +
           spec.value("acquireTime", "-") + " " + spec.value("renewTime", "-");
  }
};

constexpr const char* kNoonText = "2026-01-31T12:00:00.000000Z";
// The same clock asked again: it stands still, and what is written must differ all the same.
constexpr const char* kAfterNoonText = "2026-01-31T12:00:00.000001Z";

TEST(ApiTimes, AreInUtcAndToTheMicrosecond) {
  EXPECT_EQ(time_text(kNoon), "2026-01-31T12:00:00Z");
  EXPECT_EQ(micro_time_text(kNoon + 1234us), "2026-01-31T12:00:00.001234Z");
}

TEST(LeaderElection, MakesALeaseWhereThereIsNone) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(404);
  EXPECT_FALSE(me.leads());
  EXPECT_EQ(me.step(), std::string("create new me 12s 0 ") + kNoonText + " " + kNoonText);
  me.now += 100ms;
  me.answer(201, lease("me", 1));
  EXPECT_TRUE(me.leads());
  EXPECT_EQ(me.election.valid_until(), TimePoint(1h) + 7s) << "from when it was asked for";
}

TEST(LeaderElection, OfTwoWhoMakeItOneWaits) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(404);
  EXPECT_TRUE(me.step().starts_with("create"));
  me.answer(409);
  EXPECT_EQ(me.step(), "wait 200");
  me.now += 200ms;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1));
  EXPECT_EQ(me.step(), "wait 2000");
  EXPECT_FALSE(me.leads());
  EXPECT_EQ(me.election.stats().conflicts.value(), 1u);
}

TEST(LeaderElection, RenewsEveryTwoSecondsAtTheVersionItKnows) {
  Candidate me;
  me.win();
  ASSERT_TRUE(me.leads());
  EXPECT_EQ(me.step(), "wait 2000");
  me.now += 2s;
  EXPECT_EQ(me.step(), std::string("update 2 me 12s 3 a0 ") + kAfterNoonText)
      << "the same holder: since when, and the changes of hands stay";
  me.answer(200, lease("me", 3, "r1"));
  EXPECT_EQ(me.election.valid_until(), me.now + 7s);
  EXPECT_EQ(me.election.stats().acquired.value(), 1u);
}

TEST(LeaderElection, ChangesHandsWithACount) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("", 5));
  EXPECT_EQ(me.step(), std::string("update 5 me 12s 4 ") + kNoonText + " " + kNoonText);
}

TEST(LeaderElection, TakesWhatHasNotChangedForAsLongAsItWasGiven) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(me.step(), "wait 2000");
    me.now += 2s;
    EXPECT_EQ(me.step(), "read");
    me.answer(200, lease("other", 1));
  }
  EXPECT_EQ(me.step(), "wait 2000");
  me.now += 1999ms;
  EXPECT_EQ(me.step(), "wait 1");
  me.now += 1ms;
  EXPECT_TRUE(me.step().starts_with("update 1 me 12s 4"));
  me.answer(200, lease("me", 2));
  EXPECT_TRUE(me.leads());
}

TEST(LeaderElection, WakesAtTheMomentALeaseRunsOut) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1, "r0", 3));
  EXPECT_EQ(me.step(), "wait 2000");
  me.now += 2s;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1, "r0", 3));
  EXPECT_EQ(me.step(), "wait 1000");
}

// What another one's clock says is of no account, only that it goes on.
TEST(LeaderElection, LooksAtChangesAndNotAtOthersClocks) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1, "1970-01-01T00:00:00.000000Z"));
  EXPECT_EQ(me.step(), "wait 2000") << "an old time is no old Lease";
  for (int i = 0; i < 60; ++i) {
    me.now += 2s;
    EXPECT_EQ(me.step(), "read") << i;
    me.answer(200, lease("other", i + 2, "2999-01-01T00:00:" + std::to_string(i)));
    EXPECT_EQ(me.step(), "wait 2000");
  }
  EXPECT_FALSE(me.leads());
}

TEST(LeaderElection, AnAnnotationIsNoSignOfLife) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 1));
  for (int version = 2; me.now < TimePoint(1h) + 12s; ++version) {
    me.now += 2s;
    const std::string step = me.step();
    if (step != "read") {
      EXPECT_TRUE(step.starts_with("update")) << step;
      me.answer(409);
      break;
    }
    me.answer(200, lease("other", version));
    (void)me.step();
  }
  // Somebody wrote into it at that very moment: it is free all the same.
  me.now += 200ms;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 99));
  EXPECT_TRUE(me.step().starts_with("update 99 me"));
}

TEST(LeaderElection, StopsSevenSecondsAfterItsLastGrantedRequestWasSent) {
  Candidate me;
  me.win();
  me.now += 2s;
  EXPECT_TRUE(me.step().starts_with("update"));
  me.now += 4s;
  me.election.on_failure("no answer in time", me.now);
  EXPECT_TRUE(me.leads());
  EXPECT_EQ(me.step(), "wait 2000");
  me.now = TimePoint(1h) + 7s;
  EXPECT_FALSE(me.leads());
  EXPECT_EQ(me.step(), "wait 1000");
  EXPECT_EQ(me.election.stats().lost.value(), 1u);
  EXPECT_EQ(me.election.problem(), "no answer in time");
}

TEST(LeaderElection, AnAnswerThatComesTooLateGrantsNothing) {
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("", 1));
  EXPECT_TRUE(me.step().starts_with("update"));
  me.now += 7s;  // a process that was stopped and goes on
  me.answer(200, lease("me", 2));
  EXPECT_FALSE(me.leads());
}

TEST(LeaderElection, StopsAtOnceWhenAnotherHasIt) {
  Candidate me;
  me.win();
  me.now += 2s;
  EXPECT_TRUE(me.step().starts_with("update"));
  me.answer(409);
  EXPECT_TRUE(me.leads()) << "somebody has changed it, perhaps only its labels";
  me.now += 200ms;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("other", 9));
  EXPECT_FALSE(me.leads());
  EXPECT_EQ(me.election.stats().lost.value(), 1u);
  EXPECT_EQ(me.step(), "wait 2000");
}

TEST(LeaderElection, AnAnswerThatWasLostIsFoundOut) {
  Candidate me;
  me.win();
  me.now += 2s;
  EXPECT_TRUE(me.step().starts_with("update 2"));
  me.election.on_failure("reset", me.now);  // and yet it was done
  me.now += 2s;
  EXPECT_TRUE(me.step().starts_with("update 2"));
  me.answer(409);
  me.now += 200ms;
  EXPECT_EQ(me.step(), "read");
  me.answer(200, lease("me", 3, "r1"));
  EXPECT_TRUE(me.step().starts_with("update 3 me"));
  me.answer(200, lease("me", 4, "r2"));
  EXPECT_EQ(me.election.valid_until(), me.now + 7s);
  EXPECT_EQ(me.election.stats().lost.value(), 0u);
}

TEST(LeaderElection, ADeletedLeaseEndsOursAndLeavesAnothersItsTime) {
  Candidate me;
  me.win();
  me.now += 2s;
  EXPECT_TRUE(me.step().starts_with("update"));
  me.answer(404);
  EXPECT_FALSE(me.leads());
  EXPECT_TRUE(me.step().starts_with("create new me"));

  Candidate second;
  EXPECT_EQ(second.step(), "read");
  second.answer(200, lease("other", 1));
  second.now += 2s;
  EXPECT_EQ(second.step(), "read");
  second.answer(404);
  EXPECT_EQ(second.step(), "wait 2000") << "the other one may not know yet";
  second.now = TimePoint(1h) + 12s;
  EXPECT_TRUE(second.step().starts_with("create new me"));
}

TEST(LeaderElection, GivesItBackWhenItIsNotWantedAnyMore) {
  Candidate me;
  me.win();
  me.election.resign();
  EXPECT_FALSE(me.election.over(me.now));
  EXPECT_EQ(me.step(), std::string("update 2  1s 3 ") + kAfterNoonText + " " + kAfterNoonText);
  me.answer(200, lease("", 3, "r9", 1));
  EXPECT_TRUE(me.election.over(me.now));
  EXPECT_EQ(me.election.stats().lost.value(), 0u);

  Candidate other{};
  EXPECT_EQ(other.step(), "read");
  other.answer(200, lease("", 3, "r9", 1));
  EXPECT_TRUE(other.step().starts_with("update 3 me 12s 4")) << "nobody waits";

  Candidate never;
  never.election.resign();
  EXPECT_TRUE(never.election.over(never.now));
}

TEST(LeaderElection, OneThatCannotBeGivenBackRunsOut) {
  Candidate me;
  me.win();
  me.election.resign();
  EXPECT_TRUE(me.step().starts_with("update"));
  me.election.on_failure("gone", me.now);
  EXPECT_TRUE(me.election.over(me.now));
}

TEST(LeaderElection, TakesNonsenseForNoAnswer) {
  for (const char* body : {"", "[]", "{}", "null", R"({"metadata":{"resourceVersion":7}})", "{"}) {
    Candidate me;
    EXPECT_EQ(me.step(), "read");
    me.answer(200, body);
    EXPECT_EQ(me.step(), "wait 2000") << body;
    EXPECT_EQ(me.election.problem(), "the Lease cannot be read") << body;
    EXPECT_FALSE(me.leads());
  }
  Candidate me;
  EXPECT_EQ(me.step(), "read");
  me.answer(403, R"({"message":"forbidden"})");
  EXPECT_EQ(me.election.problem(), "the API server answers 403");
  me.now += 2s;
  EXPECT_EQ(me.step(), "read");
  // Absurd numbers are bounded.
  me.answer(200, R"({"metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":"x",
                     "leaseDurationSeconds":99999999999,"leaseTransitions":-5}})");
  EXPECT_EQ(me.election.transitions(), 0);
  me.now += 10min;
  EXPECT_TRUE(me.step().starts_with("update 1 me"));
}

// ---- never two ----

// The API server as far as one Lease goes: compare and swap.
class OneLease {
 public:
  std::pair<std::uint16_t, std::string> ask(Ask what, const std::string& body) {
    if (what == Ask::kRead && held_.is_null()) return gone();
    if (what == Ask::kRead) return {200, held_.dump()};
    Json wanted = Json::parse(body);
    if (what == Ask::kCreate && !held_.is_null()) return {409, "{}"};
    if (what == Ask::kUpdate) {
      if (held_.is_null()) return gone();
      if (wanted["metadata"]["resourceVersion"] != held_["metadata"]["resourceVersion"]) {
        return {409, "{}"};
      }
    }
    wanted["metadata"]["resourceVersion"] = std::to_string(++version_);
    held_ = std::move(wanted);
    return {200, held_.dump()};
  }

 private:
  static std::pair<std::uint16_t, std::string> gone() { return {404, "{}"}; }
  Json held_;
  int version_ = 0;
};

// A replica with a clock of its own, whose messages are late or lost, and which stands still at
// times, as a process does that is stopped.
struct Contender {
  std::unique_ptr<LeaderElection> election;
  double speed = 1;    // of its clock
  Duration offset{};   // and how far it is off
  TimePoint asleep{};  // true time until which it does nothing
  bool dead = false;
  // Under way: when it reaches the server, when the answer is back.
  struct Message {
    Ask what;
    std::string body;
    TimePoint arrives;
    TimePoint returns;
    bool lost = false;
    std::optional<std::pair<std::uint16_t, std::string>> answer;
  };
  std::optional<Message> message;
  TimePoint deadline{};  // local: when the request is given up
  TimePoint next{};      // local

  [[nodiscard]] TimePoint local(TimePoint real) const {
    const auto passed = std::chrono::duration<double>(real.time_since_epoch()) * speed;
    return TimePoint(std::chrono::duration_cast<Duration>(passed) + offset);
  }
};

// What a leader sends is with the server for at most KubeClient::kQuickTimeout.
struct Written {
  std::size_t who;
  TimePoint until;
};

TEST(LeaderElection, IsNeverTwoAtOnceWhateverClocksAndNetworksDo) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    OneLease server;
    std::vector<Contender> replicas(3);
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      replicas[i].election = std::make_unique<LeaderElection>(
          LeaderElection::Options{.identity = "r" + std::to_string(i)});
      replicas[i].speed = 0.97 + 0.06 * random.unit();
      replicas[i].offset = std::chrono::hours(random.below(1000));
    }
    const TimePoint begin{1h};
    std::optional<Written> written;
    std::size_t led = 0;
    std::size_t changes = 0;
    std::optional<std::size_t> last;
    for (TimePoint real = begin; real < begin + 10min; real += 20ms) {
      for (std::size_t i = 0; i < replicas.size(); ++i) {
        Contender& one = replicas[i];
        if (one.message && one.message->arrives <= real && !one.message->answer) {
          one.message->answer = server.ask(one.message->what, one.message->body);
        }
        if (random.below(20'000) == 0) one.asleep = real + Duration(random.below(20'000) * 1ms);
        if (real < one.asleep) continue;
        const TimePoint now = one.local(real);
        if (one.message && one.message->answer && one.message->returns <= real &&
            !one.message->lost) {
          const auto answer = *one.message->answer;
          one.message.reset();
          one.election->on_answer(answer.first, answer.second, now);
          one.next = now;
        } else if (one.message && now >= one.deadline) {
          // It is not told what becomes of it; the server may still get it.
          if (!one.message->answer) (void)server.ask(one.message->what, one.message->body);
          one.message.reset();
          one.election->on_failure("no answer in time", now);
          one.next = now;
        }
        if (!one.message && now >= one.next) {
          LeaderElection::Step step = one.election->next(now, kNoon);
          if (step.what == Ask::kWait) {
            one.next = now + step.time;
          } else {
            const bool slow = random.below(10) == 0;
            const Duration there = Duration(random.below(slow ? 3000 : 50) * 1ms);
            const Duration back = Duration(random.below(slow ? 3000 : 50) * 1ms);
            one.message = Contender::Message{.what = step.what,
                                             .body = std::move(step.body),
                                             .arrives = real + there,
                                             .returns = real + there + back,
                                             .lost = random.below(20) == 0};
            one.deadline = now + KubeClient::kQuickTimeout;
          }
        }
        if (!one.election->leads(now)) continue;
        ++led;
        ASSERT_TRUE(!written || written->who == i || written->until <= real)
            << "seed " << seed << ": " << i << " writes while a write of " << written->who
            << " may be under way, " << (real - begin) / 1ms << " ms in";
        written = Written{i, real + KubeClient::kQuickTimeout};
        if (last != i) ++changes;
        last = i;
      }
    }
    EXPECT_GT(led, 15'000u) << "seed " << seed << ": most of the time somebody leads";
    EXPECT_GE(changes, 1u);
  }
}

TEST(LeaderElection, OneThatIsKilledIsReplacedWithinFifteenSeconds) {
  for (Duration age = 0ms; age < 2s; age += 100ms) {
    OneLease server;
    LeaderElection first{{.identity = "first"}};
    LeaderElection second{{.identity = "second"}};
    TimePoint now{1h};
    const auto drive = [&](LeaderElection& one) {
      for (int i = 0; i < 4; ++i) {
        const LeaderElection::Step step = one.next(now, kNoon);
        if (step.what == Ask::kWait) return;
        const auto [status, body] = server.ask(step.what, step.body);
        one.on_answer(status, body, now);
      }
    };
    for (; now < TimePoint(1h) + 30s + age; now += 10ms) {
      drive(first);
      drive(second);
    }
    ASSERT_TRUE(first.leads(now));
    ASSERT_FALSE(second.leads(now));
    const TimePoint killed = now;
    for (; !second.leads(now) && now < killed + 1min; now += 10ms) drive(second);
    EXPECT_LE((now - killed) / 1ms, 15'000) << age / 1ms;
    EXPECT_GE((now - killed) / 1ms, 9'000) << "not before the first has stopped to write";
  }
}

}  // namespace
}  // namespace weft::control::kube
