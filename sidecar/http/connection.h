#pragma once
// ServerConnection and ClientConnection: a Transport joined to a codec. They flush once per turn, apply back-pressure between
// the transport and the codec, keep the connection's timeouts, and tell their owner when they are done.
//
// Owner: proxy::Session and http::Service (server), upstream::Pool and http::Client (client); it retires the connection after
// on_connection_done. Thread: their loop's.

#include <memory>

#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/codec.h"

namespace weft::http {

enum class Protocol : std::uint8_t { kHttp1, kHttp2 };

struct ConnectionOptions {
  CodecOptions codec;
  ConnectionTimeouts timeouts;
};

class Connection : public Sink, public Flushable, public TimerSink, public CodecHost {
 public:
  ~Connection();

  // Finish politely; on_connection_done follows at the latest after ConnectionTimeouts::drain.
  void drain();
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] Transport& transport() { return *transport_; }
  [[nodiscard]] Protocol protocol() const { return protocol_; }
  [[nodiscard]] std::size_t streams() const { return codec_->streams(); }

  // Sink, Flushable, TimerSink, CodecHost
  void on_bytes(Buffer& bytes) final;
  void on_writable() final;
  void on_end() final;
  void on_fault(const Error& error) final;
  void flush() final;
  void on_timer(Timer& timer) final;
  void wake() final;
  void pause_input() final;
  void resume_input() final;
  [[nodiscard]] TimePoint now() const final { return turn_.now(); }

 protected:
  Connection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol, const ConnectionOptions& options);
  // After every feed and every flush: streams may have come or gone.
  virtual void on_progress() = 0;
  virtual void report_done(const Error& reason) = 0;

  // Ends the connection: streams hear `reason`, then report_done once, as the last act of the current event.
  void finish(const Error& reason);
  void attach(std::unique_ptr<Codec> codec);

  Turn& turn_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Codec> codec_;
  Protocol protocol_;
  ConnectionOptions options_;
  Timer idle_timer_;
  Timer drain_timer_;
  bool draining_ = false;
  bool done_ = false;
};

class ServerConnection final : public Connection, public ServerCodec::Handler {
 public:
  class Owner {
   public:
    virtual void on_request(ServerConnection& connection, std::unique_ptr<ServerStream> stream, RequestHead&& head,
                            bool end) = 0;
    virtual void on_malformed(ServerConnection& connection, const Error& error, std::uint16_t status) = 0;
    // The last event. `reason` is kClosed for an orderly end.
    virtual void on_connection_done(ServerConnection& connection, const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };

  // `first` are bytes already read (sniffed); they are fed from the constructor's caller by start().
  ServerConnection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol, const ConnectionOptions& options,
                   Owner& owner);
  ~ServerConnection();
  // Begins to listen; `first` are bytes that a sniffer has read. May raise events.
  void start(Buffer&& first);

  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override;
  void on_malformed(const Error& error, std::uint16_t status) override;

 private:
  void on_progress() override;
  void report_done(const Error& reason) override;

  Owner& owner_;
  ServerCodec* server_codec_ = nullptr;
  Timer head_timer_;
};

class ClientConnection final : public Connection {
 public:
  class Owner {
   public:
    // available() may have changed: a stream ended, the peer's limit moved, the peer says goodbye.
    virtual void on_capacity(ClientConnection& connection) = 0;
    virtual void on_connection_done(ClientConnection& connection, const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };

  ClientConnection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol, const ConnectionOptions& options,
                   Owner& owner);
  ~ClientConnection();

  [[nodiscard]] std::size_t available() const;
  // REQUIRES available() > 0.
  [[nodiscard]] std::unique_ptr<ClientStream> open(const RequestHead& head, bool end, ResponseSink& sink);
  [[nodiscard]] bool reused() const { return opened_ > 1; }

 private:
  void on_progress() override;
  void report_done(const Error& reason) override;

  Owner& owner_;
  ClientCodec* client_codec_ = nullptr;
  std::uint64_t opened_ = 0;
};

}  // namespace weft::http
