#pragma once
// ServerConnection and ClientConnection: a Transport joined to a codec. They flush once per turn,
// apply back-pressure between the transport and the codec, keep the connection's timeouts, and tell
// their owner when they are done.
//
// Life: open, then leaving (a goodbye is being written), then lingering (our side is shut; what the
// peer still sends is thrown away so that the last answer is not lost to a reset), then done. A
// drained HTTP/2 connection says GOAWAY twice (RFC 9113 section 6.8). Owner: proxy::Session and
// http::Service (server), upstream::Pool and http::Client (client); it retires the connection after
// on_connection_done, or after abandon(). Thread: their loop's.

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
  // Between the two GOAWAYs of a drain, unless the peer's answer to our PING comes first.
  static constexpr Duration kDrainNotice = std::chrono::seconds(1);
  // For the peer's end of input after ours.
  static constexpr Duration kLinger = std::chrono::seconds(1);
  // A server's connection without a request for so long is quiet: its owner may keep its transport
  // alone, and make another connection of it when the next bytes come.
  static constexpr Duration kQuiet = std::chrono::seconds(2);
  // Less than this moved within ConnectionTimeouts::stream_idle counts as nothing moved: one byte
  // at a time is an attack.
  static constexpr std::size_t kStallBytes = 16 * 1024;

  // Finish politely; on_connection_done follows at the latest after ConnectionTimeouts::drain.
  void drain();
  // Ends it at once and in silence, for an owner that goes away itself. Allowed inside any event;
  // retire it afterwards.
  void abandon();
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] bool done() const { return done_; }
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
  Connection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol,
             const ConnectionOptions& options);
  ~Connection();
  // After every feed and every flush: streams may have come or gone.
  virtual void on_progress() = 0;
  virtual void report_done(const Error& reason) = 0;
  // No request for kQuiet, for who has asked for it; may end in release().
  virtual void on_quiet() {}
  void tell_quiet() { tells_quiet_ = quiet_due_ = true; }
  // A timer that the derived class owns.
  virtual void on_own_timer(Timer& timer) = 0;

  void attach(std::unique_ptr<Codec> codec) { codec_ = std::move(codec); }
  void listen(Buffer&& first);
  // Writes what the codec has queued, then closes.
  void leave(const Error& reason);
  // The last act of every event: closes what is finished, sets timers.
  void settle();
  // Ends the connection: streams hear `reason`, then report_done once.
  void finish(const Error& reason);
  // A request came or went out.
  void note_request() {
    idle_timer_.cancel();
    quiet_due_ = tells_quiet_;
  }
  // Nothing is under way in either direction, the codec apart.
  [[nodiscard]] bool moves_nothing() const;
  // Ends it in silence. REQUIRES: moves_nothing().
  [[nodiscard]] std::unique_ptr<Transport> release();
  [[nodiscard]] bool open_for_streams() const {
    return state_ == State::kOpen && !draining_ && !done_;
  }

  Turn& turn_;
  ConnectionOptions options_;

 private:
  enum class State : std::uint8_t { kOpen, kLeaving, kLingering };

  void feed(Buffer& bytes);
  void feed_end();
  void feed_held();
  void pump();
  void half_close();
  void close_gently();
  void tend_timers();
  void arm_idle();
  void on_idle_timer();
  void watch_stalls();
  void on_drain_timer();
  void on_close_timer();
  void on_ping_timer();
  void silence();

  std::unique_ptr<Transport> transport_;
  Buffer held_;  // sniffed bytes that the codec has not taken yet
  std::unique_ptr<Codec> codec_;
  Timer idle_timer_;  // for kQuiet first, then for the rest of ConnectionTimeouts::idle
  Timer drain_timer_;
  Timer close_timer_;  // while open it watches for stalls
  Timer ping_timer_;
  Error reason_;  // once leaving
  std::uint64_t written_ = 0;
  std::uint64_t left_at_mark_ =
      0;  // bytes that had left the transport when the stall watch last looked
  TimePoint mark_{};
  Protocol protocol_;
  State state_ = State::kOpen;
  bool draining_ = false;
  bool drained_ = false;  // the second GOAWAY was asked for
  bool input_ended_ = false;
  bool input_paused_ = false;
  bool tells_quiet_ = false;
  bool quiet_due_ = false;  // on_quiet() is still to come
  bool heard_ = false;      // a byte came since the ping timer was set
  bool pinged_ = false;
  bool shut_ = false;  // our side, while the codec goes on reading
  bool done_ = false;
  bool abandoned_ = false;
};

class ServerConnection final : public Connection, public ServerCodec::Handler {
 public:
  class Owner {
   public:
    virtual void on_request(ServerConnection& connection, std::unique_ptr<ServerStream> stream,
                            RequestHead&& head, bool end) = 0;
    virtual void on_malformed(ServerConnection& connection, const Error& error,
                              std::uint16_t status) = 0;
    // No request for Connection::kQuiet, and none has begun: the owner may take_transport().
    virtual void on_connection_quiet(ServerConnection& connection) {
      static_cast<void>(connection);
    }
    // The last event. `reason` is kClosed for an orderly end.
    virtual void on_connection_done(ServerConnection& connection, const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };

  ServerConnection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol,
                   const ConnectionOptions& options, Owner& owner);
  ~ServerConnection();
  // Begins to listen; `first` are bytes that a sniffer has read. May raise events.
  void start(Buffer&& first);
  // Inside on_connection_quiet alone: this connection is done, without another event.
  [[nodiscard]] std::unique_ptr<Transport> take_transport() { return release(); }

  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override;
  void on_malformed(const Error& error, std::uint16_t status) override;

 private:
  void on_progress() override;
  void on_quiet() override;
  void report_done(const Error& reason) override;
  void on_own_timer(Timer& timer) override;

  Owner& owner_;
  ServerCodec* server_codec_ = nullptr;
  Timer head_timer_;
  std::uint64_t requests_ = 0;
  std::uint64_t requests_before_head_ = 0;  // requests_ when head_timer_ was armed
};

class ClientConnection final : public Connection {
 public:
  class Owner {
   public:
    // available() or streams() changed: a stream ended, the peer's limit moved, the peer says
    // goodbye.
    virtual void on_capacity(ClientConnection& connection) = 0;
    virtual void on_connection_done(ClientConnection& connection, const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };

  ClientConnection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol,
                   const ConnectionOptions& options, Owner& owner);
  ~ClientConnection();

  [[nodiscard]] std::size_t available() const;
  // Streams wait for the peer's connection window; when that lasts, another connection is worth its
  // price.
  [[nodiscard]] bool blocked() const { return client_codec_->blocked(); }
  // REQUIRES available() > 0.
  [[nodiscard]] std::unique_ptr<ClientStream> open(const RequestHead& head, bool end,
                                                   ResponseSink& sink);
  [[nodiscard]] bool reused() const { return opened_ > 1; }

 private:
  void on_progress() override;
  void report_done(const Error& reason) override;
  void on_own_timer(Timer&) override {}

  Owner& owner_;
  ClientCodec* client_codec_ = nullptr;
  std::uint64_t opened_ = 0;
  std::size_t available_seen_ = 0;
  std::size_t streams_seen_ = 0;
};

}  // namespace weft::http
