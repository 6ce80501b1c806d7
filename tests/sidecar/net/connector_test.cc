#include "sidecar/net/connector.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

using std::chrono::milliseconds;

struct Caller final : DialHolder {
  void on_dialed(std::unique_ptr<Transport> its_transport) override {
    transport = std::move(its_transport);
    if (hearing) hearing();
  }
  void on_dial_failed(const Error& its_error) override {
    error = its_error;
    if (hearing) hearing();
  }
  [[nodiscard]] bool heard() const { return transport != nullptr || error.has_value(); }
  std::unique_ptr<Transport> transport;
  std::optional<Error> error;
  std::function<void()> hearing;
};

struct Phone {
  Rig rig;
  TcpConnector connector{rig.loop};
  Caller caller;
  std::unique_ptr<Dial> dial;

  void call(const SocketAddress& address, ConnectOptions options = {}) {
    dial = connector.connect(address, options, caller);
    EXPECT_FALSE(caller.heard());  // never from inside the call
  }
  bool wait() {
    return rig.run_until([this] { return caller.heard(); });
  }
};

SocketAddress free_port() {
  const OwnedFd fd = *bind_listener(loopback());
  return local_address_of(fd.get());
}

TEST(Connector, ConnectsToAListener) {
  Phone phone;
  const OwnedFd listener = *bind_listener(loopback());
  const SocketAddress address = local_address_of(listener.get());
  phone.call(address);
  ASSERT_TRUE(phone.wait());
  ASSERT_NE(phone.caller.transport, nullptr);
  EXPECT_EQ(phone.caller.transport->peer_address(), address);
  const OwnedFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  Conn conn(phone.rig,
            std::unique_ptr<Socket>(static_cast<Socket*>(phone.caller.transport.release())));
  conn.send("hello");
  write_all(server, "welcome");
  ASSERT_TRUE(phone.rig.run_until([&] { return conn.received == "welcome"; }));
  EXPECT_EQ(read_all(server), "hello");
}

