#include "sidecar/proxy/exchange.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/buffer_budget.h"
#include "sidecar/http/grpc.h"
#include "sidecar/proxy/hop.h"
#include "sidecar/proxy/replies.h"
#include "sidecar/proxy/upgrades.h"

namespace weft::proxy {

using http::HeaderId;
using telemetry::Cause;
using telemetry::Flag;
using upstream::Verdict;

Exchange::Exchange(const Services& services, Owner& owner, const Origin& origin,
                   std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end)
    : services_(services),
      owner_(owner),
      origin_(origin),
      stream_(std::move(stream)),
      head_(std::move(head)),
      request_ends_with_head_(end),
      request_ended_(end),
      is_grpc_(head_.is_grpc()),
      started_(services.turn.now()),
      source_(origin.peer),
      request_timer_(services.turn.timers(), *this),
      body_timer_(services.turn.timers(), *this),
      idle_timer_(services.turn.timers(), *this),
      stream_timer_(services.turn.timers(), *this),
      backoff_timer_(services.turn.timers(), *this),
      hold_timer_(services.turn.timers(), *this) {
  stream_->set_sink(this);
}

Exchange::~Exchange() {
  count_held(0);
  if (retry_counted_) cluster_->retry_done();
  if (tunnel_counted_) cluster_->tunnel_done();
}

void Exchange::start() {
  const Duration patience = origin_.http->request_timeout;
  if (!request_ended_ && patience > Duration::zero()) body_timer_.arm(patience);
  advance();
}

void Exchange::advance() {
  for (Next next = Next::kGo; next == Next::kGo && step_ != Step::kDone;) {
    switch (step_) {
      case Step::kRoute:
        next = match_route();
        break;
      case Step::kAdmit:
        next = admit();
        break;
      case Step::kExtras:
        next = apply_extras();
        break;  // may wait for a delay
      case Step::kPick:
        next = pick_endpoint();
        break;
      case Step::kAcquire:
        next = acquire_stream();
        break;  // waits for on_attempt_open or on_attempt_failed
      case Step::kStream:
        next = stream_both();
        break;  // waits for the two ends
      case Step::kReply:
        next = reply_locally();
        break;  // waits until the answer has left
      case Step::kRecord:
        next = record();
        break;
      case Step::kDone:
        break;
    }
  }
  if (step_ == Step::kDone) owner_.on_exchange_done(*this);
}

// ---- pick and acquire ----

Exchange::Next Exchange::pick_endpoint() {
  upstream::PickContext context;
  context.tried = &tried_;
  context.original_destination =
      origin_.original_destination ? &*origin_.original_destination : nullptr;
  context.source = &origin_.caller.source;
  context.hash = hash_.value;
  context.session = session_;
  const bool lost =
      session_ && forward_->session->strict && cluster_->find_session(*session_) == nullptr;
  if (lost) cluster_->metrics().sessions(telemetry::SessionResult::kLost).add();
  endpoint_ = lost ? nullptr : cluster_->pick(context);
  if (endpoint_ == nullptr) {
    Error why = cluster_->why_none(context);
    if (why.fault == Fault::kDenied) {
      refused_for_ = telemetry::Cause::kEgressDenied;
    } else {
      cluster_->metrics().refused(telemetry::Refusal::kNoHealthyEndpoint).add();
    }
    return go_reply(std::move(why));
  }
  upstream_address_ = endpoint_->address_text();
  upstream_peer_ = endpoint_->peer();
  step_ = Step::kAcquire;
  return Next::kGo;
}

Exchange::Next Exchange::acquire_stream() {
  Attempt::Plan plan;
  const config::RouteTimeouts& timeouts = forward_->timeouts;
  plan.time_limit = forward_->retry.attempt_timeout > Duration::zero()
                        ? forward_->retry.attempt_timeout
                        : timeouts.attempt;
  if (!wanted_upgrade(head_).empty()) {
    if (Status admitted = admit_tunnel(); !admitted) return go_reply(admitted.error());
  } else if (!is_grpc_) {
    plan.head_limit = timeouts.head;
  }
  plan.priority = priority_;
  if (ends_connect_) plan.caller = &origin_.caller;
  write_attempt_fields();
  attempt_ = std::make_unique<Attempt>(services_.turn, *this, *cluster_, *endpoint_, head_,
                                       request_ends_with_head_, plan);
  if (Status started = attempt_->start(); !started) {
    // A limit of ours: trying elsewhere would only move the queue.
    drop_attempt();
    return go_reply(started.error());
  }
  ++attempts_;
  tried_.add(*endpoint_);
  attempt_status_ = 0;
  attempt_sent_ = 0;
  given_ = 0;
  end_given_ = request_ends_with_head_;
  step_ = Step::kStream;
  return Next::kGo;
}

// Before the origin has agreed, so that it never has more than it may; once for all attempts.
Status Exchange::admit_tunnel() {
  if (tunnel_counted_) return {};
  Status admitted = cluster_->admit_tunnel();
  tunnel_counted_ = admitted.has_value();
  return admitted;
}

// ---- stream ----

Exchange::Next Exchange::stream_both() {
  if (attempt_ != nullptr && attempt_->streaming()) {
    if (upstream_began_ == TimePoint{}) upstream_began_ = services_.turn.now();
    give_request_body();
  }
  return Next::kWait;
}

void Exchange::on_attempt_open(Attempt& attempt) {
  WEFT_ASSERT(attempt_.get() == &attempt && step_ == Step::kStream);
  queued_ += attempt.waited();
  advance();
}

void Exchange::give_request_body() {
  if (end_given_ || attempt_ == nullptr || !attempt_->streaming()) return;
  Buffer piece;
  if (replayable_) {
    piece = held_.share(given_, held_.size() - given_);
    given_ = held_.size();
  } else {
    piece = std::move(held_);
  }
  const bool ends = request_ended_ && !request_trailers_;
  if (!piece.empty() || ends) attempt_->stream().send_body(std::move(piece), ends);
  if (request_ended_ && request_trailers_) attempt_->stream().send_trailers(*request_trailers_);
  if (request_ended_) {
    end_given_ = true;
    attempt_->request_sent();
  }
}

void Exchange::on_body(Buffer&& bytes, bool end) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  bytes_in_ += bytes.size();
  request_ended_ = end;
  if (end) body_timer_.cancel();
  touch();
  if (step_ == Step::kReply) {
    // Nobody wants it any more; reading it off keeps the connection of use.
    stream_->consume(bytes.size());
    consumed_ += bytes.size();
    return;
  }
  if (extras_ != nullptr) feed_mirrors(bytes, end);
  held_.append(std::move(bytes));
  give_request_body();
  if (replayable_ && held_.size() > buffer_share(forward_->retry.replay_bytes_max) &&
      attempt_ != nullptr && attempt_->streaming()) {
    replayable_ = false;
    held_.drain(given_);
    given_ = 0;
  }
  count_held();
  end_tunnel();
}

