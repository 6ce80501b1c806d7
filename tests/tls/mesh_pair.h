#pragma once
// MeshPair: a client and a server Stream over a MemoryPipe, each with an owner and an Ear that
// write down what happened.

#include <memory>
#include <optional>
#include <string>

#include "sidecar/core/turn.h"
#include "tests/support/memory_transport.h"
#include "tests/tls/identities.h"
#include "tls/stream.h"

namespace weft::tls::testing {

using weft::testing::Ear;
using weft::testing::MemoryPipe;

// One side: waits for its Stream, then listens to it.
class Party : public Stream::Owner {
 public:
  std::unique_ptr<Stream> stream;
  Ear ear;
  bool ready = false;
  std::optional<Error> failure;
  HandshakeResult result = HandshakeResult::kOk;
  std::string greeting;  // written as soon as the handshake is over

  void on_tls_ready(Stream& opened) override;
  void on_tls_failed(Stream& failed, const Error& error, HandshakeResult why) override;
  virtual ~Party() = default;

  void say(std::string_view text);  // write and flush at once
  // "ready", or "wrong_identity (tls identity)", then what its Ear heard.
  [[nodiscard]] std::string story() const;
};

struct PairOptions {
  MemoryPipe::Options pipe;
  Stream::Options client;
  Stream::Options server;
};

class MeshPair final {
 public:
  using Options = PairOptions;

  Turn turn{TimePoint{}};
  MemoryPipe pipe;
  Party client;
  Party server;

  MeshPair(std::shared_ptr<const ClientContext> client_context,
           std::shared_ptr<const ServerContext> server_context, const Options& options = {});

  void run() { pipe.run(); }
  void advance(Duration duration);
};

// The usual contexts: one authority, one identity each, the usual settings; what differs is written
// by the test.
struct Cast {
  std::shared_ptr<Library> library = Library::make();
  Authority authority;
  Identity client_identity = authority.leaf("client");
  Identity server_identity = authority.leaf("server");
  TlsSettings client_settings = testing::client_settings();
  TlsSettings server_settings = testing::server_settings();

  [[nodiscard]] std::shared_ptr<const ClientContext> client() const;
  [[nodiscard]] std::shared_ptr<const ServerContext> server() const;
};

}  // namespace weft::tls::testing
