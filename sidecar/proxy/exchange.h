#pragma once
// Exchange: one request and its response, from a complete head to the access record; the centre of
// the house.
//
// Its route is the list of steps in advance(), in the order of the drawing: route, admit, extras
// (for the few routes that ask for any), pick, acquire, stream, reply, record. A retry is `step_ =
// kPick`, a refusal is `step_ = kReply`; there is no other control flow. What few routes ask for
// besides (faults, mirrors, fallbacks, limits on how often, CORS) is in exchange_shaping.cc.
//
// Owner: Session. Thread: its worker. Lifetime: until on_exchange_done, which comes exactly once
// and last; the session retires it. Every ending writes exactly one record. Memory: the request's
// head, and of its body at most what the downstream codec's window lets in plus what a retry may
// need (RetryPolicy::replay_bytes_max).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sidecar/config/listener_config.h"
#include "sidecar/core/backoff.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/slab.h"
#include "sidecar/core/transport.h"
#include "sidecar/proxy/attempt.h"
#include "sidecar/proxy/exchange_extras.h"
#include "sidecar/proxy/hop.h"
#include "sidecar/proxy/replies.h"
#include "sidecar/proxy/request_hash.h"
#include "sidecar/proxy/retry.h"
#include "sidecar/proxy/services.h"

