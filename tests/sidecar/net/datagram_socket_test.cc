// Datagrams in and out, in bounds.

#include "sidecar/net/datagram_socket.h"

#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

struct Listener final : DatagramSocket::Owner {
  void on_datagram(DatagramSocket& socket, Bytes bytes, const SocketAddress& from) override {
    heard.emplace_back(as_text(bytes));
    if (answering) answering(socket, from);
  }
  std::vector<std::string> heard;
  std::function<void(DatagramSocket&, const SocketAddress&)> answering;
};

struct Post {
  Rig rig;
  Listener listener;
  std::unique_ptr<DatagramSocket> socket;
  OwnedFd asker{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};

  explicit Post(DatagramSocket::Options options = {}) {
    socket =
        std::make_unique<DatagramSocket>(rig.loop, *bind_datagrams(loopback()), listener, options);
    sockaddr_storage native;
    const socklen_t length = socket->address().to_native(native);
    EXPECT_EQ(::connect(asker.get(), reinterpret_cast<const sockaddr*>(&native), length), 0);
  }
  void send(std::string_view text) const {
    EXPECT_EQ(::send(asker.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] std::string read() const {
    char room[65536];
    const ssize_t count = ::recv(asker.get(), room, sizeof room, 0);
    return count < 0 ? "" : std::string(room, static_cast<std::size_t>(count));
  }
};

TEST(DatagramSocket, HearsAndAnswersFromWhereItWasAsked) {
  Post post;
  post.listener.answering = [](DatagramSocket& socket, const SocketAddress& from) {
    socket.send(as_bytes("there"), from);
  };
  post.send("who is");
  std::string answer;
  EXPECT_TRUE(post.rig.run_until([&] { return !(answer += post.read()).empty(); }));
  EXPECT_EQ(answer, "there") << "a connected socket hears no other address";
  EXPECT_EQ(post.listener.heard, std::vector<std::string>{"who is"});
  EXPECT_EQ(post.socket->stats().received.value(), 1U);
  EXPECT_EQ(post.socket->stats().sent.value(), 1U);
}

TEST(DatagramSocket, WhatIsTooLongIsDroppedAndTheNextIsHeard) {
  Post post({.bytes_max = 100});
  post.send(std::string(101, 'x'));
  post.send(std::string(5000, 'x'));
  post.send(std::string(100, 'y'));
  post.send("");
  EXPECT_TRUE(post.rig.run_until([&] { return post.listener.heard.size() == 2; }));
  EXPECT_EQ(post.listener.heard[0], std::string(100, 'y'));
  EXPECT_EQ(post.listener.heard[1], "");
  EXPECT_EQ(post.socket->stats().too_long.value(), 2U);
}

TEST(DatagramSocket, TakesNoMoreThanItsShareInOneTurn) {
  Post post({.per_turn_max = 3});
  std::vector<std::uint64_t> turns;
  post.listener.answering = [&](DatagramSocket&, const SocketAddress&) {
    turns.push_back(post.rig.loop.turn_number());
  };
  for (int i = 0; i < 10; ++i) post.send("x");
  EXPECT_TRUE(post.rig.run_until([&] { return turns.size() == 10; }));
  for (std::size_t i = 3; i < turns.size(); ++i) EXPECT_NE(turns[i], turns[i - 3]) << i;
}

TEST(DatagramSocket, MayBeDestroyedByWhatItTells) {
  Post post;
  post.listener.answering = [&](DatagramSocket&, const SocketAddress&) { post.socket.reset(); };
  post.send("one");
  post.send("two");
  EXPECT_TRUE(post.rig.run_until([&] { return post.socket == nullptr; }));
  post.rig.run_turns(3);
  EXPECT_EQ(post.listener.heard.size(), 1U);
}

TEST(DatagramSocket, WhatCannotBeSentIsCounted) {
  Post post;
  post.socket->send(as_bytes(std::string(70'000, 'x')), loopback(9));
  EXPECT_EQ(post.socket->stats().not_sent.value(), 1U);
}

TEST(DatagramSocket, APortInUseIsRefusedByName) {
  const OwnedFd first = *bind_datagrams(loopback());
  const SocketAddress taken = local_address_of(first.get());
  const auto second = bind_datagrams(taken);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().detail,
            "datagrams at " + taken.to_string() + ": Address already in use");
  EXPECT_FALSE(bind_datagrams(SocketAddress::unix_path("/x")));
}

TEST(DatagramSocket, KnowsTheAddressesOfTheMachine) {
  EXPECT_TRUE(has_address(IpAddress::v4(0x7f000001)));
  EXPECT_FALSE(has_address(*IpAddress::parse("192.0.2.1")));
}

}  // namespace
}  // namespace weft::net
