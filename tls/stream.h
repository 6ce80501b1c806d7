#pragma once
// Stream: a Transport made of TLS over another Transport.
//
//   kHandshaking --done--> kOpen --close, fault--> kBroken        the owner hears on_tls_ready or
//   on_tls_failed, once;
//        \-------- failure, deadline, lost ---------/             afterwards the Sink hears what
//        any Transport says
//
// Owner: whoever opened it (a Session, a Dial). It owns the lower Transport. Thread: its worker's.
// Nothing is raised from inside accept, connect or any call down: what is ready then comes at the
// end of the turn. Any event may destroy the Stream. End of input without close_notify is
// on_fault(kClosed): a body that lasts until the end may have been cut (decisions D7). Memory:
// OpenSSL holds no record buffer while a connection is quiet.

#include <memory>
#include <optional>
#include <string>

#include "sidecar/core/slab.h"
#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"
#include "tls/context.h"
#include "tls/engine.h"
#include "tls/handshake_result.h"

namespace weft::tls {

class Stream final : public Transport, public Sink, public TimerSink, public SlabAllocated<Stream> {
 public:
  // Whoever waits for the handshake. Each call may destroy the Stream.
  class Owner {
   public:
    // Set a Sink now; the first bytes may follow at once.
    virtual void on_tls_ready(Stream& stream) = 0;
    // kTlsHandshake, kTlsTimeout or kTlsIdentity; the last event.
    virtual void on_tls_failed(Stream& stream, const Error& error, HandshakeResult result) = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    Duration handshake_timeout = std::chrono::seconds(5);  // zero: none
    std::string server_name;                               // client: instead of the context's
    bool offers_alpn = true;  // client: false where the bytes are none of what the context offers
  };

  // `initial` is what was read from `lower` before (by a sniffer).
  static std::unique_ptr<Stream> accept(Turn& turn, std::unique_ptr<Transport> lower,
                                        std::shared_ptr<const ServerContext> context, Owner& owner,
                                        const Options& options, Buffer initial = {});
  static std::unique_ptr<Stream> connect(Turn& turn, std::unique_ptr<Transport> lower,
                                         std::shared_ptr<const ClientContext> context, Owner& owner,
                                         const Options& options);
  ~Stream() override;

  // ---- Transport ----
  void set_sink(Sink* sink) override;
  void write(Buffer&& bytes) override;
  void flush() override;
  void shutdown_write() override;
  void abort() override;
  void pause() override;
  void resume() override;
  [[nodiscard]] std::size_t buffered() const override;
  [[nodiscard]] const SocketAddress& peer_address() const override {
    return lower_->peer_address();
  }
  [[nodiscard]] const SocketAddress& local_address() const override {
    return lower_->local_address();
  }
  [[nodiscard]] const TlsInfo& tls() const override { return info_; }

  [[nodiscard]] bool is_open() const { return state_ == State::kOpen; }

  // ---- Sink of the lower Transport, and timer ----
  void on_bytes(Buffer& bytes) override;
  void on_writable() override;
  void on_end() override;
  void on_fault(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kHandshaking, kOpen, kBroken };
  class Watch;

  // What a call down leaves to be done comes here at the end of the turn, where raising events is
  // allowed.
  class Later final : public Flushable {
   public:
    explicit Later(Stream& stream) : stream_(stream) {}
    void flush() override { stream_.on_turn_end(); }

   private:
    Stream& stream_;
  };

  // Decrypted bytes are offered in pieces of about this size.
  static constexpr std::size_t kPiece = 64 * 1024;
  // A Sink that leaves more than this lying without pausing has forgotten its own limit.
  static constexpr std::size_t kUnreadMax = 256 * 1024;

  Stream(Turn& turn, std::unique_ptr<Transport> lower, std::shared_ptr<const Context> context,
         Owner& owner, const Options& options);

  void on_turn_end();
  void pump(Buffer& input);
  void shake_hands(Buffer& input, Watch& watch);
  [[nodiscard]] bool decrypt(Buffer& input);
  void offer(Watch& watch);
  void raise_what_is_left(Watch& watch);
  void keep(Buffer& input);
  void encrypt();
  void send_output();
  void look_at_lower_mark();
  void fail_handshake(HandshakeResult result, const Error& error);
  void break_with(Error error);
  void fall_silent();
  [[nodiscard]] bool hears() const { return sink_ != nullptr && !paused_; }
  [[nodiscard]] Side side() const {
    return context_->is_server() ? Side::kDownstream : Side::kUpstream;
  }
  [[nodiscard]] HandshakeCounters& counters() const;

  Turn& turn_;
  std::unique_ptr<Transport> lower_;
  const std::shared_ptr<const Context> context_;
  Owner& owner_;
  Engine engine_;
  Sink* sink_ = nullptr;
  Later later_{*this};
  Timer timer_;       // the handshake's deadline
  Buffer cipher_in_;  // read and not yet decrypted: while paused, or before the first turn's end
  Buffer plain_in_;   // decrypted and left by the Sink
  Buffer plain_out_;  // written and not yet encrypted
  TlsInfo info_;
  std::optional<Error> fault_;  // to be raised when somebody listens
  bool* destroyed_ = nullptr;   // set by the destructor for a function that raised an event
  State state_ = State::kHandshaking;
  bool paused_ = false;
  bool lower_paused_ = false;
  bool fresh_ = false;         // plain_in_ holds what the Sink has not been offered in this form
  bool first_flight_ = false;  // let the owner's first bytes travel with the end of the handshake
  bool shut_down_ = false;     // shutdown_write() was asked for
  bool close_sent_ = false;
  bool lower_ended_ = false;
  bool peer_closed_ = false;  // close_notify arrived
  bool end_raised_ = false;
  bool above_high_mark_ = false;
  bool lower_above_high_mark_ = false;
  bool writable_due_ = false;
};

}  // namespace weft::tls
