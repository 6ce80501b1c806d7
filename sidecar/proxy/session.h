#pragma once
// Session: one accepted socket from its first byte to its last: choose a chain, open TLS, find out
// the protocol, then a ServerConnection with its exchanges, or a Tunnel.
//
//   kProxyHeader --whole--> kSniff (where the listener expects one, or else begins there)
//   kAsk --who is there was told, or is waited for no longer--> kSniff (on demand)
//   kSniff --chain known--> kHandshake --TLS open--> kDetect --protocol--> kServe --all done-->
//   kOver
//        \------ plain chain ----------------------------^        \-- opaque --> kTunnel ------^
//   kServe --HTTP/1 without a request for a while--> kResting --bytes, drain, idle--> kServe
//
// Owner: Listener. Thread: its worker. It pins only its listener's configuration and chain
// (decisions A1): every request takes the routes that are newest when its head is complete.
// on_session_done is the last event.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/config/listener_config.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/proxy_header.h"
#include "sidecar/core/slab.h"
#include "sidecar/http/connection.h"
#include "sidecar/proxy/chain_table.h"
#include "sidecar/proxy/detection_memory.h"
#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/services.h"
#include "sidecar/proxy/sniffer.h"
#include "sidecar/proxy/tunnel.h"
#include "sidecar/upstream/tls_contexts.h"
#include "tls/client_hello.h"
#include "tls/stream.h"

namespace weft::proxy {

// What a listener's connections meet.
struct SessionConfiguration {
  std::shared_ptr<const config::ListenerConfig> listener;
  std::shared_ptr<const ChainTable> chains;  // of the listener
  std::shared_ptr<const upstream::TlsContexts> contexts;
};

class Session final : public Sink,
                      public tls::Stream::Owner,
                      public http::ServerConnection::Owner,
                      public Exchange::Owner,
                      public Tunnel::Owner,
                      public TimerSink,
                      public ListNode<Session>,
                      public SlabAllocated<Session> {
 public:
  using Configuration = SessionConfiguration;

  class Owner {
   public:
    virtual void on_session_done(Session& session) = 0;
    // What new connections meet now; without a listener: what this one met.
    [[nodiscard]] virtual Configuration newest() const { return {}; }
    // Which of its clusters has its turn, of a chain for connections.
    [[nodiscard]] virtual std::size_t choose_cluster(const config::FilterChain& chain) = 0;

   protected:
    ~Owner() = default;
  };

  class Wait;

  struct Accepted {
    std::unique_ptr<Transport> transport;
    std::shared_ptr<const config::ListenerConfig> listener;
    std::shared_ptr<const ChainTable> chains;  // of the listener
    std::shared_ptr<const upstream::TlsContexts> contexts;
    telemetry::PeerId local = telemetry::PeerId::kUnknown;
    std::optional<SocketAddress> original_destination;
    DetectionMemory* detection = nullptr;  // outlives the session
  };

  Session(const Services& services, Owner& owner, Accepted accepted);
  ~Session();

  void start();
  // No new requests; ends when those under way have.
  void drain();
  // Ends it now, in silence; the owner retires it.
  void abandon();

  // Sink, while sniffing
  void on_bytes(Buffer& bytes) override;
  void on_writable() override {}
  void on_end() override;
  void on_fault(const Error& error) override;
  // tls::Stream::Owner
  void on_tls_ready(tls::Stream& stream) override;
  void on_tls_failed(tls::Stream& stream, const Error& error, tls::HandshakeResult result) override;
  // http::ServerConnection::Owner
  void on_request(http::ServerConnection& connection, std::unique_ptr<http::ServerStream> stream,
                  http::RequestHead&& head, bool end) override;
  void on_malformed(http::ServerConnection& connection, const Error& error,
                    std::uint16_t status) override;
  void on_connection_quiet(http::ServerConnection& connection) override;
  void on_connection_done(http::ServerConnection& connection, const Error& reason) override;
  // Exchange::Owner
  void on_exchange_done(Exchange& exchange) override;
  [[nodiscard]] telemetry::PeerId peer_told(std::string_view text) override;
  // Tunnel::Owner
  void on_tunnel_done(Tunnel& tunnel) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t {
    kProxyHeader,
    kAsk,
    kSniff,
    kHandshake,
    kDetect,
    kServe,
    kResting,
    kTunnel,
    kOver
  };

  void wait_for_first_bytes();
  void read_header();
  void refuse_header(telemetry::ProxyHeaderResult result, std::string_view why);
  void begin_sniffing();
  [[nodiscard]] bool calls_us();
  [[nodiscard]] bool has_to_ask();
  void on_answered();
  void find_chain();
  void sniff_more();
  void choose();
  [[nodiscard]] const SocketAddress& destination();
  void note_guess(Sniffed sniffed);
  void give_up_sniffing();
  void open_chain();
  void fill_origin();
  void detect();
  void serve(http::Protocol protocol, telemetry::DetectedHow how);
  void open_connection(http::Protocol protocol);
  void wake_up();
  void tunnel();
  void refuse(const Error& error);
  void record_failure(const Error& error, std::uint16_t status);
  void finish();
  void end_if_idle();

  const Services& services_;
  Owner& owner_;
  std::shared_ptr<const config::ListenerConfig> listener_;
  std::shared_ptr<const ChainTable> chains_;  // until one was chosen
  std::shared_ptr<const upstream::TlsContexts> contexts_;
  const config::FilterChain* chain_ = nullptr;
  const config::HttpSettings* http_ = nullptr;
  std::unique_ptr<Transport> transport_;  // until somebody else takes it
  std::unique_ptr<tls::Stream> handshake_;
  Buffer first_;  // read while sniffing
  std::unique_ptr<tls::ClientHelloParser> hello_;
  std::size_t hello_fed_ = 0;
  DetectionMemory& detection_;
  // What the first bytes said, for a tunnel's count; serve() knows by itself.
  telemetry::DetectedProtocol guessed_ = telemetry::DetectedProtocol::kTcp;
  telemetry::DetectedHow guessed_how_ = telemetry::DetectedHow::kDeclared;
  std::unique_ptr<http::ServerConnection> connection_;
  IntrusiveList<Exchange>
      exchanges_;  // owned: each was released from a unique_ptr when it was linked
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<Demands::Waiter> wait_;  // while nobody has said who is there
  Origin origin_;
  std::vector<std::pair<std::string, telemetry::PeerId>> peers_told_;  // at most kPeersToldMax
  Timer deadline_;  // for PROXY header and sniffing together; while resting, of the idle timeout
  TimePoint started_;
  State state_ = State::kSniff;
  bool draining_ = false;
  bool ended_ = false;  // the caller's end came while sniffing
};

}  // namespace weft::proxy
