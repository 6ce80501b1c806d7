// A pool: whoever waits is served by priority, or gives way; connections are kept ready, get old,
// are used newest first; one that is being left serves those who wait, and ends once.
#include "sidecar/upstream/pool.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/memory_transport.h"

namespace weft::upstream {
namespace {

using weft::testing::MemoryPipe;

// A cluster's side of a pool, and the network: dials end as the test says.
class Rig final : public Pool::Owner {
 public:
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    struct Pending final : Dial {};
    dialing.push_back(&holder);
    return std::make_unique<Pending>();
  }
  http::Protocol protocol_of(const Transport&) const override { return http::Protocol::kHttp1; }
  http::ConnectionOptions connection_options() const override { return {}; }
  bool multiplexes() const override { return false; }
  bool spent(std::uint64_t) override { return false; }
  Duration connection_age() override { return age; }
  Duration pending_timeout() const override { return patience; }
  bool take_connection(bool needed) override {
    return (needed || spare_allowed) && connections_left > 0 && connections_left-- > 0;
  }
  void give_connection() override { ++connections_left; }
  bool take_pending(config::Priority priority) override {
    if (waiting < pending_max) {
      ++waiting;
      return true;
    }
    Ticket* loser = pool.loser(when_full, priority);
    if (loser == nullptr) return false;
    pool.displace(*loser);
    return true;
  }
  void give_pending(Duration waited, Pool::Left why) override {
    last_wait = waited;
    if (why != Pool::Left::kGaveWay) --waiting;
  }
  void on_pool_changed() override {}
  void on_pool_drained(Pool&) override { ++drained; }

  // The oldest dial succeeds.
  void connect() {
    pipes.push_back(std::make_unique<MemoryPipe>(turn));
    take_dial()->on_dialed(pipes.back()->take_left());
    end_turn();
  }
  void refuse() {
    take_dial()->on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
    end_turn();
  }
  DialHolder* take_dial() {
    DialHolder* first = dialing.front();
    dialing.erase(dialing.begin());
    return first;
  }
  void end_turn() {
    for (int i = 0; i < 10; ++i) turn.end();
  }
  void pass(Duration time) {
    turn.advance(turn.now() + time);
    end_turn();
  }
  void settle() {
    end_turn();
    pass(std::chrono::seconds(10));
  }

