// What an exchange does when an attempt or a time limit fails: try again, answer itself, or break
// off.

#include <algorithm>
#include <utility>

#include "sidecar/http/grpc.h"
#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/hop.h"
#include "sidecar/proxy/replies.h"

namespace weft::proxy {

using http::HeaderId;
using telemetry::Cause;
using telemetry::Flag;
using upstream::Verdict;

// ---- retry ----

namespace {

// Whether a failure that would have been repeated found no try left, rather than that it may not be
// repeated at all.
bool exhausts(telemetry::RetryDenied denied) {
  switch (denied) {
    case telemetry::RetryDenied::kAttempts:
    case telemetry::RetryDenied::kDeadline:
    case telemetry::RetryDenied::kRetryAfter:
    case telemetry::RetryDenied::kBudget:
    case telemetry::RetryDenied::kBreaker:
    case telemetry::RetryDenied::kLimit:
      return true;
    case telemetry::RetryDenied::kMethod:
    case telemetry::RetryDenied::kBodyTooLarge:
    case telemetry::RetryDenied::kResponseStarted:
      return false;
  }
  return false;
}

}  // namespace

AttemptEnd Exchange::describe_failure(const Error& error) const {
  AttemptEnd end;
  switch (error.fault) {
    case Fault::kConnect:
    case Fault::kConnectTimeout:
    case Fault::kTlsHandshake:
    case Fault::kTlsTimeout:
    case Fault::kRefused:
    case Fault::kDraining:
      end.kind = AttemptEnd::Kind::kUnprocessed;
      break;
    case Fault::kTimeout:
      end.kind = AttemptEnd::Kind::kTimeout;
      break;
    default:
      end.kind = AttemptEnd::Kind::kReset;
      break;
  }
  // With a head there was a request to answer; an idle connection that closes has none.
  end.reused_connection = attempt_ != nullptr && attempt_->reused_connection() && !head_held_;
  end.own_app = origin_.direction == telemetry::Direction::kInbound && !head_held_;
  return end;
}

void Exchange::on_attempt_failed(const Error& error) {
  WEFT_ASSERT(step_ == Step::kStream);
  if (!attempt_->streaming()) queued_ += attempt_->waited();
  // Trying elsewhere would only move the queue; nor does another endpoint speak another protocol.
  const bool final = error.fault == Fault::kLimit || error.fault == Fault::kCircuitOpen ||
                     error.fault == Fault::kOverload || error.fault == Fault::kMethodUnsupported;
  if (!response_started_ && !final && retry_after(describe_failure(error))) return;
  fail(error);
}

bool Exchange::retry_after(const AttemptEnd& end) {
  RetryFacts facts;
  facts.method = head_.method;
  facts.replayable = replayable_ || request_ends_with_head_;
  facts.response_started = response_started_;
  facts.replays = replays_;
  facts.retries_done = retries_;
  if (request_timer_.armed()) facts.time_left = request_timer_.deadline() - services_.turn.now();
  const RetryDecision decision = decide_retry(forward_->retry, end, facts);
  gave_up_for_ = 0;
  if (decision.denied) {
    if (exhausts(*decision.denied)) gave_up_for_ = config::kOnRetriesExhausted;
    cluster_->metrics().retries_denied(*decision.denied).add();
    if (*decision.denied == telemetry::RetryDenied::kAttempts && retries_ != 0)
      flags_.set(Flag::kRetryLimitExceeded);
  }
  if (!decision.retry) return false;
  if (retry_counted_) {
    cluster_->retry_done();
    retry_counted_ = false;
  }
  if (decision.courtesy) {
    ++replays_;
  } else {
    // The failure that we have says more than a refusal of ours would.
    if (cluster_->circuit_open()) {
      cluster_->metrics().retries_denied(telemetry::RetryDenied::kBreaker).add();
      gave_up_for_ = config::kOnRetriesExhausted | config::kOnCircuitOpen;
      return false;
    }
    if (!cluster_->admit_retry()) {
      gave_up_for_ = config::kOnRetriesExhausted;
      return false;
    }
    retry_counted_ = true;
    ++retries_;
  }
  cluster_->metrics().retries(decision.reason).add();
  drop_attempt();
  step_ = Step::kPick;
  if (decision.courtesy) {
    advance();
    return true;
  }
  last_backoff_ = backoff_delay(forward_->retry, retries_ - 1, last_backoff_, services_.random);
  const Duration wait = std::max(last_backoff_, decision.delay_min);
  services_.shard.proxy().retry_backoff.observe(wait);
  backoff_timer_.arm(wait);
  return true;
}

// Inside the attempt's own events it must outlive its caller by a moment.
void Exchange::drop_attempt() {
  if (attempt_ == nullptr) return;
  if (std::exchange(head_held_, false)) {
    hold_timer_.cancel();
    local_head_ = http::ResponseHead();
  }
  attempt_->give_up();
  write_attempt_span();
  services_.turn.retire(std::move(attempt_));
}

void Exchange::fail(const Error& error) {
  drop_attempt();
  if (!response_started_) {
    (void)go_reply(error);
    advance();
    return;
  }
  // Too late for an answer: the client must see that this one is not whole.
  const LocalReply reply = reply_for(error);
  note_flags(reply, error);
  stream_->reset(http::ResetReason::kInternal);
  step_ = Step::kRecord;
  advance();
}

void Exchange::note_flags(const LocalReply& reply, const Error& error) {
  flags_ = telemetry::ResponseFlags::from_bits(flags_.bits() | reply.flags.bits());
  cause_ = reply.cause;
  details_ = to_string(error);
}

void Exchange::on_timer(Timer& timer) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  if (extras_ != nullptr && &timer == &extras_->timer) {
    on_extras_timer();
    return;
  }
  if (&timer == &backoff_timer_) {
    advance();
    return;
  }
  if (&timer == &hold_timer_) {
    release_head();
    return;
  }
  if (&timer == &body_timer_) {
    // The caller's fault: it says nothing about the endpoint, and another try would not help.
    backoff_timer_.cancel();
    if (attempt_ != nullptr) attempt_->judge(Verdict::kNeutral);
    fail(Error{Fault::kTimeout, Side::kDownstream, "the request took too long to come whole"});
    return;
  }
  Error error{Fault::kTimeout, Side::kUpstream, "request timeout"};
  if (&timer == &idle_timer_)
    error = Error{Fault::kIdle, Side::kUpstream, "nothing moved for too long"};
  if (&timer == &stream_timer_) {
    error = Error{Fault::kTimeout, Side::kUpstream, "the stream lasted too long"};
    flags_.set(Flag::kUpstreamMaxStreamDuration);
  }
  if (step_ == Step::kReply) {
    // Our own answer is not being taken.
    stream_->reset(http::ResetReason::kCancel);
    step_ = Step::kRecord;
    advance();
    return;
  }
  backoff_timer_.cancel();
  if (attempt_ != nullptr) attempt_->judge(Verdict::kTimeout);
  fail(error);
}

