#pragma once
// AdsClient: keeps one stream to the control plane open, asks for what is wanted, and hands what
// comes to its owner to judge.
//
//   kIdle ──start──> kDialing ──> kStreaming ──end of any sort──> kWaiting ──> kDialing …
//
// ClientState decides what is said; this joins it to a stream, decodes resources (from_proto) and
// reconnects, always with full jitter: within half a second after a stream that had served for a
// while, otherwise up to 4 s in the first minute without the control plane and up to 30 s after it
// (decisions A10). Losing the control plane loses nothing that was accepted. Owner: Sidecar.
// Thread: main loop. Source: xDS v3 reference 2.1, 2.6, 2.9; threats.md CP-05.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/backoff.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"
#include "xds/client_state.h"
#include "xds/from_proto.h"
#include "xds/grpc_stream.h"

namespace weft::xds {

class AdsClient final : public DialHolder,
                        public http::ClientConnection::Owner,
                        public GrpcStream::Holder,
                        public Flushable,
                        public TimerSink {
 public:
  struct Options {
    Variant variant = Variant::kDelta;
    envoy::config::core::v3::Node node;
    std::string authority;  // unset: the name of the cluster that is dialled
    std::vector<std::pair<std::string, std::string>> metadata;
    std::size_t message_bytes_max =
        64 * 1024 * 1024;  // gRPC's usual 4 MiB would cut a large mesh off
    Duration backoff_base = std::chrono::milliseconds(500);
    Duration backoff_max_at_first = std::chrono::seconds(4);
    Duration at_first = std::chrono::minutes(1);
    Duration backoff_max = std::chrono::seconds(30);
    // A stream that served this long may end without anything being wrong: servers move their
    // clients about.
    Duration settled_after = std::chrono::seconds(10);
    FromProtoOptions decoding;
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  struct Arrival {
    std::string name;
    std::string version;
    Decoded value;
  };
  class Owner {
   public:
    // What arrived of one type (a message's full name), decoded and good in itself. Returns what is
    // refused all the same, by name; the rest is taken to be applied. May call subscribe(), and
    // should, before it returns.
    [[nodiscard]] virtual std::vector<Refusal> on_resources(
        std::string_view type, std::vector<Arrival>&& changed,
        const std::vector<std::string>& removed) = 0;
    // Everything told so far belongs together (decisions A5); comes again when something was told
    // late.
    virtual void on_generation(const Generation& generation) = 0;
    virtual void on_ads_connected() = 0;
    virtual void on_ads_disconnected(const Error& reason) = 0;

   protected:
    ~Owner() = default;
  };
  struct Stats {
    bool connected = false;      // control_plane.connected_state
    std::uint64_t attempts = 0;  // dials
    std::uint64_t failures = 0;  // attempts and streams that ended without a response
    std::uint64_t updates = 0;   // responses accepted whole
    std::uint64_t rejected = 0;  // responses with something refused
    std::uint64_t unknown_fields = 0;
    WallTime updated_at{};      // when one was accepted whole
    std::string control_plane;  // how the server names itself
    std::string last_error;
  };

  AdsClient(Turn& turn, Dialer& dialer, Random& random, Owner& owner, Options options);
  AdsClient(const AdsClient&) = delete;
  AdsClient& operator=(const AdsClient&) = delete;
  ~AdsClient();

  // What is wanted of a type; any time, also inside events. Changes of one turn are one request.
  void subscribe(std::string_view type, Interest interest);
  void start();
  // Ends in silence. Not inside an event of this client.
  void stop();

  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] const ClientState& state() const { return state_; }

  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection& connection, const Error& reason) override;
  void on_message(Buffer&& message) override;
  void on_last_message() override {}
  void on_writable() override { turn_.enlist(*this); }
  void on_grpc_end(const http::GrpcOutcome& outcome) override;
  void flush() override;
  void on_timer(Timer& timer) override;

 private:
  enum class Step : std::uint8_t { kIdle, kDialing, kStreaming, kWaiting };

  void dial();
  void open_stream();
  void let_go();
  void lose(const Error& reason);
  [[nodiscard]] Duration next_delay();
  template <typename Response>
  void hear(const Buffer& message);
  void judge(ClientState::Update&& update);

  Turn& turn_;
  Dialer& dialer_;
  Random& random_;
  Owner& owner_;
  const Options options_;
  ClientState state_;
  Step step_ = Step::kIdle;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<http::ClientConnection> connection_;
  std::unique_ptr<GrpcClientStream> stream_;
  Timer retry_;
  Backoff backoff_;
  TimePoint without_since_{};  // since when there has been no stream that settled
  TimePoint opened_at_{};
  bool heard_ = false;     // this stream has delivered a response
  bool flapping_ = false;  // the stream before delivered something and ended soon
  std::optional<Generation> last_generation_;
  Stats stats_;
};

}  // namespace weft::xds
