#include "sidecar/proxy/attempt.h"

#include <utility>

#include "sidecar/proxy/raw_stream.h"

namespace weft::proxy {

using telemetry::AttemptResult;
using upstream::Verdict;

namespace {

// A good head of a stream that goes on is a success for the endpoint after this long, so that a
// watch can close a circuit breaker (behaviour.md 5).
constexpr Duration kGoodHeadCounts = std::chrono::seconds(1);

struct Judgement {
  Verdict verdict;
  AttemptResult result;
};

// What a failure without a usable answer says about the endpoint.
Judgement judgement_of(const Error& error) {
  switch (error.fault) {
    case Fault::kConnect:
    case Fault::kConnectTimeout:
      return {Verdict::kConnectFailure, AttemptResult::kConnectFailure};
    case Fault::kTlsHandshake:
    case Fault::kTlsTimeout:
    case Fault::kTlsIdentity:
      return {Verdict::kConnectFailure, AttemptResult::kTlsFailure};
    case Fault::kTimeout:
    case Fault::kIdle:
      return {Verdict::kTimeout, AttemptResult::kTimeout};
    case Fault::kRefused:
      return {Verdict::kReset, AttemptResult::kRefused};
    case Fault::kProtocol:
    case Fault::kFlood:
    case Fault::kHeadTooLarge:
      return {Verdict::kReset, AttemptResult::kProtocolError};
    // Our own limits and departures say nothing about the endpoint, nor does what it never offered.
    case Fault::kMethodUnsupported:
    case Fault::kLimit:
    case Fault::kCircuitOpen:
    case Fault::kOverload:
    case Fault::kDraining:
    case Fault::kCancelled:
      return {Verdict::kNeutral, AttemptResult::kCancelled};
    default:
      return {Verdict::kReset, AttemptResult::kReset};
  }
}

}  // namespace

upstream::Verdict verdict_of(std::uint16_t status) {
  if (status >= 502 && status <= 504) return upstream::Verdict::kGatewayError;
  if (status >= 500) return upstream::Verdict::kServerError;
  return status == 429 ? upstream::Verdict::kRateLimited : upstream::Verdict::kSuccess;
}

Attempt::Attempt(Turn& turn, Owner& owner, upstream::Cluster& cluster, upstream::Endpoint& endpoint,
                 const http::RequestHead& head, bool end, const Plan& plan)
    : turn_(turn),
      owner_(owner),
      cluster_(cluster),
      endpoint_(endpoint),
      head_(head),
      request_ends_with_head_(end),
      plan_(plan),
      time_limit_(turn.timers(), *this),
      head_limit_(turn.timers(), *this),
      verdict_limit_(turn.timers(), *this) {}

Attempt::~Attempt() { give_up(); }

void Attempt::give_up() {
  if (state_ == State::kIdle || state_ == State::kOver) return;
  // Before any verdict: the client left, or another answer won.
  count(AttemptResult::kCancelled);
  judge(Verdict::kNeutral);
  state_ = State::kOver;
  cancel_timers();
  ticket_.reset();
  dial_.reset();
  // The next attempt may begin in this turn; it must not find our place still taken.
  permit_.release();
}

void Attempt::cancel_timers() {
  time_limit_.cancel();
  head_limit_.cancel();
  verdict_limit_.cancel();
}

Status Attempt::start() {
  WEFT_ASSERT(state_ == State::kIdle);
  Result<upstream::Permit> permit = cluster_->admit(endpoint_);
  if (!permit) return weft::fail(permit.error());
  permit_ = std::move(*permit);
  started_ = turn_.now();
  if (plan_.caller != nullptr) return dial();
  upstream::Acquired acquired = cluster_->acquire(endpoint_, *this, plan_.priority);
  if (auto* refused = std::get_if<Error>(&acquired)) return weft::fail(std::move(*refused));
  if (plan_.time_limit > Duration::zero()) time_limit_.arm(plan_.time_limit);
  if (permit_.trial()) verdict_limit_.arm(cluster_->config().breaker->open_for);
  state_ = State::kWaiting;
  if (auto* ticket = std::get_if<std::unique_ptr<upstream::Ticket>>(&acquired)) {
    ticket_ = std::move(*ticket);
  } else {
    open(*std::get<http::ClientConnection*>(acquired));
  }
  return {};
}

Status Attempt::dial() {
  Result<std::unique_ptr<Dial>> begun = cluster_->dial(endpoint_, *plan_.caller, *this);
  if (!begun) return weft::fail(std::move(begun.error()));
  if (plan_.time_limit > Duration::zero()) time_limit_.arm(plan_.time_limit);
  state_ = State::kWaiting;
  dial_ = std::move(*begun);
  return {};
}

void Attempt::note_open() {
  state_ = State::kStreaming;
  opened_ = turn_.now();
  waited_ = opened_ - started_;
}

void Attempt::open(http::ClientConnection& connection) {
  note_open();
  stream_ = connection.open(head_, request_ends_with_head_, *this);
  reused_ = stream_->reused_connection();
  if (request_ends_with_head_) request_sent();
}

void Attempt::request_sent() {
  if (plan_.head_limit > Duration::zero() && !head_received_) head_limit_.arm(plan_.head_limit);
}

void Attempt::on_connection_ready(http::ClientConnection& connection) {
  WEFT_ASSERT(state_ == State::kWaiting);
  open(connection);
  owner_.on_attempt_open(*this);
}

// The connection is the answer: whoever asked for it hears 200, as from Envoy.
void Attempt::on_dialed(std::unique_ptr<Transport> transport) {
  WEFT_ASSERT(state_ == State::kWaiting);
  turn_.retire(std::move(dial_));
  note_open();
  stream_ = std::make_unique<RawStream>(turn_, std::move(transport), *this);
  owner_.on_attempt_open(*this);
  on_response_head(http::ResponseHead(), false);
}

void Attempt::on_dial_failed(const Error& error) {
  WEFT_ASSERT(state_ == State::kWaiting);
  turn_.retire(std::move(dial_));
  on_ticket_failed(error);
}

void Attempt::on_ticket_failed(const Error& error) {
  WEFT_ASSERT(state_ == State::kWaiting);
  const Judgement judgement = judgement_of(error);
  fail(error, judgement.verdict, judgement.result);
}

void Attempt::on_informational(http::ResponseHead&& head) {
  if (state_ == State::kStreaming) owner_.on_attempt_informational(std::move(head));
}

void Attempt::on_response_head(http::ResponseHead&& head, bool end) {
  if (state_ != State::kStreaming) return;
  head_received_ = true;
  stop_waiting();
  cancel_timers();
  owner_.on_attempt_head(std::move(head), end);
  if (state_ == State::kStreaming && !judged_) verdict_limit_.arm(kGoodHeadCounts);
}

void Attempt::on_body(Buffer&& bytes, bool end) {
  if (state_ == State::kStreaming) owner_.on_attempt_body(std::move(bytes), end);
}

void Attempt::on_trailers(http::Headers&& trailers) {
  if (state_ == State::kStreaming) owner_.on_attempt_trailers(std::move(trailers));
}

void Attempt::on_sent(std::size_t body_bytes) {
  if (state_ == State::kStreaming) owner_.on_attempt_sent(body_bytes);
}

void Attempt::on_stream_fault(const Error& error) {
  if (state_ != State::kStreaming) return;
  const Judgement judgement = judgement_of(error);
  fail(error, judgement.verdict, judgement.result);
}

void Attempt::on_timer(Timer& timer) {
  if (state_ == State::kOver) return;
  if (&timer == &verdict_limit_) {
    if (head_received_) {
      report(Verdict::kSuccess);
    } else {
      permit_.trial_overdue();
    }
    return;
  }
  const bool whole = &timer == &time_limit_;
  fail(Error{Fault::kTimeout, Side::kUpstream,
             whole ? "attempt timeout" : "no response head in time"},
       Verdict::kTimeout, AttemptResult::kTimeout);
}

void Attempt::fail(const Error& error, Verdict verdict, AttemptResult result) {
  count(result);
  judge(verdict);
  state_ = State::kOver;
  cancel_timers();
  ticket_.reset();
  stream_.reset();
  permit_.release();
  owner_.on_attempt_failed(error);
}

void Attempt::judge(Verdict verdict) {
  if (std::exchange(judged_, true) || !permit_) return;
  report(verdict);
  if (verdict == Verdict::kSuccess || verdict == Verdict::kRateLimited) count(AttemptResult::kOk);
  if (verdict == Verdict::kServerError || verdict == Verdict::kGatewayError)
    count(AttemptResult::kServerError);
}

void Attempt::report(Verdict verdict) {
  if (std::exchange(reported_, true)) return;
  verdict_limit_.cancel();
  stop_waiting();
  permit_.report({verdict, heard_ - (opened_ == TimePoint{} ? started_ : opened_)});
}

void Attempt::stop_waiting() {
  if (heard_ != TimePoint{}) return;
  heard_ = turn_.now();
  if (permit_) cluster_->heard(endpoint_, heard_ - started_);
}

void Attempt::count(AttemptResult result) {
  if (std::exchange(counted_, true)) return;
  result_ = result;
  cluster_->metrics().attempts(result).add();
}

}  // namespace weft::proxy