namespace weft::proxy {

// What a session knows about all its requests. Outlives its exchanges.
struct Origin {
  const config::HttpSettings* http = nullptr;
  std::string route_key;
  telemetry::Direction direction = telemetry::Direction::kOutbound;
  telemetry::SecurityPolicy security = telemetry::SecurityPolicy::kNone;
  telemetry::TlsVersion tls_version = telemetry::TlsVersion::kNone;
  telemetry::PeerId local = telemetry::PeerId::kUnknown;  // our own workload
  telemetry::PeerId peer = telemetry::PeerId::kUnknown;   // whoever calls
  SpiffeId peer_identity;
  bool verified_peer = false;   // a sidecar of the mesh over mTLS: its x-weft-* fields are believed
  std::string local_peer_text;  // our x-weft-peer: "workload;version"
  upstream::Caller caller;      // of the socket, or as a PROXY header says
  std::string address;          // the caller's
  std::optional<SocketAddress> original_destination;
  // By which virtual hosts are found instead of by what a request calls its host; empty: by that.
  std::string destination_host;
};

// How long an answer's head waits for its trailers where a gRPC status may be a reason to try again
// (behaviour.md section 3).
inline constexpr Duration kHeadHeldMax = std::chrono::milliseconds(100);

class Exchange final : public http::RequestSink,
                       public Attempt::Owner,
                       public TimerSink,
                       public ListNode<Exchange>,
                       public SlabAllocated<Exchange> {
 public:
  class Owner {
   public:
    virtual void on_exchange_done(Exchange& exchange) = 0;
    // The caller's labels as its sidecar tells them (x-weft-peer), cached per session.
    [[nodiscard]] virtual telemetry::PeerId peer_told(std::string_view text) = 0;

   protected:
    ~Owner() = default;
  };

  Exchange(const Services& services, Owner& owner, const Origin& origin,
           std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end);
  ~Exchange();

  // Begins; may end it at once.
  void start();
  // Ends it now and records it; for the drain's deadline.
  void abandon();

  // http::RequestSink
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(http::Headers&& trailers) override;
  void on_sent(std::size_t body_bytes) override;
  void on_stream_fault(const Error& error) override;
  // Attempt::Owner
  void on_attempt_open(Attempt& attempt) override;
  void on_attempt_informational(http::ResponseHead&& head) override;
  void on_attempt_head(http::ResponseHead&& head, bool end) override;
  void on_attempt_body(Buffer&& bytes, bool end) override;
  void on_attempt_trailers(http::Headers&& trailers) override;
  void on_attempt_sent(std::size_t body_bytes) override;
  void on_attempt_failed(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  enum class Step : std::uint8_t {
    kRoute,
    kAdmit,
    kExtras,
    kPick,
    kAcquire,
    kStream,
    kReply,
    kRecord,
    kDone
  };
  enum class Next : std::uint8_t { kGo, kWait };

  void advance();
  [[nodiscard]] Next match_route();
  [[nodiscard]] Next admit();
  [[nodiscard]] Next apply_extras();
  [[nodiscard]] Next pick_endpoint();
  [[nodiscard]] Next acquire_stream();
  [[nodiscard]] Status admit_tunnel();
  [[nodiscard]] Next stream_both();
  [[nodiscard]] Next reply_locally();
  [[nodiscard]] Next record();

  // Routing
  [[nodiscard]] Next choose_cluster(const config::ForwardAction& action);
  [[nodiscard]] std::size_t choose_split(const config::ForwardAction& action);
  [[nodiscard]] std::size_t choose_group(const config::ForwardAction& action);
  [[nodiscard]] Next go_reply(Error error);
  [[nodiscard]] bool may_upgrade(std::string_view wanted);
  void prepare_direct(const config::DirectResponse& direct);
  void prepare_redirect(const config::RedirectAction& redirect);
  // Admission
  void read_trace();
  void write_upstream_fields();
  void write_peer_field();
  [[nodiscard]] Sender sender() const {
    if (origin_.verified_peer) return Sender::kMeshPeer;
    return origin_.direction == telemetry::Direction::kOutbound ? Sender::kOwnApp
                                                                : Sender::kStranger;
  }
  void write_attempt_fields();
  [[nodiscard]] bool read_deadline();
  // Streaming
  void give_request_body();
  void count_held();
  void count_held(std::size_t now);
  void touch() { idle_timer_.arm(idle_limit_); }
  [[nodiscard]] bool retry_after(const AttemptEnd& end);
  void drop_attempt();
  void judge_answer(const http::ResponseHead& head, bool end);
  [[nodiscard]] bool waits_for_status(const http::ResponseHead& head, bool end) const;
  void release_head();
  void judge_grpc(std::string_view status);
  void send_answer(http::ResponseHead&& head, bool end);
  void tell_session(http::Headers& answer);
  void note_response_end();
  void end_tunnel();
  void end_when_sent();
  void fail(const Error& error);
  void note_flags(const LocalReply& reply, const Error& error);
  [[nodiscard]] AttemptEnd describe_failure(const Error& error) const;
  // What few routes ask for (exchange_shaping.cc)
  [[nodiscard]] bool wants_extras() const {
    return route_->extras != nullptr || !origin_.http->faults.empty();
  }
  [[nodiscard]] bool fell_back() const {
    return extras_ != nullptr && !extras_->fell_back_from.empty();
  }
  [[nodiscard]] bool keeps_body_for_fallback() const {
    return extras_ != nullptr && extras_->settings != nullptr && extras_->settings->fallback &&
           !extras_->settings->fallback->cluster.empty();
  }
  [[nodiscard]] bool begin_extras();
  [[nodiscard]] bool answer_cors(const config::CorsPolicy& policy);
  [[nodiscard]] bool within_limits();
  void refuse_for(const config::RateLimit& limit, Duration wait);
  [[nodiscard]] std::uint64_t limit_key(const config::RateLimit& limit) const;
  void draw_route_faults();
  [[nodiscard]] bool delay_goes_on();
  [[nodiscard]] bool inject_ending();
  void note_fault(telemetry::FaultKind kind, telemetry::Flag flag);
  void begin_mirrors();
  void feed_mirrors(const Buffer& bytes, bool end);
  void feed_mirrors(const http::Headers& trailers);
  void mark_answer(http::ResponseHead& head);
  void begin_slow_body();
  void send_slowly();
  void on_extras_timer();
  void consider_fallback();
  [[nodiscard]] bool falls_back_after(const PeerCause& peer);
  [[nodiscard]] bool fall_back(std::uint8_t reasons);
  [[nodiscard]] bool fall_back_to(const std::string& cluster);
  void fall_back_to(const config::Fallback::Response& response);
  void begin_attempts();
  // Recording (exchange_record.cc)
  void fill(telemetry::AccessRecord& record) const;
  void write_logs(const telemetry::AccessRecord& record);
  void write_spans(const telemetry::AccessRecord& record);
  void write_attempt_span();
  [[nodiscard]] telemetry::TraceContext attempt_context() const;
  [[nodiscard]] telemetry::SamplingOptions sampling_options() const;

  const Services& services_;
  Owner& owner_;
  const Origin& origin_;
  std::unique_ptr<http::ServerStream> stream_;
  http::RequestHead head_;
  Step step_ = Step::kRoute;

  // What was decided.
  LiveTableRef table_;
  const config::VirtualHost* host_ = nullptr;
  const config::Route* route_ = nullptr;
  const config::ForwardAction* forward_ = nullptr;
  const config::WeightedCluster* chosen_ = nullptr;
  upstream::ClusterRef cluster_;
  upstream::Tried tried_;
  RequestHash hash_;                        // for clusters that balance by it
  std::optional<std::uint64_t> session_;    // as the request tells it
  upstream::Endpoint* endpoint_ = nullptr;  // of the current attempt
  std::unique_ptr<Attempt> attempt_;
  std::uint64_t generation_ = 0;
  std::optional<config::Priority> priority_asked_;  // by x-weft-priority of somebody believed
  config::Priority priority_ = config::Priority::kNormal;  // where it waits
  std::unique_ptr<ExchangeExtras> extras_;                 // null for most

  // The request's body: while it may be replayed everything since its start, otherwise what has not
  // been given on.
  Buffer held_;
  std::size_t given_ = 0;  // of held_, to the current attempt, while replayable
  std::optional<http::Headers> request_trailers_;
  std::size_t attempt_sent_ = 0;  // body bytes of the current attempt that have left
  std::size_t consumed_ = 0;      // credit given back downstream
  std::size_t counted_ = 0;       // bytes of both bodies in the gauge
  bool request_ends_with_head_;
  bool request_ended_;
  bool end_given_ = false;
  bool replayable_ = true;

  // The answer.
  Error failure_;  // why we answer ourselves
  // Of a redirect or direct response; or of an answer whose trailers may be a reason to try again.
  http::ResponseHead local_head_;
  std::string_view local_body_;
  bool local_answer_ready_ = false;
  bool head_held_ = false;
  std::uint16_t status_ = 0;  // as sent
  std::int8_t grpc_status_ = telemetry::AccessRecord::kNoGrpcStatus;
  bool response_started_ = false;
  bool response_ended_ = false;
  bool tunnel_ = false;  // the answer made it one: each direction ends on its own
  bool is_grpc_ = false;
  bool deadline_of_call_ = false;  // the request timer is the caller's deadline, streams included
  bool retry_counted_ = false;     // a retry is counted against the cluster now
  bool tunnel_counted_ = false;    // a tunnel is, or what may become one
  std::uint8_t replays_ = 0;       // by courtesy, at most kReplaysOfOwnApp
  // FallbackOn bits: why no further try followed the last one that a policy would have repeated.
  std::uint8_t gave_up_for_ = 0;
  bool refused_by_us_ = false;  // the stream was reset instead of answered
  bool ends_connect_ = false;   // CONNECT ends here: the upstream gets its bytes and no head
  telemetry::ResponseFlags flags_;
  telemetry::Cause cause_ = telemetry::Cause::kNone;
  telemetry::Cause refused_for_ = telemetry::Cause::kNone;  // more exact than failure_'s fault
  std::string details_;

  // Figures.
  TimePoint started_;
  TimePoint head_at_{};
  TimePoint upstream_began_{};
  Duration queued_{0};
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint32_t attempts_ = 0;
  std::uint32_t retries_ = 0;
  std::uint16_t attempt_status_ = 0;  // of the current attempt, as it came
  std::string upstream_address_;
  telemetry::PeerId upstream_peer_ = telemetry::PeerId::kUnknown;
  upstream::Cluster::Labels labels_;
  telemetry::TraceContext trace_;   // our server span
  telemetry::SpanId attempt_span_;  // of the current attempt
  telemetry::PeerId source_ = telemetry::PeerId::kUnknown;
  std::string_view request_id_;
  std::string_view expected_ms_;  // x-envoy-expected-rq-timeout-ms, as it came

  // Time limits.
  Duration idle_limit_{0};
  Duration last_backoff_{0};
  Timer request_timer_;
  Timer body_timer_;  // until the request is whole or its answer begins
  Timer idle_timer_;
  Timer stream_timer_;
  Timer backoff_timer_;
  Timer hold_timer_;
};

}  // namespace weft::proxy
