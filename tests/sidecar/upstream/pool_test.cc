// A pool that is being left: whoever waits is still served, nobody new comes, and it ends once.
#include "sidecar/upstream/pool.h"

#include <gtest/gtest.h>

#include "tests/support/memory_transport.h"

namespace weft::upstream {
namespace {

using weft::testing::MemoryPipe;

// A cluster's side of a pool, and the network: dials end as the test says.
class Rig final : public Pool::Owner {
 public:
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    struct Pending final : Dial {};
    dialing = &holder;
    return std::make_unique<Pending>();
  }
  http::Protocol protocol_of(const Transport&) const override { return http::Protocol::kHttp1; }
  http::ConnectionOptions connection_options() const override { return {}; }
  bool multiplexes() const override { return false; }
  std::uint64_t requests_per_connection_max() const override { return 0; }
  Duration pending_timeout() const override { return {}; }
  bool take_connection() override { return connections_left > 0 && connections_left-- > 0; }
  void give_connection() override { ++connections_left; }
  bool take_pending() override { return true; }
  void give_pending(Duration) override {}
  void on_pool_changed() override {}
  void on_pool_drained(Pool&) override { ++drained; }

  void connect() {
    pipe = std::make_unique<MemoryPipe>(turn);
    std::exchange(dialing, nullptr)->on_dialed(pipe->take_left());
    settle();
  }
  void settle() {
    for (int i = 0; i < 10; ++i) turn.end();
    turn.advance(turn.now() + std::chrono::seconds(10));
    for (int i = 0; i < 10; ++i) turn.end();
  }

  Turn turn{TimePoint(std::chrono::hours(1))};
  std::unique_ptr<MemoryPipe> pipe;
  DialHolder* dialing = nullptr;
  int connections_left = 1;
  int drained = 0;
  Pool pool{turn, *this};
};

class Waiter final : public TicketHolder {
 public:
  explicit Waiter(Pool& pool) : ticket(std::get<std::unique_ptr<Ticket>>(pool.acquire(*this))) {}
  void on_connection_ready(http::ClientConnection&) override { heard += "ready"; }
  void on_ticket_failed(const Error& error) override { heard += to_string(error); }
  std::string heard;
  std::unique_ptr<Ticket> ticket;
};

TEST(PoolDrain, ServesThoseWhoWaitAndEndsThen) {
  Rig rig;
  Waiter waiter(rig.pool);
  rig.pool.drain();
  rig.settle();
  EXPECT_EQ(waiter.heard, "") << "its connection is on its way";
  EXPECT_EQ(rig.drained, 0);
  const Acquired late = rig.pool.acquire(waiter);
  EXPECT_EQ(std::get<Error>(late).fault, Fault::kDraining);
  rig.connect();
  EXPECT_EQ(waiter.heard, "ready");
  EXPECT_EQ(rig.drained, 1);
  EXPECT_TRUE(rig.pool.empty());
}

TEST(PoolDrain, TellsWhoWaitsThatNothingCame) {
  Rig rig;
  Waiter waiter(rig.pool);
  rig.pool.drain();
  std::exchange(rig.dialing, nullptr)
      ->on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
  rig.settle();
  EXPECT_EQ(waiter.heard, "upstream connect: refused");
  EXPECT_EQ(rig.drained, 1);
}

TEST(PoolDrain, EndsWhenTheLastWhoWaitsLeaves) {
  Rig rig;
  rig.connections_left = 0;
  Waiter waiter(rig.pool);
  EXPECT_EQ(rig.dialing, nullptr) << "the cluster may have no connection";
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
  ASSERT_NE(rig.dialing, nullptr);
  rig.connect();
  EXPECT_EQ(waiter.heard, "ready");
  EXPECT_EQ(rig.drained, 1);
}

}  // namespace
}  // namespace weft::upstream
