#pragma once
// Town: a DnsServer on real sockets with a fake of the pod's servers behind it, and the apps that
// ask it. Owner: a test. Thread: the test's.

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/dns_server.h"
#include "tests/sidecar/dns/dns_messages.h"
#include "tests/sidecar/net/fake_dns.h"

namespace weft::sidecar::testing {

// One answer, in words: "0: 1.2.3.4 1.2.3.5"; the code, and the addresses of what is an A record.
inline std::string said(std::string_view message) {
  if (message.size() < 12) return "nothing";
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(message[at]); };
  std::string out = std::to_string(byte(3) & 0x0fU) + ":";
  if ((byte(2) & 0x02U) != 0) out += " cut";
  std::size_t at = 12 + net::dns_name(net::dns_text(message)).size() + 4;
  for (unsigned i = byte(7) + 256U * byte(6); i > 0 && at + 16 <= message.size(); --i, at += 16) {
    out += " " + IpAddress::v4(static_cast<std::uint32_t>(byte(at + 12)) << 24 |
                               static_cast<std::uint32_t>(byte(at + 13)) << 16 |
                               static_cast<std::uint32_t>(byte(at + 14)) << 8 | byte(at + 15))
                     .to_string();
  }
  return out;
}

// An app in the pod.
class App {
 public:
  explicit App(const SocketAddress& server, int type = SOCK_DGRAM)
      : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_storage native;
    const socklen_t length = server.to_native(native);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&native), length), 0);
  }
  void send(Bytes message) const {
    (void)::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  }
  void send_framed(const weft::dns::testing::Message& message) const {
    weft::dns::testing::Message framed;
    framed.u16(static_cast<std::uint32_t>(message.bytes.size()));
    framed.bytes.insert(framed.bytes.end(), message.bytes.begin(), message.bytes.end());
    send(framed);
  }
  [[nodiscard]] std::optional<std::string> receive() const {
    char room[65536];
    const ssize_t count = ::recv(fd_.get(), room, sizeof room, MSG_DONTWAIT);
    if (count < 0 && errno != ECONNRESET) return std::nullopt;
    if (count < 0) return std::string();
    return std::string(room, static_cast<std::size_t>(count));
  }
  void half_close() const { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  net::OwnedFd fd_;
};

struct Town {
  net::Rig rig;
  net::FakeDns dns;
  std::unique_ptr<DnsServer> server;

  Town() { open({}); }
  void open(DnsServer::Options options) {
    if (options.addresses.empty()) options.addresses = {net::loopback()};
    options.upstream.channel.servers = {dns.address};
    server = std::make_unique<DnsServer>(rig.loop, std::move(options));
    ASSERT_TRUE(server->listen());
    server->names().put("shop.svc.cluster.local", {{"cart", {IpAddress::v4(0x0a600001)}}});
  }
  [[nodiscard]] SocketAddress address() const { return server->addresses().front(); }
  std::string answer_to(const App& app) {
    std::optional<std::string> answer;
    (void)rig.run_until([&] {
      dns.serve();
      if (!answer) answer = app.receive();
      return answer.has_value();
    });
    return answer.value_or("");
  }
  std::string ask(std::string_view name, std::uint16_t type = 1) {
    const App app(address());
    app.send(weft::dns::testing::question_of(name, type));
    return said(answer_to(app));
  }
  // Over TCP, several at once.
  std::vector<std::string> ask_tcp(const std::vector<std::string>& names) {
    const App app(address(), SOCK_STREAM);
    for (const std::string& name : names) app.send_framed(weft::dns::testing::question_of(name));
    std::vector<std::string> out;
    std::string held;
    (void)rig.run_until([&] {
      dns.serve();
      if (const auto more = app.receive()) held += *more;
      while (held.size() >= 2) {
        const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(held[0]))
                                     << 8 |
                                 static_cast<unsigned char>(held[1]);
        if (held.size() < 2 + size) break;
        out.push_back(said(std::string_view(held).substr(2, size)));
        held.erase(0, 2 + size);
      }
      return out.size() >= names.size();
    });
    return out;
  }
};

}  // namespace weft::sidecar::testing
