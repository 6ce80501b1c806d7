#include "sidecar/net/acceptor.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

using std::chrono::milliseconds;

struct Door final : Acceptor::Owner {
  void on_accept(std::unique_ptr<Socket> socket) override {
    sockets.push_back(std::move(socket));
    if (accepting) accepting();
  }
  void on_drained(Acceptor&) override {
    drained = true;
    if (draining) draining();
  }
  std::vector<std::unique_ptr<Socket>> sockets;
  std::function<void()> accepting;
  std::function<void()> draining;
  bool drained = false;
};

struct Hall {
  explicit Hall(Acceptor::Options options = Acceptor::Options())
      : acceptor(std::make_unique<Acceptor>(rig.loop, *bind_listener(loopback()), door, options)),
        address(acceptor->address()) {}
  Rig rig;
  Door door;
  std::unique_ptr<Acceptor> acceptor;
  SocketAddress address;
};

TEST(Acceptor, HandsOverConnectionsWithTheirAddresses) {
  Hall hall;
  const OwnedFd client = connect_to(hall.address);
  ASSERT_TRUE(hall.rig.run_until([&] { return hall.door.sockets.size() == 1; }));
  EXPECT_EQ(hall.door.sockets[0]->peer_address(), local_address_of(client.get()));
  EXPECT_EQ(hall.door.sockets[0]->local_address(), hall.address);
  EXPECT_EQ(hall.acceptor->stats().accepted.value(), 1u);
  Conn conn(hall.rig, std::move(hall.door.sockets[0]));
  write_all(client, "hello");
  EXPECT_TRUE(hall.rig.run_until([&] { return conn.received == "hello"; }));
}

TEST(Acceptor, HandsItsOptionsDownToConnections) {
  Rig rig;
  Door door;
  ListenOptions options;
  options.accepted.keep_alive = KeepAlive{};
  Acceptor acceptor(rig.loop, *bind_listener(loopback(), options), door);
  const OwnedFd client = connect_to(acceptor.address());
  ASSERT_TRUE(rig.run_until([&] { return door.sockets.size() == 1; }));
  for (const auto& [level, name] : {std::pair<int, int>{IPPROTO_TCP, TCP_NODELAY},
                                    std::pair<int, int>{SOL_SOCKET, SO_KEEPALIVE}}) {
    int value = 0;
    socklen_t length = sizeof value;
    ::getsockopt(door.sockets[0]->fd(), level, name, &value, &length);
    EXPECT_EQ(value, 1);
  }
}

TEST(Acceptor, TakesABoundedNumberPerTurn) {
  Hall hall({.per_turn_max = 4});
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(connect_to(hall.address));
  std::vector<std::uint64_t> turns;
  hall.door.accepting = [&] { turns.push_back(hall.rig.loop.turn_number()); };
  ASSERT_TRUE(hall.rig.run_until([&] { return turns.size() == 10; }));
  EXPECT_EQ(turns[3], turns[0]);
  EXPECT_GT(turns[4], turns[3]);
  EXPECT_GT(turns[8], turns[7]);
}

TEST(Acceptor, LeavesConnectionsInTheQueueWhilePaused) {
  Hall hall;
  hall.acceptor->pause();
  const OwnedFd client = connect_to(hall.address);
  hall.rig.run_turns(5);
  EXPECT_TRUE(hall.door.sockets.empty());
  hall.acceptor->resume();
  EXPECT_TRUE(hall.rig.run_until([&] { return hall.door.sockets.size() == 1; }));
}

TEST(Acceptor, MayBePausedInsideOnAccept) {
  Hall hall;
  hall.door.accepting = [&] { hall.acceptor->pause(); };
  const OwnedFd first = connect_to(hall.address);
  const OwnedFd second = connect_to(hall.address);
  hall.rig.run_turns(5);
  EXPECT_EQ(hall.door.sockets.size(), 1u);
}

TEST(Acceptor, MayBeDestroyedInsideOnAccept) {
  Hall hall;
  hall.door.accepting = [&] { hall.acceptor.reset(); };
  const OwnedFd first = connect_to(hall.address);
  const OwnedFd second = connect_to(hall.address);
  ASSERT_TRUE(hall.rig.run_until([&] { return !hall.acceptor; }));
  hall.rig.run_turns(5);
  EXPECT_EQ(hall.door.sockets.size(), 1u);
  EXPECT_EQ(read_all(second), "<reset>");
}