void Exchange::on_trailers(http::Headers&& trailers) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  request_ended_ = true;
  body_timer_.cancel();
  if (extras_ != nullptr) feed_mirrors(trailers);
  request_trailers_ = std::move(trailers);
  give_request_body();
}

void Exchange::on_attempt_sent(std::size_t body_bytes) {
  touch();
  attempt_sent_ += body_bytes;
  // What a retry sends again was given back the first time.
  if (attempt_sent_ > consumed_) {
    stream_->consume(attempt_sent_ - consumed_);
    consumed_ = attempt_sent_;
    count_held();
  }
  end_tunnel();
}

// What is here of both bodies. Of the request: what has not left for good, or is kept for another
// attempt. Of the answer: what the caller has not taken.
void Exchange::count_held() {
  const std::size_t request =
      attempt_ != nullptr ? std::max(held_.size(), bytes_in_ - consumed_) : held_.size();
  const std::size_t slowed = extras_ != nullptr && extras_->slow ? extras_->slow->held() : 0;
  count_held(request + stream_->buffered() + slowed);
}

void Exchange::count_held(std::size_t now) {
  if (now == counted_) return;
  telemetry::ProxyMetrics& metrics = services_.shard.proxy();
  Gauge& in_use = metrics.self_limit_in_use(telemetry::SelfLimit::kBufferBytes);
  in_use.add(static_cast<std::int64_t>(now) - static_cast<std::int64_t>(counted_));
  metrics.self_limit_high_water(telemetry::SelfLimit::kBufferBytes).raise(in_use.value());
  counted_ = now;
}

void Exchange::on_attempt_informational(http::ResponseHead&& head) {
  touch();
  if (!response_started_) stream_->send_informational(head);
}

