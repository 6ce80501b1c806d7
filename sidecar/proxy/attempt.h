#pragma once
// Attempt: one try of an exchange against one endpoint: a permit, a place in the pool's queue, a
// stream, the attempt's timers.
//
//   kIdle --start--> kWaiting --connection--> kStreaming --end, failure--> kOver
//        \---------- a connection was free --------^
//
// A CONNECT that ends here waits for a connection of its own instead, and has a RawStream on it.
//
// Owner: Exchange. Thread: its worker. Destroying it cancels whatever is under way: the ticket
// leaves the queue, an unfinished stream is reset, the permit goes back. It reports to the endpoint
// exactly once, however it ends.

#include <cstdint>
#include <memory>
#include <string>

#include "sidecar/core/dialer.h"
#include "sidecar/core/slab.h"
#include "sidecar/core/timers.h"
#include "sidecar/http/stream.h"
#include "sidecar/upstream/cluster.h"

namespace weft::proxy {

// What a status says of who answered with it; that of gRPC by the HTTP status that means the same.
[[nodiscard]] upstream::Verdict verdict_of(std::uint16_t status);

class Attempt final : public upstream::TicketHolder,
                      public DialHolder,
                      public http::ResponseSink,
                      public TimerSink,
                      public SlabAllocated<Attempt> {
 public:
  class Owner {
   public:
    // A stream was opened, later than start(): send what there is of the body.
    virtual void on_attempt_open(Attempt& attempt) = 0;
    virtual void on_attempt_informational(http::ResponseHead&& head) = 0;
    virtual void on_attempt_head(http::ResponseHead&& head, bool end) = 0;
    virtual void on_attempt_body(Buffer&& bytes, bool end) = 0;
    virtual void on_attempt_trailers(http::Headers&& trailers) = 0;
    virtual void on_attempt_sent(std::size_t body_bytes) = 0;
    // The last event. `error` has kTimeout for the attempt's own deadlines.
    virtual void on_attempt_failed(const Error& error) = 0;

   protected:
    ~Owner() = default;
  };

  struct Plan {
    // The request is a CONNECT that ends here: a connection of this caller's own, and no head on
    // it.
    const upstream::Caller* caller = nullptr;
    Duration time_limit{0};  // of the whole attempt, until its response head; zero: none
    Duration head_limit{0};  // from the end of the request to the response head; zero: none
    config::Priority priority = config::Priority::kNormal;  // where requests wait
  };

  // `head` outlives the attempt. `end`: the request has no body and no trailers.
  Attempt(Turn& turn, Owner& owner, upstream::Cluster& cluster, upstream::Endpoint& endpoint,
          const http::RequestHead& head, bool end, const Plan& plan);
  ~Attempt();

  // Admission, then a connection now or later. A refusal is returned and nothing else happens.
  Status start();
  [[nodiscard]] bool streaming() const { return state_ == State::kStreaming; }
  [[nodiscard]] http::ClientStream& stream() { return *stream_; }
  // The owner hears nothing more; for one that retires us, since a connection may tell more than
  // one thing in a turn.
  void give_up();
  // The whole request has been given to the stream: the head's deadline runs from here.
  void request_sent();

  [[nodiscard]] upstream::Endpoint& endpoint() { return endpoint_; }
  [[nodiscard]] bool reused_connection() const { return reused_; }
  [[nodiscard]] Duration waited() const { return waited_; }  // for a connection
  [[nodiscard]] TimePoint streaming_since() const { return opened_; }
  [[nodiscard]] TimePoint started() const { return started_; }
  [[nodiscard]] telemetry::AttemptResult result() const { return result_; }
  // Judged by the answer's head and, for gRPC, its trailers; the first verdict counts.
  void judge(upstream::Verdict verdict);

  // upstream::TicketHolder
  void on_connection_ready(http::ClientConnection& connection) override;
  void on_ticket_failed(const Error& error) override;
  // DialHolder
  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  // http::ResponseSink
  void on_informational(http::ResponseHead&& head) override;
  void on_response_head(http::ResponseHead&& head, bool end) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(http::Headers&& trailers) override;
  void on_sent(std::size_t body_bytes) override;
  void on_stream_fault(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kIdle, kWaiting, kStreaming, kOver };

  [[nodiscard]] Status dial();
  void open(http::ClientConnection& connection);
  void note_open();
  void fail(const Error& error, upstream::Verdict verdict, telemetry::AttemptResult result);
  void cancel_timers();
  void report(upstream::Verdict verdict);
  void count(telemetry::AttemptResult result);
  void stop_waiting();

  Turn& turn_;
  Owner& owner_;
  upstream::ClusterRef cluster_;
  upstream::Endpoint& endpoint_;
  const http::RequestHead& head_;
  const bool request_ends_with_head_;
  const Plan plan_;
  State state_ = State::kIdle;
  bool reused_ = false;
  bool head_received_ = false;
  bool judged_ = false;
  bool reported_ = false;
  bool counted_ = false;
  telemetry::AttemptResult result_ = telemetry::AttemptResult::kCancelled;
  TimePoint started_{};
  TimePoint opened_{};
  TimePoint heard_{};  // the head, or the end
  Duration waited_{0};
  upstream::Permit permit_;
  std::unique_ptr<upstream::Ticket> ticket_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<http::ClientStream> stream_;
  Timer time_limit_;
  Timer head_limit_;
  Timer verdict_limit_;  // a trial's head is overdue; a good head counts
};

}  // namespace weft::proxy