TEST(Acceptor, DrainsWhatWaitsAndCloses) {
  Hall hall({.per_turn_max = 1});
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(connect_to(hall.address));
  hall.acceptor->drain();
  EXPECT_FALSE(hall.door.drained);
  ASSERT_TRUE(hall.rig.run_until([&] { return hall.door.drained; }));
  EXPECT_EQ(hall.door.sockets.size(), 5u);
  const OwnedFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage native;
  const socklen_t length = hall.address.to_native(native);
  EXPECT_EQ(::connect(late.get(), reinterpret_cast<const sockaddr*>(&native), length), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST(Acceptor, MayBeDestroyedInsideOnDrained) {
  Hall hall;
  hall.acceptor->drain();
  hall.door.draining = [&] { hall.acceptor.reset(); };
  EXPECT_TRUE(hall.rig.run_until([&] { return hall.door.drained; }));
  hall.rig.run_turns(2);
}

TEST(Acceptor, DoesNotTakeADescriptorsNumberFromItsNextOwner) {
  Hall hall;
  hall.acceptor->drain();
  ASSERT_TRUE(hall.rig.run_until([&] { return hall.door.drained; }));
  Ends ends = tcp_ends();  // one of these gets the listener's number
  Conn ours(hall.rig, std::move(ends.ours));
  Conn theirs(hall.rig, std::move(ends.theirs));
  hall.rig.run_turns(2);
  hall.acceptor.reset();
  hall.rig.run_turns(2);
  ours.send("a");
  theirs.send("b");
  EXPECT_TRUE(hall.rig.run_until([&] { return ours.received == "b" && theirs.received == "a"; }));
}

// ---- binding ----

TEST(BindListener, ChoosesPortZeroOnceForAllWorkers) {
  const auto fds = bind_listeners(loopback(), 3);
  ASSERT_TRUE(fds.has_value());
  ASSERT_EQ(fds->size(), 3u);
  EXPECT_NE(local_address_of((*fds)[0].get()).port(), 0);
  EXPECT_EQ(local_address_of((*fds)[1].get()), local_address_of((*fds)[0].get()));
  EXPECT_EQ(local_address_of((*fds)[2].get()), local_address_of((*fds)[0].get()));
}

TEST(BindListener, SpreadsConnectionsOverWorkers) {
  auto fds = *bind_listeners(loopback(), 2);
  const SocketAddress address = local_address_of(fds[0].get());
  Rig rig;
  Door one;
  Door two;
  const Acceptor first(rig.loop, std::move(fds[0]), one);
  const Acceptor second(rig.loop, std::move(fds[1]), two);
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(connect_to(address));
  ASSERT_TRUE(rig.run_until([&] { return one.sockets.size() + two.sockets.size() == 64; }));
  EXPECT_FALSE(one.sockets.empty());
  EXPECT_FALSE(two.sockets.empty());
}

TEST(BindListener, RefusesAPortInUseByName) {
  const OwnedFd taken = *bind_listener(loopback());
  const SocketAddress address = local_address_of(taken.get());
  const auto again = bind_listener(address);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().fault, Fault::kInvalid);
  EXPECT_EQ(again.error().detail, "listen on " + address.to_string() + ": Address already in use");
}

TEST(BindListener, RefusesAPortThatOthersWouldShare) {
  const auto others = bind_listeners(loopback(), 2);
  const SocketAddress address = local_address_of((*others)[0].get());
  EXPECT_FALSE(bind_listeners(address, 2).has_value());
  EXPECT_FALSE(bind_listeners(address, 1).has_value());
}

TEST(BindListener, SaysWhatTheSystemSaid) {
  const auto elsewhere = bind_listener(*SocketAddress::parse("192.0.2.1:80"));
  ASSERT_FALSE(elsewhere.has_value());
  EXPECT_EQ(elsewhere.error().detail, "listen on 192.0.2.1:80: Cannot assign requested address");
  EXPECT_FALSE(bind_listener(SocketAddress()).has_value());
}

TEST(BindListener, ListensOnIpv6) {
  const auto fd = bind_listener(*SocketAddress::parse("[::1]:0"));
  if (!fd) GTEST_SKIP() << fd.error().detail;
  EXPECT_TRUE(local_address_of(fd->get()).is_ip());
}

class UnixListener : public testing::Test {
 protected:
  ~UnixListener() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weft-net-test-" + std::to_string(::getpid()));
  SocketAddress address = SocketAddress::unix_path((folder / "door").string());
  bool made = std::filesystem::create_directory(folder);
};

TEST_F(UnixListener, AcceptsOnAPathWithTheModeAskedFor) {
  Rig rig;
  Door door;
  ListenOptions options;
  options.unix_mode = 0660;
  const Acceptor acceptor(rig.loop, *bind_listener(address, options), door);
  struct stat status{};
  ASSERT_EQ(::stat(address.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660u);
  const OwnedFd client = connect_to(address);
  EXPECT_TRUE(rig.run_until([&] { return door.sockets.size() == 1; }));
}

TEST_F(UnixListener, ReplacesAFileThatNobodyAnswersAt) {
  {
    const auto dead = bind_listener(address);
  }
  EXPECT_TRUE(bind_listener(address).has_value());
}

TEST_F(UnixListener, LeavesALivingListenerAlone) {
  const auto living = bind_listener(address);
  EXPECT_FALSE(bind_listener(address).has_value());
}

TEST(BindListener, SharesAnAbstractUnixSocketBetweenWorkers) {
  const SocketAddress address =
      SocketAddress::unix_path("@weft-net-test-" + std::to_string(::getpid()));
  const auto fds = bind_listeners(address, 2);
  ASSERT_TRUE(fds.has_value()) << fds.error().detail;
  EXPECT_EQ(local_address_of((*fds)[1].get()), address);
}

// ---- out of descriptors: in a child process, whose limit may be lowered ----

void limit_descriptors_to(int count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(count);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

// The lowest number that is free: a limit of this lets nothing more be opened.
int lowest_free() { return OwnedFd(::dup(0)).get(); }

struct At final : TimerSink {
  At(Loop& loop, milliseconds delay, std::function<void()> its_call)
      : timer(loop.timers(), *this), call(std::move(its_call)) {
    timer.arm(delay);
  }
  void on_timer(Timer&) override { call(); }
  Timer timer;
  std::function<void()> call;
};

// Fills every hole below the limit.
std::vector<OwnedFd> exhaust() {
  std::vector<OwnedFd> all;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) all.emplace_back(fd);
  return all;
}

int runs_out_and_recovers() {
  Rig rig;
  Door door;
  Acceptor acceptor(rig.loop, *bind_listener(loopback()), door);
  const OwnedFd client = connect_to(acceptor.address());
  limit_descriptors_to(lowest_free() + 8);
  std::vector<OwnedFd> hoard = exhaust();
  const At release(rig.loop, milliseconds(600), [&] { hoard.clear(); });
  door.accepting = [&] { rig.loop.stop(); };
  const At guard(rig.loop, milliseconds(5000), [&] { rig.loop.stop(); });
  rig.loop.run();
  if (door.sockets.size() != 1) return 1;
  if (acceptor.stats().out_of_descriptors.value() < 2) return 2;
  if (rig.loop.stats().turns.value() > 20) return 3;  // it must not spin
  return 0;
}

int spends_its_reserve() {
  Rig rig;
  Door door;
  Acceptor acceptor(rig.loop, *bind_listener(loopback()), door, {.reserve_descriptors = 2});
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect_to(acceptor.address()));
  limit_descriptors_to(lowest_free() + 8);
  std::vector<OwnedFd> hoard = exhaust();
  rig.run_turns(5);
  if (door.sockets.size() != 2) return 1;
  door.sockets.clear();
  rig.run_turns(2);
  if (!rig.run_until([&] { return door.sockets.size() == 1; })) return 2;
  return 0;
}

TEST(AcceptorDeathTest, WaitsForADescriptorWithoutSpinning) {
  WEFT_NEEDS_NO_DESCRIPTORS();
  EXPECT_EXIT(std::_Exit(runs_out_and_recovers()), testing::ExitedWithCode(0), "");
}

TEST(AcceptorDeathTest, SpendsItsReserveWhenTheProcessHasNoMore) {
  WEFT_NEEDS_NO_DESCRIPTORS();
  EXPECT_EXIT(std::_Exit(spends_its_reserve()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft::net