void Exchange::on_attempt_head(http::ResponseHead&& head, bool end) {
  WEFT_ASSERT(step_ == Step::kStream);
  touch();
  AttemptEnd outcome;
  outcome.kind = AttemptEnd::Kind::kHead;
  outcome.status = head.status;
  attempt_status_ = head.status;
  outcome.retry_after = wished_delay(head.headers);
  if (const auto grpc = head.headers.find(HeaderId::kGrpcStatus)) {
    if (const std::optional<std::uint64_t> number = parse_u64(*grpc)) {
      outcome.grpc_status = static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, 255));
    }
  }
  if (head_.version == http::Version::kHttp2 && !head_.protocol.empty() && head.status / 100 == 2) {
    // A good answer, but no switch (threats.md H1-17); by HTTP/2 the caller would take it for one.
    attempt_->judge(Verdict::kSuccess);
    fail(Error{Fault::kProtocol, Side::kUpstream, "the origin did not switch protocols"});
    return;
  }
  const bool mesh_peer = cluster_->config().mesh_peer;
  const auto told = mesh_peer ? head.headers.find(HeaderId::kXWeftCause) : std::nullopt;
  const PeerCause peer = told ? parse_peer_cause(*told) : PeerCause{};
  if (peer.unprocessed) outcome.kind = AttemptEnd::Kind::kUnprocessed;
  if (peer.neutral()) attempt_->judge(Verdict::kNeutral);
  judge_answer(head, end);
  const bool refusal_to_pass_on = peer.neutral() && !peer.unprocessed;
  if (!refusal_to_pass_on && retry_after(outcome)) return;
  if (extras_ != nullptr && falls_back_after(peer)) return;
  if (peer.cause != Cause::kNone) cause_ = peer.cause;
  if (waits_for_status(head, end)) {
    local_head_ = std::move(head);
    head_held_ = true;
    hold_timer_.arm(kHeadHeldMax);
    return;
  }
  send_answer(std::move(head), end);
}

// A gRPC status comes in trailers; once the head has gone on there is no trying again.
bool Exchange::waits_for_status(const http::ResponseHead& head, bool end) const {
  return is_grpc_ && !end && head.status == 200 && !head.headers.has(HeaderId::kGrpcStatus) &&
         retries_grpc_statuses(forward_->retry) && (replayable_ || request_ends_with_head_) &&
         retries_ < forward_->retry.attempts_extra;
}

void Exchange::release_head() {
  if (!std::exchange(head_held_, false)) return;
  hold_timer_.cancel();
  send_answer(std::move(local_head_), false);
  local_head_ = http::ResponseHead();
}

// The first of: a failing head, the end. A good head of a stream that goes on is judged at its end.
void Exchange::judge_answer(const http::ResponseHead& head, bool end) {
  if (const Verdict verdict = verdict_of(head.status); verdict != Verdict::kSuccess) {
    attempt_->judge(verdict);
  } else if (const auto grpc = head.headers.find(HeaderId::kGrpcStatus)) {
    judge_grpc(*grpc);
  } else if (end || !is_grpc_) {
    attempt_->judge(Verdict::kSuccess);
  }
}

void Exchange::judge_grpc(std::string_view number) {
  const http::GrpcStatus status =
      http::grpc_status_from(number).value_or(http::GrpcStatus::kUnknown);
  grpc_status_ = static_cast<std::int8_t>(status);
  attempt_->judge(verdict_of(http::http_status_of_grpc(status)));
}

void Exchange::send_answer(http::ResponseHead&& head, bool end) {
  if (!deadline_of_call_) request_timer_.cancel();
  body_timer_.cancel();
  head_at_ = services_.turn.now();
  response_started_ = true;
  status_ = head.status;
  tunnel_ = head.status == 101 || (head_.method == http::Method::kConnect && status_ / 100 == 2);
  if (tunnel_counted_ && !tunnel_) {
    tunnel_counted_ = false;
    cluster_->tunnel_done();
  }
  if (!cluster_->config().mesh_peer) {
    strip_mesh_fields(head.headers, Sender::kStranger);
  } else {
    head.headers.remove_if([told = origin_.verified_peer](const http::Field& field) {
      return field.id == HeaderId::kXWeftPeer ||
             (!told && (field.id == HeaderId::kXWeftCause || field.id == HeaderId::kXWeftRetry));
    });
  }
  const config::RouteConfig& table = table_->table().config();
  // A backend's belong to its route's: before them, or after where the most specific wins.
  if (chosen_ != nullptr && !table.most_specific_edits_win)
    apply_edits(chosen_->edits.response, head.headers);
  apply_levels(&config::HeaderEdits::response, *route_, host_, table, head.headers);
  if (chosen_ != nullptr && table.most_specific_edits_win)
    apply_edits(chosen_->edits.response, head.headers);
  if (!hash_.set_cookie.empty()) head.headers.add(HeaderId::kSetCookie, hash_.set_cookie);
  if (forward_->session != nullptr && !fell_back()) tell_session(head.headers);
  if (extras_ != nullptr) mark_answer(head);
  if (services_.draining) stream_->close_after();
  stream_->send_head(head, end);
  if (end) return note_response_end();
  if (extras_ != nullptr) begin_slow_body();
}