TEST(Connector, LetsTheKernelProbeWhereItIsAskedTo) {
  const OwnedFd listener = *bind_listener(loopback());
  const auto option = [](const Transport& transport, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    ::getsockopt(static_cast<const Socket&>(transport).fd(), level, name, &value, &length);
    return value;
  };
  for (const bool asked : {true, false}) {
    Phone phone;
    ConnectOptions options;
    if (asked) options.keep_alive = KeepAlive{.idle_s = 30, .interval_s = 10, .probes = 3};
    phone.call(local_address_of(listener.get()), options);
    ASSERT_TRUE(phone.wait());
    ASSERT_NE(phone.caller.transport, nullptr);
    const Transport& made = *phone.caller.transport;
    EXPECT_EQ(option(made, SOL_SOCKET, SO_KEEPALIVE), asked ? 1 : 0);
    if (!asked) continue;
    EXPECT_EQ(option(made, IPPROTO_TCP, TCP_KEEPIDLE), 30);
    EXPECT_EQ(option(made, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(option(made, IPPROTO_TCP, TCP_KEEPCNT), 3);
  }
}

TEST(Connector, BlamesTheUpstreamForItsFaults) {
  Phone phone;
  const OwnedFd listener = *bind_listener(loopback());
  phone.call(local_address_of(listener.get()));
  ASSERT_TRUE(phone.wait());
  OwnedFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  Conn conn(phone.rig,
            std::unique_ptr<Socket>(static_cast<Socket*>(phone.caller.transport.release())));
  reset_connection(server);
  ASSERT_TRUE(phone.rig.run_until([&] { return conn.fault.has_value(); }));
  EXPECT_EQ(conn.fault->side, Side::kUpstream);
}

TEST(Connector, TellsARefusal) {
  Phone phone;
  const SocketAddress nobody = free_port();
  phone.call(nobody);
  ASSERT_TRUE(phone.wait());
  EXPECT_EQ(to_string(*phone.caller.error),
            "upstream connect: connect to " + nobody.to_string() + ": connection refused");
}

// A listener whose queue is full drops what comes: a black hole made of loopback.
struct BlackHole {
  OwnedFd listener = *bind_listener(loopback(), {.backlog = 1});
  SocketAddress address = local_address_of(listener.get());
  std::vector<OwnedFd> queue;
  BlackHole() {
    for (int i = 0; i < 4; ++i) queue.push_back(connect_to(address));
  }
};

TEST(Connector, GivesUpAtTheDeadline) {
  Phone phone;
  const BlackHole hole;
  phone.call(hole.address, {.timeout = milliseconds(50)});
  ASSERT_TRUE(phone.wait());
  ASSERT_TRUE(phone.caller.error.has_value());
  EXPECT_EQ(to_string(*phone.caller.error), "upstream connect timeout: connect to " +
                                                hole.address.to_string() + ": no answer in time");
}

TEST(Connector, IsSilentWhenTheDialIsDropped) {
  Phone phone;
  const BlackHole hole;
  phone.call(hole.address);  // libuv keeps a spare descriptor from its first socket on
  phone.dial.reset();
  const int before = open_descriptors();
  phone.call(hole.address, {.timeout = milliseconds(20)});
  EXPECT_EQ(open_descriptors(), before + 1);
  phone.rig.run_turns(2);
  phone.dial.reset();
  EXPECT_EQ(open_descriptors(), before);
  bool passed = false;
  phone.rig.loop.post([&] { passed = true; });
  ASSERT_TRUE(phone.rig.run_until([&] { return passed; }));
  EXPECT_FALSE(phone.caller.heard());
}

TEST(Connector, IsSilentWhenAFailedDialIsDroppedBeforeItIsTold) {
  Phone phone;
  phone.call(free_port());
  phone.dial.reset();
  phone.rig.run_turns(5);
  EXPECT_FALSE(phone.caller.heard());
}

TEST(Connector, LetsTheHolderDropTheDialWhenItHears) {
  const OwnedFd listener = *bind_listener(loopback());
  const BlackHole hole;
  for (const SocketAddress& address :
       {local_address_of(listener.get()), free_port(), hole.address}) {
    Phone phone;
    phone.caller.hearing = [&] { phone.dial.reset(); };
    phone.call(address, {.timeout = milliseconds(20)});
    EXPECT_TRUE(phone.wait());
    phone.rig.run_turns(2);
  }
}

TEST(Connector, LeavesNoDescriptorBehind) {
  const OwnedFd listener = *bind_listener(loopback());
  const int before = open_descriptors();
  {
    Phone phone;
    phone.call(local_address_of(listener.get()));
    phone.dial.reset();
    phone.call(free_port());
    ASSERT_TRUE(phone.wait());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Connector, ConnectsFromTheSourceItIsTold) {
  Phone phone;
  const OwnedFd listener = *bind_listener(loopback());
  phone.call(local_address_of(listener.get()), {.source = *SocketAddress::parse("127.0.0.2:0")});
  ASSERT_TRUE(phone.wait());
  ASSERT_NE(phone.caller.transport, nullptr);
  EXPECT_EQ(phone.caller.transport->local_address().ip().to_string(), "127.0.0.2");
}

TEST(Connector, TellsASourceItCannotUse) {
  Phone phone;
  phone.call(free_port(), {.source = *SocketAddress::parse("192.0.2.1:0")});
  ASSERT_TRUE(phone.wait());
  EXPECT_EQ(phone.caller.error->fault, Fault::kConnect);
  EXPECT_NE(phone.caller.error->detail.find("no local address or port left (EADDRNOTAVAIL)"),
            std::string::npos);
}

TEST(Connector, IsNotFooledByAConnectionToItself) {
  Phone phone;
  const SocketAddress address = free_port();
  phone.call(address, {.source = address});
  ASSERT_TRUE(phone.wait());
  ASSERT_TRUE(phone.caller.error.has_value());
  EXPECT_NE(phone.caller.error->detail.find("connected to itself"), std::string::npos);
}

TEST(Connector, ReachesUnixSockets) {
  Phone phone;
  const SocketAddress address =
      SocketAddress::unix_path("@weft-connector-test-" + std::to_string(::getpid()));
  phone.call(address);
  ASSERT_TRUE(phone.wait());
  EXPECT_EQ(phone.caller.error->fault, Fault::kConnect);

  phone.caller.error.reset();
  const OwnedFd listener = *bind_listener(address);
  phone.call(address);
  ASSERT_TRUE(phone.wait());
  EXPECT_NE(phone.caller.transport, nullptr);
}

TEST(Connector, RefusesAnAddressThatIsNone) {
  Phone phone;
  phone.call(SocketAddress());
  ASSERT_TRUE(phone.wait());
  EXPECT_EQ(phone.caller.error->fault, Fault::kConnect);
}

int fails_without_descriptors() {
  Phone phone;
  const OwnedFd listener = *bind_listener(loopback());
  phone.rig.run_turns(1);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<OwnedFd> hoard;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) hoard.emplace_back(fd);
  phone.call(local_address_of(listener.get()));
  if (!phone.wait() || !phone.caller.error) return 1;
  return phone.caller.error->detail.find("EMFILE") != std::string::npos ? 0 : 2;
}

TEST(ConnectorDeathTest, SaysThatTheProcessHasNoDescriptorLeft) {
  WEFT_NEEDS_NO_DESCRIPTORS();
  EXPECT_EXIT(std::_Exit(fails_without_descriptors()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft::net
