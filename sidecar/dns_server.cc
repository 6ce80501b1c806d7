#include "sidecar/dns_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

// A port that is free for TCP may be somebody's for UDP; only port 0 is looked for again.
constexpr int kPortTries = 16;

}  // namespace

// Its askers, and the question that they wait for.
class DnsServer::Forward final : public net::ForwardHolder {
 public:
  Forward(DnsServer& server, const std::string& its_key) : key(its_key), server_(server) {}

  // The server lets go of this object in either.
  void on_forward_answer(Bytes message) override { server_.on_answer(*this, message); }
  void on_forward_failure(const Error& error) override { server_.on_failure(*this, error); }

  const std::string key;
  std::vector<Waiting> askers;
  std::unique_ptr<net::DnsForwarder::Question> question;

 private:
  DnsServer& server_;
};

DnsServer::DnsServer(net::Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), responder_(names_, options_.responder) {}

DnsServer::~DnsServer() = default;

// ---- where it listens ----

Status DnsServer::listen() {
  std::string passed_over;
  for (const SocketAddress& address : options_.addresses) {
    if (!address.is_ip() || address.ip().is_any()) {
      return fail(Fault::kInvalid, fmt::format("'{}': want an address of this machine and a port, "
                                               "as answers leave from where the question went",
                                               address.to_string()));
    }
    if (!net::has_address(address.ip())) {
      passed_over += (passed_over.empty() ? "" : ", ") + address.to_string();
      continue;
    }
    if (!address.ip().is_loopback()) {
      WEFT_LOG(kWarn, "dns: {} can be asked from other machines", address.to_string());
    }
    if (Status bound = bind(address); !bound) return bound;
  }
  if (sockets_.empty()) {
    return fail(Fault::kInvalid, "none of its addresses is this machine's: " + passed_over);
  }
  if (!passed_over.empty()) {
    WEFT_LOG(kInfo, "dns: this machine has no {}; listening without", passed_over);
  }
  options_.upstream.channel.never = addresses();
  forwarder_ = std::make_unique<net::DnsForwarder>(loop_, options_.upstream);
  return {};
}

Status DnsServer::bind(const SocketAddress& address) {
  for (int i = 0; i < kPortTries; ++i) {
    Result<net::OwnedFd> tcp = net::bind_listener(address);
    if (!tcp) return fail(tcp.error());
    const SocketAddress bound = net::local_address_of(tcp->get());
    Result<net::OwnedFd> udp = net::bind_datagrams(bound);
    if (!udp) {
      if (address.port() == 0) continue;
      return fail(udp.error());
    }
    acceptors_.push_back(std::make_unique<net::Acceptor>(loop_, std::move(*tcp), *this));
    sockets_.push_back(std::make_unique<net::DatagramSocket>(loop_, std::move(*udp), *this));
    return {};
  }
  return fail(Fault::kInvalid, address.to_string() + ": no port is free for UDP and TCP");
}

std::vector<SocketAddress> DnsServer::addresses() const {
  std::vector<SocketAddress> out;
  for (const auto& socket : sockets_) out.push_back(socket->address());
  return out;
}

// ---- what comes ----

void DnsServer::on_datagram(net::DatagramSocket& socket, Bytes bytes, const SocketAddress& from) {
  take(bytes, {.socket = &socket, .from = from});
}

void DnsServer::on_accept(std::unique_ptr<net::Socket> socket) {
  if (connections_.size() >= options_.connections_max) {
    stats_.connections_refused.add();
    WEFT_LOG_LIMITED(kWarn, "dns: connection limit {} reached", options_.connections_max);
    return;
  }
  const std::uint64_t number = ++last_connection_;
  connections_.emplace(number,
                       std::make_unique<DnsConnection>(
                           loop_.turn(), std::move(socket), *this,
                           DnsConnection::Options{.number = number, .idle = options_.idle}));
  stats_.connections.set(static_cast<std::int64_t>(connections_.size()));
}

void DnsServer::on_dns_message(DnsConnection& connection, Bytes message) {
  take(message, {.connection = connection.number()});
}

void DnsServer::on_dns_connection_done(DnsConnection& connection) {
  const auto found = connections_.find(connection.number());
  loop_.turn().retire(std::move(found->second));
  connections_.erase(found);
  stats_.connections.set(static_cast<std::int64_t>(connections_.size()));
}

void DnsServer::take(Bytes message, const Asker& asker) {
  dns::Responder::Decision decision = responder_.decide(message, asker.road(), loop_.now());
  if (decision.reply) return reply(asker, *decision.reply);
  if (decision.forward) return forward(std::move(*decision.forward), asker);
  const auto connection = connections_.find(asker.connection);
  if (connection != connections_.end()) connection->second->ignore();
}

void DnsServer::reply(const Asker& asker, Bytes message) {
  if (asker.socket != nullptr) return asker.socket->send(message, asker.from);
  const auto connection = connections_.find(asker.connection);
  if (connection != connections_.end()) connection->second->reply(message);
}

// ---- what is somebody else's to answer ----

