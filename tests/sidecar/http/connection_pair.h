#pragma once
// ConnectionPair: a ClientConnection and a ServerConnection joined by a MemoryPipe, with owners
// that retire what is done.
//
// run() moves bytes until nothing moves; pass() moves time in small steps and bytes with it.
// Thread: the test's.

#include <memory>
#include <string>
#include <utility>

#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"
#include "tests/sidecar/http/http2_pair.h"
#include "tests/support/memory_transport.h"

namespace weft::http::testing {

struct ServerOwner final : ServerConnection::Owner {
  explicit ServerOwner(Turn& turn_in) : turn(turn_in) {}
  Turn& turn;
  std::unique_ptr<ServerConnection> connection;
  Requests requests;
  std::string done;
  bool abandon_in_request = false;
  bool rests = false;  // takes the transport of a quiet connection
  std::unique_ptr<Transport> resting;
  int quiet = 0;

  void abandon() {
    if (connection == nullptr) return;
    connection->abandon();
    turn.retire(std::move(connection));
  }
  void on_request(ServerConnection&, std::unique_ptr<ServerStream> stream, RequestHead&& head,
                  bool end) override {
    requests.on_request(std::move(stream), std::move(head), end);
    if (abandon_in_request) abandon();
  }
  void on_malformed(ServerConnection&, const Error& error, std::uint16_t status) override {
    requests.on_malformed(error, status);
  }
  void on_connection_quiet(ServerConnection&) override {
    ++quiet;
    if (!rests) return;
    resting = connection->take_transport();
    turn.retire(std::move(connection));
  }
  void on_connection_done(ServerConnection&, const Error& reason) override {
    done += "[" + to_string(reason) + "]";
    turn.retire(std::move(connection));
  }
};

struct ClientOwner final : ClientConnection::Owner {
  explicit ClientOwner(Turn& turn_in) : turn(turn_in) {}
  Turn& turn;
  std::unique_ptr<ClientConnection> connection;
  std::string done;
  int capacities = 0;
  bool abandon_in_capacity = false;

  void abandon() {
    if (connection == nullptr) return;
    connection->abandon();
    turn.retire(std::move(connection));
  }
  void on_capacity(ClientConnection&) override {
    ++capacities;
    if (abandon_in_capacity) abandon();
  }
  void on_connection_done(ClientConnection&, const Error& reason) override {
    done += "[" + to_string(reason) + "]";
    turn.retire(std::move(connection));
  }
};

class ConnectionPair final {
 public:
  explicit ConnectionPair(Protocol protocol, const ConnectionOptions& options = {},
                          const weft::testing::MemoryPipe::Options& wire = {})
      : pipe(turn, wire), server(turn), client(turn) {
    server.connection =
        std::make_unique<ServerConnection>(turn, pipe.take_right(), protocol, options, server);
    client.connection =
        std::make_unique<ClientConnection>(turn, pipe.take_left(), protocol, options, client);
    server.connection->start(Buffer());
  }

  Turn turn{TimePoint(std::chrono::hours(1))};
  weft::testing::MemoryPipe pipe;
  ServerOwner server;
  ClientOwner client;

  void run() { pipe.run(); }
  void pass(Duration time) {
    const TimePoint end = turn.now() + time;
    while (turn.now() < end) {
      const std::optional<TimePoint> wake = turn.wheel().next_wake();
      turn.advance(wake && *wake < end ? *wake : end);
      run();
    }
  }
  std::unique_ptr<Hearer> open(const RequestHead& head, bool end = true) {
    auto hearer = std::make_unique<Hearer>();
    hearer->client = client.connection->open(head, end, *hearer);
    return hearer;
  }
};

// The client's side is a bare Ear that writes what the test says.
class RawClient final {
 public:
  explicit RawClient(Protocol protocol, const ConnectionOptions& options = {},
                     Buffer&& first = Buffer())
      : pipe(turn), server(turn), transport(pipe.take_left()) {
    transport->set_sink(&ear);
    server.connection =
        std::make_unique<ServerConnection>(turn, pipe.take_right(), protocol, options, server);
    server.connection->start(std::move(first));
  }

  Turn turn{TimePoint(std::chrono::hours(1))};
  weft::testing::MemoryPipe pipe;
  ServerOwner server;
  weft::testing::Ear ear;
  std::unique_ptr<Transport> transport;

  void write(std::string_view bytes) {
    transport->write(Buffer(bytes));
    transport->flush();
    pipe.run();
  }
  void pass(Duration time) {
    const TimePoint end = turn.now() + time;
    while (turn.now() < end) {
      const std::optional<TimePoint> wake = turn.wheel().next_wake();
      turn.advance(wake && *wake < end ? *wake : end);
      pipe.run();
    }
  }
};

}  // namespace weft::http::testing