void Exchange::on_attempt_body(Buffer&& bytes, bool end) {
  if (step_ != Step::kStream) return;
  touch();
  if (!bytes.empty() || end) release_head();
  if (extras_ != nullptr && extras_->slow) {
    extras_->slow->add(std::move(bytes), end);
    return send_slowly();
  }
  bytes_out_ += bytes.size();
  stream_->send_body(std::move(bytes), end);
  count_held();
  if (end) note_response_end();
}

void Exchange::on_attempt_trailers(http::Headers&& trailers) {
  if (step_ != Step::kStream) return;
  if (const auto grpc = trailers.find(HeaderId::kGrpcStatus)) {
    judge_grpc(*grpc);
    if (head_held_) {
      AttemptEnd outcome;
      outcome.kind = AttemptEnd::Kind::kHead;
      outcome.status = attempt_status_;
      outcome.grpc_status = static_cast<std::uint32_t>(grpc_status_);
      outcome.retry_after = wished_delay(trailers);
      if (retry_after(outcome)) return;
      if (extras_ != nullptr && falls_back_after({})) return;
    }
  }
  release_head();
  trailers.remove(HeaderId::kXWeftCause);
  if (extras_ != nullptr && extras_->slow) {
    extras_->slow->add(std::move(trailers));
    return send_slowly();
  }
  stream_->send_trailers(trailers);
  note_response_end();
}

void Exchange::note_response_end() {
  response_ended_ = true;
  attempt_->judge(Verdict::kSuccess);
  if (tunnel_) return end_tunnel();
  // An answer before the end of the request: what is left of it concerns nobody (RFC 9110
  // section 7.5).
  drop_attempt();
  end_when_sent();
}

// When both directions have ended, and the bytes of the one upstream have left.
void Exchange::end_tunnel() {
  if (!tunnel_ || !request_ended_ || !response_ended_ || attempt_ == nullptr) return;
  if (attempt_->stream().buffered() != 0) return;
  drop_attempt();
  end_when_sent();
}

void Exchange::end_when_sent() {
  if (stream_->buffered() != 0) return;
  step_ = Step::kRecord;
  advance();
}

void Exchange::on_sent(std::size_t body_bytes) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  touch();
  if (attempt_ != nullptr && attempt_->streaming() && !response_ended_)
    attempt_->stream().consume(body_bytes);
  count_held();
  if (response_ended_ && attempt_ == nullptr) end_when_sent();
}

void Exchange::on_stream_fault(const Error& error) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  // The caller has gone, or broke the protocol; nobody is there to be answered.
  const LocalReply gone = reply_for(Error{Fault::kCancelled, Side::kDownstream, {}});
  if (cause_ == Cause::kNone) cause_ = gone.cause;
  flags_.set(error.fault == Fault::kReset || error.fault == Fault::kCancelled
                 ? Flag::kDownstreamRemoteReset
                 : Flag::kDownstreamClosed);
  if (details_.empty()) details_ = to_string(error);
  drop_attempt();
  step_ = Step::kRecord;
  advance();
}

void Exchange::abandon() {
  WEFT_ASSERT(step_ != Step::kDone);
  const Error error{Fault::kDraining, Side::kLocal, "the drain's time was up"};
  note_flags(reply_for(error), error);
  drop_attempt();
  step_ = Step::kRecord;
  advance();
}

// ---- record ----

Exchange::Next Exchange::record() {
  request_timer_.cancel();
  body_timer_.cancel();
  idle_timer_.cancel();
  stream_timer_.cancel();
  backoff_timer_.cancel();
  hold_timer_.cancel();
  if (extras_ != nullptr) extras_->timer.cancel();
  telemetry::AccessRecord record;
  fill(record);
  count_held(0);
  services_.shard.record(record);
  write_logs(record);
  write_spans(record);
  step_ = Step::kDone;
  return Next::kGo;
}

}  // namespace weft::proxy