void DnsServer::refuse(const dns::Query& query, const Asker& asker) {
  stats_.limited.add();
  WEFT_LOG_LIMITED(kWarn,
                   "dns: too many questions are under way ({} of {}) or askers wait ({} of {}); "
                   "the next ones fail",
                   forwarder_->stats().under_way.value(), options_.upstream.questions_max, waiting_,
                   options_.waiting_max);
  reply(asker, responder_.not_answered(query));
}

void DnsServer::forward(dns::Query&& query, const Asker& asker) {
  if (waiting_ >= options_.waiting_max) return refuse(query, asker);
  const std::string key = dns::key_of(query);
  auto& place = forwards_[key];
  if (place != nullptr) {
    stats_.joined.add();
  } else {
    place = std::make_unique<Forward>(*this, key);
    place->question = forwarder_->ask(dns::write_query(query), *place);
    if (place->question == nullptr) {
      forwards_.erase(key);
      return refuse(query, asker);
    }
  }
  place->askers.push_back({.asker = asker, .query = std::move(query)});
  stats_.waiting.set(++waiting_);
}

std::unique_ptr<DnsServer::Forward> DnsServer::take_out(Forward& ended) {
  const auto found = forwards_.find(ended.key);
  std::unique_ptr<Forward> out = std::move(found->second);
  forwards_.erase(found);
  waiting_ -= static_cast<std::uint32_t>(out->askers.size());
  stats_.waiting.set(waiting_);
  return out;
}

void DnsServer::on_answer(Forward& ended, Bytes message) {
  const std::unique_ptr<Forward> held = take_out(ended);
  const std::uint64_t unusable = responder_.stats().unusable.value();
  for (const Waiting& one : held->askers) {
    reply(one.asker, responder_.answered(one.query, message, one.asker.road(), loop_.now()));
  }
  if (responder_.stats().unusable.value() == unusable) return;
  WEFT_LOG_LIMITED(kWarn, "dns: what a server says of {} is no answer to that",
                   escape(held->askers.front().query.name));
}

void DnsServer::on_failure(Forward& ended, const Error& error) {
  const std::unique_ptr<Forward> held = take_out(ended);
  WEFT_LOG_LIMITED(kWarn, "dns: {} is not resolved: {}", escape(held->askers.front().query.name),
                   to_string(error));
  for (const Waiting& one : held->askers) {
    reply(one.asker, responder_.not_answered(one.query));
  }
}

// ---- the page ----

std::string DnsServer::describe() const {
  const auto list = [](const std::vector<SocketAddress>& addresses) {
    std::string out;
    for (const SocketAddress& address : addresses)
      out += (out.empty() ? "" : ", ") + address.to_string();
    return out.empty() ? std::string("none") : out;
  };
  const dns::Responder::Stats& said = responder_.stats();
  const dns::Cache& cache = responder_.cache();
  const dns::Cache::Options& room = options_.responder.cache;
  const net::DnsForwarder::Stats& asked = forwarder_->stats();
  std::string out = fmt::format("listens at {}\nasks {}\n", list(addresses()),
                                list(forwarder_->channel().servers()));
  if (const auto& left_out = forwarder_->channel().left_out(); !left_out.empty()) {
    out += fmt::format("never asks {}: this process itself\n", list(left_out));
  }
  out += fmt::format("names of the mesh: {} in {} namespaces\n", names_.size(), names_.zones());
  out += fmt::format("cache: {} of {} answers, {} of {} bytes\n", cache.entries(), room.entries_max,
                     cache.bytes(), room.bytes_max);
  out += fmt::format(
      "queries: {} mesh, {} cache, {} forwarded, {} of them joined, {} limited, {} not understood, "
      "{} ignored\n",
      said.from_mesh.value(), said.from_cache.value(), said.forwarded.value(),
      stats_.joined.value(), stats_.limited.value(), said.refused.value(), said.ignored.value());
  out += fmt::format("servers: {} answered, {} timeouts, {} failures, {} unusable answers\n",
                     asked.answered.value(), asked.timeouts.value(), asked.failures.value(),
                     said.unusable.value());
  out += fmt::format("under way: {} of {} questions, {} of {} askers, {} of {} connections\n",
                     asked.under_way.value(), options_.upstream.questions_max, waiting_,
                     options_.waiting_max, connections_.size(), options_.connections_max);
  return out;
}

std::string DnsServer::describe(std::string_view name) const {
  std::string wanted(name);
  std::ranges::transform(wanted, wanted.begin(), [](char c) { return to_lower(c); });
  if (wanted.ends_with('.')) wanted.pop_back();
  const dns::NameEntry* entry = names_.find(wanted);
  if (entry == nullptr) {
    return fmt::format("{}: no name of the mesh; asked of {}\n", escape(wanted),
                       forwarder_->channel().servers().empty() ? "nobody" : "the pod's servers");
  }
  std::string out = fmt::format("{}: of the mesh\n", escape(wanted));
  for (const IpAddress& address : entry->addresses) out += "  " + address.to_string() + "\n";
  return out;
}

}  // namespace weft::sidecar