  Turn turn{TimePoint(std::chrono::hours(1))};
  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::vector<DialHolder*> dialing;
  int connections_left = 1;
  bool spare_allowed = true;
  Duration age{0};
  Duration patience{0};
  Duration last_wait{0};
  int waiting = 0;
  int pending_max = 100;
  config::WhenFull when_full = config::WhenFull::kReject;
  int drained = 0;
  Pool pool{turn, *this};
};

class Waiter final : public TicketHolder {
 public:
  explicit Waiter(Pool& pool, config::Priority priority = config::Priority::kNormal)
      : acquired(pool.acquire(*this, priority)) {
    if (auto* waits = std::get_if<std::unique_ptr<Ticket>>(&acquired)) ticket = std::move(*waits);
  }
  void on_connection_ready(http::ClientConnection&) override { heard += "ready"; }
  void on_ticket_failed(const Error& error) override { heard += to_string(error); }
  [[nodiscard]] bool refused() const { return std::holds_alternative<Error>(acquired); }
  [[nodiscard]] http::ClientConnection* connection() const {
    const auto* ready = std::get_if<http::ClientConnection*>(&acquired);
    return ready == nullptr ? nullptr : *ready;
  }
  std::string heard;
  Acquired acquired;
  std::unique_ptr<Ticket> ticket;
};

TEST(PoolDrain, ServesThoseWhoWaitAndEndsThen) {
  Rig rig;
  Waiter waiter(rig.pool);
  rig.pool.drain();
  rig.settle();
  EXPECT_EQ(waiter.heard, "") << "its connection is on its way";
  EXPECT_EQ(rig.drained, 0);
  const Acquired late = rig.pool.acquire(waiter, config::Priority::kNormal);
  EXPECT_EQ(std::get<Error>(late).fault, Fault::kDraining);
  rig.connect();
  rig.settle();
  EXPECT_EQ(waiter.heard, "ready");
  EXPECT_EQ(rig.drained, 1);
  EXPECT_TRUE(rig.pool.empty());
}

TEST(PoolDrain, TellsWhoWaitsThatNothingCame) {
  Rig rig;
  Waiter waiter(rig.pool);
  rig.pool.drain();
  rig.refuse();
  rig.settle();
  EXPECT_EQ(waiter.heard, "upstream connect: refused");
  EXPECT_EQ(rig.drained, 1);
}

TEST(PoolDrain, EndsWhenTheLastWhoWaitsLeaves) {
  Rig rig;
  rig.connections_left = 0;
  Waiter waiter(rig.pool);
  EXPECT_TRUE(rig.dialing.empty()) << "the cluster may have no connection";
  rig.pool.drain();
  waiter.ticket.reset();
  EXPECT_EQ(rig.drained, 0) << "a call down raises no event";
  rig.settle();
  EXPECT_EQ(rig.drained, 1);
  EXPECT_EQ(waiter.heard, "");
}

TEST(PoolDrain, GoesOnForThoseWhoWaitOnceThereIsRoom) {
  Rig rig;
  rig.connections_left = 0;
  Waiter waiter(rig.pool);
  rig.pool.drain();
  rig.connections_left = 1;
  rig.pool.poke();
  ASSERT_FALSE(rig.dialing.empty());
  rig.connect();
  rig.settle();
  EXPECT_EQ(waiter.heard, "ready");
  EXPECT_EQ(rig.drained, 1);
}

// ---- the line ----

using config::Priority;
using config::WhenFull;

// Who hears what, in order, when there is one connection for them all: "normal2 ready" and so on.
std::string served_in_order(std::initializer_list<Priority> priorities) {
  Rig rig;
  rig.connections_left = 0;
  std::string order;
  struct Named final : TicketHolder {
    void on_connection_ready(http::ClientConnection&) override { *order += name; }
    void on_ticket_failed(const Error&) override { *order += '!'; }
    std::string* order = nullptr;
    char name = 'a';
    std::unique_ptr<Ticket> ticket;
  };
  std::vector<std::unique_ptr<Named>> waiters;
  for (const Priority priority : priorities) {
    auto one = std::make_unique<Named>();
    one->order = &order;
    one->name = static_cast<char>('a' + waiters.size());
    one->ticket = std::get<std::unique_ptr<Ticket>>(rig.pool.acquire(*one, priority));
    waiters.push_back(std::move(one));
  }
  rig.connections_left = 1;
  rig.pool.poke();
  // A holder that opens nothing leaves the connection to the next in line.
  rig.connect();
  return order;
}

TEST(PoolLine, ServesByPriorityAndInOrderWithinOne) {
  using enum Priority;
  EXPECT_EQ(served_in_order({kLow, kNormal, kCritical, kNormal, kHigh, kCritical, kLow}),
            "cfebdag");
  EXPECT_EQ(served_in_order({kNormal, kNormal, kNormal}), "abc");
}

TEST(PoolLine, RejectsWhoeverComesWhenItIsFull) {
  Rig rig;
  rig.connections_left = 0;
  rig.pending_max = 1;
  const Waiter first(rig.pool, Priority::kLow);
  const Waiter second(rig.pool, Priority::kCritical);
  EXPECT_TRUE(second.refused());
  rig.end_turn();
  EXPECT_EQ(first.heard, "");
}

TEST(PoolLine, DropsTheNewestOfTheLowestForAHigherOne) {
  Rig rig;
  rig.connections_left = 0;
  rig.pending_max = 3;
  rig.when_full = WhenFull::kDropLowest;
  const Waiter low_old(rig.pool, Priority::kLow);
  const Waiter low_new(rig.pool, Priority::kLow);
  const Waiter normal(rig.pool, Priority::kNormal);
  const Waiter same(rig.pool, Priority::kLow);
  EXPECT_TRUE(same.refused()) << "nobody waits that is lower";
  const Waiter high(rig.pool, Priority::kHigh);
  EXPECT_FALSE(high.refused());
  EXPECT_EQ(low_new.heard, "") << "a call down raises no event";
  rig.end_turn();
  EXPECT_EQ(low_new.heard, "limit: gave way where too many wait for a connection");
  EXPECT_EQ(low_old.heard + normal.heard + high.heard, "");
  EXPECT_EQ(rig.waiting, 3) << "its place went over";
  EXPECT_EQ(rig.pool.waiting(), 3U);
}

TEST(PoolLine, DropsTheOldestUnlessThatIsHigher) {
  Rig rig;
  rig.connections_left = 0;
  rig.pending_max = 2;
  rig.when_full = WhenFull::kDropOldest;
  const Waiter oldest(rig.pool);
  const Waiter newer(rig.pool);
  const Waiter newest(rig.pool);
  EXPECT_FALSE(newest.refused());
  const Waiter low(rig.pool, Priority::kLow);
  EXPECT_TRUE(low.refused()) << "all who wait are higher";
  rig.end_turn();
  EXPECT_EQ(oldest.heard, "limit: gave way where too many wait for a connection");
  EXPECT_EQ(newer.heard + newest.heard, "");
}

TEST(PoolLine, WhoGaveWayAndIsDroppedInTheSameTurnHearsNothing) {
  Rig rig;
  rig.connections_left = 0;
  rig.pending_max = 1;
  rig.when_full = WhenFull::kDropOldest;
  Waiter first(rig.pool);
  const Waiter second(rig.pool);
  first.ticket.reset();
  rig.end_turn();
  EXPECT_EQ(first.heard, "");
  EXPECT_EQ(rig.waiting, 1);
}

TEST(PoolLine, WhoExpiresOrLeavesIsNotServed) {
  Rig rig;
  rig.connections_left = 0;
  rig.patience = std::chrono::seconds(1);
  const Waiter expires(rig.pool);
  rig.pass(std::chrono::milliseconds(600));
  Waiter leaves(rig.pool);
  const Waiter stays(rig.pool);
  rig.pass(std::chrono::milliseconds(500));
  EXPECT_EQ(expires.heard, "limit: waited too long for a connection");
  EXPECT_GE(rig.last_wait, std::chrono::seconds(1)) << "from the beginning of its wait";
  leaves.ticket.reset();
  rig.connections_left = 1;
  rig.pool.poke();
  rig.connect();
  EXPECT_EQ(leaves.heard, "");
  EXPECT_EQ(stays.heard, "ready");
  EXPECT_EQ(rig.waiting, 0);
}

// ---- connections ----

// Opens a stream on what was acquired, so that the connection is taken.
class Asker final : public http::ResponseSink {
 public:
  explicit Asker(http::ClientConnection& connection) : stream(connection.open(head, true, *this)) {}
  void on_informational(http::ResponseHead&&) override {}
  void on_response_head(http::ResponseHead&&, bool end) override { ended = ended || end; }
  void on_body(Buffer&&, bool end) override { ended = ended || end; }
  void on_trailers(http::Headers&&) override {}
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override { fault = to_string(error); }
  http::RequestHead head = [] {
    http::RequestHead made;
    made.authority = "cart";
    made.target = "/";
    return made;
  }();
  bool ended = false;
  std::string fault;
  std::unique_ptr<http::ClientStream> stream;
};

// The far end of a rig's connection: answers everything.
struct Far final : weft::testing::Ear {
  explicit Far(MemoryPipe& pipe) : transport(pipe.take_right()) { transport->set_sink(this); }
  void answer() {
    transport->write(Buffer(std::string_view("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")));
    transport->flush();
  }
  std::unique_ptr<Transport> transport;
};

TEST(PoolAge, AnOldConnectionTakesNothingNewAndEndsWhenItsRequestHas) {
  Rig rig;
  rig.age = std::chrono::minutes(5);
  rig.connections_left = 2;
  const Waiter waiter(rig.pool);
  rig.connect();
  Far far(*rig.pipes[0]);
  const Waiter user(rig.pool);
  ASSERT_NE(user.connection(), nullptr);
  Asker asker(*user.connection());
  rig.end_turn();
  rig.pass(std::chrono::minutes(6));
  EXPECT_EQ(asker.fault, "") << "what is under way goes on";
  const Waiter next(rig.pool);
  EXPECT_EQ(next.connection(), nullptr) << "it waits for another one";
  EXPECT_EQ(rig.dialing.size(), 1U);
  far.answer();
  rig.pipes[0]->run();
  EXPECT_TRUE(asker.ended);
  asker.stream.reset();
  rig.settle();
  EXPECT_EQ(rig.pool.connections(), 0U);
}

TEST(PoolAge, AnIdleConnectionEndsByItself) {
  Rig rig;
  rig.age = std::chrono::minutes(5);
  const Waiter waiter(rig.pool);
  rig.connect();
  rig.pass(std::chrono::minutes(4));
  EXPECT_EQ(rig.pool.connections(), 1U);
  rig.pass(std::chrono::minutes(2));
  rig.settle();
  EXPECT_EQ(rig.pool.connections(), 0U);
  EXPECT_EQ(rig.connections_left, 1) << "its place is given back";
}

TEST(PoolIdle, SomeAreReadyBeforeAnybodyAsksAndAfterOneIsTaken) {
  Rig rig;
  rig.connections_left = 3;
  rig.pool.keep_idle(2);
  EXPECT_EQ(rig.dialing.size(), 2U);
  rig.connect();
  rig.connect();
  const Waiter user(rig.pool);
  ASSERT_NE(user.connection(), nullptr) << "nobody waits";
  const Asker asker(*user.connection());
  rig.end_turn();
  EXPECT_EQ(rig.pool.connections(), 2U);
  const Waiter other(rig.pool);
  ASSERT_NE(other.connection(), nullptr);
  EXPECT_EQ(rig.dialing.size(), 1U) << "as many as the limit allows";
}

TEST(PoolIdle, FailuresToConnectAreNotRepeatedAtOnce) {
  Rig rig;
  rig.connections_left = 5;
  rig.pool.keep_idle(1);
  rig.refuse();
  EXPECT_TRUE(rig.dialing.empty());
  rig.pass(std::chrono::milliseconds(500));
  EXPECT_TRUE(rig.dialing.empty());
  rig.pass(std::chrono::milliseconds(600));
  EXPECT_EQ(rig.dialing.size(), 1U);
  // Who needs one now does not wait for that.
  rig.refuse();
  const Waiter waiter(rig.pool);
  EXPECT_EQ(rig.dialing.size(), 1U);
}

TEST(PoolIdle, ItsFailureIsNotThatOfSomebodyWhoWaitsForHisOwn) {
  Rig rig;
  rig.connections_left = 5;
  rig.pool.keep_idle(1);
  const Waiter waiter(rig.pool);
  EXPECT_EQ(rig.dialing.size(), 2U);
  rig.refuse();
  EXPECT_EQ(waiter.heard, "") << "the other dial is still under way";
  rig.connect();
  EXPECT_EQ(waiter.heard, "ready");
}

TEST(PoolIdle, TheNewestIsUsedFirst) {
  Rig rig;
  rig.connections_left = 2;
  rig.pool.keep_idle(2);
  rig.connect();
  rig.connect();
  rig.pool.keep_idle(0);
  http::ClientConnection* last = nullptr;
  for (int i = 0; i < 5; ++i) {
    const Waiter user(rig.pool);
    ASSERT_NE(user.connection(), nullptr);
    if (last == nullptr) last = user.connection();
    EXPECT_EQ(user.connection(), last);
  }
}

}  // namespace
}  // namespace weft::upstream
