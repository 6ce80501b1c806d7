#pragma once
// DnsServer: the pod's resolver, where redirect --dns brings every query: the mesh's names from the
// control plane's tables, the rest from the pod's own servers, kept as long as it holds.
//
// dns::Responder decides; here are the sockets, UDP and TCP on the same addresses, and who waits
// for what. A question that is under way already is not put again: its askers wait together, so
// that a flood of one name is one question, and a resolver that asks us back finds its own question
// waiting and not another one. Questions, waiting askers, connections, the cache and all messages
// are bounded; beyond the bounds an asker hears SERVFAIL at once, which says "ask again".
//
// The sidecar's own names are resolved elsewhere (net/resolver) and never here. Answers while the
// sidecar starts, before any table is known, and while it drains. Owner: Sidecar. Thread: main
// loop.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/core/counters.h"
#include "sidecar/dns/name_table.h"
#include "sidecar/dns/responder.h"
#include "sidecar/dns_connection.h"
#include "sidecar/net/acceptor.h"
#include "sidecar/net/datagram_socket.h"
#include "sidecar/net/dns_forwarder.h"

namespace weft::sidecar {

class DnsServer final : public net::DatagramSocket::Owner,
                        public net::Acceptor::Owner,
                        public DnsConnection::Owner {
 public:
  struct Options {
    // Each is bound for UDP and TCP, none may be "any". One that this machine has not is passed
    // over as long as there is another.
    std::vector<SocketAddress> addresses;
    net::DnsForwarder::Options upstream;  // `never` is filled in here
    dns::Responder::Options responder;
    std::uint32_t waiting_max = 2048;    // askers of questions under way
    std::uint32_t connections_max = 64;  // further ones are closed at once
    Duration idle = std::chrono::seconds(10);
  };
  struct Stats {
    Counter joined;   // queries for what was asked already
    Counter limited;  // and refused, for too many questions or askers
    Counter connections_refused;
    Gauge waiting;
    Gauge connections;
  };

  DnsServer(net::Loop& loop, Options options);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  Status listen();
  // Where it listens; ports resolved.
  [[nodiscard]] std::vector<SocketAddress> addresses() const;

  [[nodiscard]] dns::NameTable& names() { return names_; }
  [[nodiscard]] const dns::NameTable& names() const { return names_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] const dns::Responder& responder() const { return responder_; }
  [[nodiscard]] const net::DnsForwarder& forwarder() const { return *forwarder_; }
  [[nodiscard]] const std::vector<std::unique_ptr<net::DatagramSocket>>& sockets() const {
    return sockets_;
  }
  // For the page /dns: what there is, or what would be said to a name.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::string describe(std::string_view name) const;

  // net::DatagramSocket::Owner, net::Acceptor::Owner, DnsConnection::Owner
  void on_datagram(net::DatagramSocket& socket, Bytes bytes, const SocketAddress& from) override;
  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor&) override {}
  void on_dns_message(DnsConnection& connection, Bytes message) override;
  void on_dns_connection_done(DnsConnection& connection) override;

 private:
  // Where an answer goes.
  struct Asker {
    net::DatagramSocket* socket = nullptr;  // or, over TCP,
    std::uint64_t connection = 0;           // which may be gone by then
    SocketAddress from;

    [[nodiscard]] dns::Road road() const {
      return socket == nullptr ? dns::Road::kTcp : dns::Road::kUdp;
    }
  };
  struct Waiting {
    Asker asker;
    dns::Query query;
  };
  class Forward;  // one question under way

  Status bind(const SocketAddress& address);
  void take(Bytes message, const Asker& asker);
  void forward(dns::Query&& query, const Asker& asker);
  void refuse(const dns::Query& query, const Asker& asker);
  void reply(const Asker& asker, Bytes message);
  void on_answer(Forward& ended, Bytes message);
  void on_failure(Forward& ended, const Error& error);
  [[nodiscard]] std::unique_ptr<Forward> take_out(Forward& ended);

  net::Loop& loop_;
  Options options_;
  Stats stats_;
  dns::NameTable names_;
  dns::Responder responder_;
  std::vector<std::unique_ptr<net::DatagramSocket>> sockets_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::map<std::uint64_t, std::unique_ptr<DnsConnection>> connections_;
  std::uint64_t last_connection_ = 0;
  std::unique_ptr<net::DnsForwarder> forwarder_;  // made when it is known where we listen
  std::unordered_map<std::string, std::unique_ptr<Forward>> forwards_;  // by dns::key_of
  std::uint32_t waiting_ = 0;
};

}  // namespace weft::sidecar
