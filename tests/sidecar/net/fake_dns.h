#pragma once
// FakeDns: a DNS server for tests on loopback, UDP and TCP on one port. It answers when serve() is
// called, with what `answer` makes of a question; DnsMessage builds answers byte by byte, so that
// they may be as wrong as a test wants.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {

inline std::string be16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xffU), static_cast<char>(value & 0xffU)};
}
inline std::string be32(std::uint32_t value) { return be16(value >> 16) + be16(value & 0xffffU); }

inline std::string dns_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

inline std::string dns_text(std::string_view wire, std::size_t at = 12) {
  std::string name;
  while (at < wire.size() && wire[at] != 0) {
    const auto length = static_cast<unsigned char>(wire[at]);
    if (!name.empty()) name += '.';
    name += wire.substr(at + 1, length);
    at += 1U + length;
  }
  return name;
}

struct DnsMessage {
  std::string id = be16(0);
  unsigned flags = 0x8180;  // an answer, recursion available
  std::string question;     // with type and class
  std::string records;
  unsigned count = 0;

  static DnsMessage to(std::string_view query) {
    const std::size_t end = 12 + dns_name(dns_text(query)).size() + 4;
    return {.id = std::string(query.substr(0, 2)),
            .question = std::string(query.substr(12, end - 12))};
  }
  static DnsMessage about(std::string_view name, unsigned type) {
    return {.question = dns_name(name) + be16(type) + be16(1)};
  }

  DnsMessage& add(std::string_view owner_wire, unsigned type, std::uint32_t ttl,
                  std::string_view data) {
    records += std::string(owner_wire) + be16(type) + be16(1) + be32(ttl) +
               be16(static_cast<unsigned>(data.size()));
    records += data;
    ++count;
    return *this;
  }
  // For the name asked, by a pointer to the question.
  DnsMessage& a(std::string_view address, std::uint32_t ttl = 30) {
    return add("\xc0\x0c", 1, ttl, packed(address));
  }
  DnsMessage& aaaa(std::string_view address, std::uint32_t ttl = 30) {
    return add("\xc0\x0c", 28, ttl, packed(address));
  }

  static std::string packed(std::string_view address) {
    const IpAddress ip = *IpAddress::parse(address);
    return {reinterpret_cast<const char*>(ip.bytes().data()), ip.is_v4() ? 4U : 16U};
  }
  [[nodiscard]] std::string wire() const {
    return id + be16(flags) + be16(1) + be16(count) + be16(0) + be16(0) + question + records;
  }
};

inline unsigned dns_type(std::string_view query) {
  const std::size_t at = 12 + dns_name(dns_text(query)).size();
  return static_cast<unsigned>(static_cast<unsigned char>(query[at + 1]));
}

class FakeDns final {
 public:
  explicit FakeDns(IpAddress ip = IpAddress::v4(0x7f000001), std::uint16_t port = 0) {
    // The same number must be free for both; another one is tried when it is not.
    for (int i = 0; i < 50 && !tcp_.valid(); ++i) {
      udp_ = OwnedFd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      sockaddr_storage native;
      const socklen_t length = SocketAddress(ip, port).to_native(native);
      EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<const sockaddr*>(&native), length), 0);
      address = local_address_of(udp_.get());
      if (auto tcp = bind_listener(address)) tcp_ = std::move(*tcp);
    }
    EXPECT_TRUE(tcp_.valid());
  }

  // Answers every question that waits; an empty string is silence.
  void serve() {
    char block[65536];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    for (ssize_t n; (n = ::recvfrom(udp_.get(), block, sizeof block, 0,
                                    reinterpret_cast<sockaddr*>(&from), &length)) > 0;) {
      const std::string query(block, static_cast<std::size_t>(n));
      questions.push_back(dns_text(query));
      last_query = query;
      last_asker = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&from), length);
      for (const std::string& reply : answers(query)) {
        ::sendto(udp_.get(), reply.data(), reply.size(), 0,
                 reinterpret_cast<const sockaddr*>(&from), length);
      }
      length = sizeof from;
    }
    serve_tcp();
  }

  SocketAddress address;
  std::vector<std::string> questions;  // over UDP
  std::string last_query;
  SocketAddress last_asker;
  int tcp_questions = 0;
  std::function<std::string(std::string_view query)> answer;
  std::function<std::vector<std::string>(std::string_view query)> answer_many;
  std::function<std::string(std::string_view query)> answer_tcp;

 private:
  std::vector<std::string> answers(std::string_view query) {
    if (answer_many) return answer_many(query);
    const std::string one = answer ? answer(query) : "";
    return one.empty() ? std::vector<std::string>() : std::vector<std::string>{one};
  }
  void serve_tcp() {
    OwnedFd fresh(::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fresh.valid()) connections_.push_back(std::move(fresh));
    for (const OwnedFd& fd : connections_) {
      const std::string query = read_all(fd);
      if (query.size() < 14 || query.ends_with('>')) continue;
      ++tcp_questions;
      const std::string reply = answer_tcp(std::string_view(query).substr(2));
      const std::string framed = be16(static_cast<unsigned>(reply.size())) + reply;
      ::send(fd.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }

  OwnedFd udp_;
  OwnedFd tcp_;
  std::vector<OwnedFd> connections_;
};

}  // namespace weft::net