// ---- reply ----

namespace {

void add_retry_after(http::ResponseHead& answer, bool grpc, Duration left) {
  if (grpc) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left);
  answer.headers.add(
      HeaderId::kRetryAfter,
      answer.headers.copy(std::to_string(std::max<std::int64_t>(seconds.count(), 1))));
}

}  // namespace

Exchange::Next Exchange::reply_locally() {
  WEFT_ASSERT(!response_started_);
  backoff_timer_.cancel();
  request_timer_.cancel();
  body_timer_.cancel();
  if (extras_ != nullptr) extras_->timer.cancel();
  head_at_ = services_.turn.now();
  response_started_ = true;
  response_ended_ = true;
  // Whatever of the body is here or comes is read off.
  if (const std::size_t unread = bytes_in_ - consumed_; unread != 0) {
    stream_->consume(unread);
    consumed_ = bytes_in_;
  }
  held_.clear();
  if (idle_limit_ == Duration::zero()) idle_limit_ = origin_.http->timeouts.stream_idle;
  touch();
  if (services_.draining) stream_->close_after();
  if (local_answer_ready_) {
    if (route_ != nullptr) apply_edits(route_->edits.response, local_head_.headers);
    if (host_ != nullptr) apply_edits(host_->edits.response, local_head_.headers);
    if (extras_ != nullptr) mark_answer(local_head_);
    status_ = local_head_.status;
    local_head_.content_length = local_body_.size();
    const bool bodyless = local_body_.empty() || http::response_has_no_body(head_.method, status_);
    stream_->send_head(local_head_, bodyless);
    if (!bodyless) {
      bytes_out_ += local_body_.size();
      stream_->send_body(Buffer(local_body_), true);
    }
  } else {
    const bool made = extras_ != nullptr && extras_->reply;
    LocalReply reply = made ? *extras_->reply : reply_for(failure_);
    const std::string_view said = made ? telemetry::name_of(reply.cause) : name_of(failure_.fault);
    if (failure_.fault == Fault::kNoCluster && forward_ != nullptr)
      reply.status = forward_->cluster_not_found_status;
    if (refused_for_ != Cause::kNone) reply.cause = refused_for_;
    note_flags(reply, failure_);
    if (made) details_ = failure_.detail;
    const bool app_unreachable = cluster_ && cluster_->config().local_app && reply.unprocessed &&
                                 reply.cause == Cause::kConnectFailure;
    if (app_unreachable && origin_.verified_peer && head_.version == http::Version::kHttp2) {
      // Proof for the caller that its request reached no application, so that it may try another
      // instance (decisions D14).
      status_ = reply.status;
      stream_->reset(http::ResetReason::kRefused);
      step_ = Step::kRecord;
      return Next::kGo;
    }
    http::ResponseHead answer;
    if (is_grpc_) {
      answer = http::make_trailers_only(static_cast<http::GrpcStatus>(reply.grpc_status), said);
      grpc_status_ = reply.grpc_status;
    } else {
      answer.status = reply.status;
      local_body_ = answer.headers.copy(std::string(said) + "\n");
      answer.headers.add(HeaderId::kContentType, "text/plain");
      answer.content_length = local_body_.size();
    }
    status_ = answer.status;
    if (origin_.verified_peer) {
      std::string cause(telemetry::name_of(reply.cause));
      if (reply.unprocessed) cause += ";unprocessed";
      answer.headers.add(HeaderId::kXWeftCause, answer.headers.copy(cause));
      if (app_unreachable) answer.headers.add(HeaderId::kXWeftRetry, "safe");
    }
    if (failure_.fault == Fault::kCircuitOpen)
      add_retry_after(answer, is_grpc_, cluster_->circuit_open_for());
    if (failure_.fault == Fault::kRateLimited && extras_ != nullptr)
      add_retry_after(answer, is_grpc_, extras_->retry_after);
    if (extras_ != nullptr) mark_answer(answer);
    if (!request_id_.empty())
      answer.headers.add(HeaderId::kXRequestId, answer.headers.copy(request_id_));
    const bool bodyless = is_grpc_ || head_.method == http::Method::kHead;
    // The body is copied into the stream before the head's arena goes.
    stream_->send_head(answer, bodyless);
    if (!bodyless) {
      bytes_out_ += local_body_.size();
      stream_->send_body(Buffer(local_body_), true);
    }
    local_body_ = {};
  }
  count_held();
  if (stream_->buffered() != 0) return Next::kWait;
  step_ = Step::kRecord;
  return Next::kGo;
}

}  // namespace weft::proxy
