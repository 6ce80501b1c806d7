#include "sidecar/proxy/exchange.h"

#include <algorithm>
#include <utility>

#include "sidecar/http/grpc.h"
#include "sidecar/proxy/hop.h"
#include "sidecar/proxy/replies.h"

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
      idle_timer_(services.turn.timers(), *this),
      stream_timer_(services.turn.timers(), *this),
      backoff_timer_(services.turn.timers(), *this) {
  stream_->set_sink(this);
}

Exchange::~Exchange() {
  if (retry_counted_) cluster_->retry_done();
}

void Exchange::start() { advance(); }

void Exchange::advance() {
  for (Next next = Next::kGo; next == Next::kGo && step_ != Step::kDone;) {
    switch (step_) {
      case Step::kRoute:
        next = match_route();
        break;
      case Step::kAdmit:
        next = admit();
        break;
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

// ---- route ----

Exchange::Next Exchange::match_route() {
  const View& view = *services_.view;
  generation_ = view.snapshot().generation;
  strip_mesh_fields(head_.headers, origin_.verified_peer);
  if (origin_.verified_peer) {
    if (const auto told = head_.headers.find(HeaderId::kXWeftPeer))
      source_ = owner_.peer_told(*told);
  }
  read_trace();
  table_ = view.table(origin_.route_key);
  if (!table_)
    return go_reply(
        Error{Fault::kNoRoute, Side::kLocal, "routes '" + origin_.route_key + "' are not here"});
  const config::RouteTable::Match match = table_->table().match(head_, services_.random);
  host_ = match.host;
  route_ = match.route;
  if (route_ == nullptr) {
    return go_reply(Error{Fault::kNoRoute, Side::kLocal,
                          host_ == nullptr ? "no such host" : "no route for this path"});
  }
  if (const auto* direct = std::get_if<config::DirectResponse>(&route_->action)) {
    prepare_direct(*direct);
    step_ = Step::kReply;
    return Next::kGo;
  }
  if (const auto* redirect = std::get_if<config::RedirectAction>(&route_->action)) {
    prepare_redirect(*redirect);
    step_ = Step::kReply;
    return Next::kGo;
  }
  forward_ = &std::get<config::ForwardAction>(route_->action);
  return choose_cluster(*forward_);
}

Exchange::Next Exchange::choose_cluster(const config::ForwardAction& action) {
  std::string_view name;
  if (!action.cluster_header.empty()) {
    const auto value = head_.headers.find(action.cluster_header);
    if (!value)
      return go_reply(Error{Fault::kNoRoute, Side::kLocal, "no header " + action.cluster_header});
    name = *value;
  } else {
    // The split is decided once; retries stay in the chosen group.
    chosen_ = &action.clusters[action.splits() ? table_->choose(*route_) : 0];
    name = chosen_->cluster;
  }
  cluster_ = services_.clusters.find(name);
  if (!cluster_)
    return go_reply(
        Error{Fault::kNoCluster, Side::kLocal, "unknown cluster '" + std::string(name) + "'"});
  labels_ = cluster_->labels();
  step_ = Step::kAdmit;
  return Next::kGo;
}

Exchange::Next Exchange::go_reply(Error error) {
  failure_ = std::move(error);
  step_ = Step::kReply;
  return Next::kGo;
}

void Exchange::prepare_direct(const config::DirectResponse& direct) {
  local_head_.status = direct.status;
  if (!direct.body.empty()) local_head_.headers.add_copy("content-type", direct.content_type);
  local_body_ = direct.body;  // lives in the table
  local_answer_ready_ = true;
  cause_ = Cause::kDirectResponse;
}

void Exchange::prepare_redirect(const config::RedirectAction& redirect) {
  local_head_.status = redirect.status;
  local_head_.headers.add(HeaderId::kLocation, redirect_location(*route_, redirect, head_));
  local_answer_ready_ = true;
  cause_ = Cause::kRedirect;
}

// ---- admit ----

Exchange::Next Exchange::admit() {
  if (services_.draining && request_ends_with_head_) stream_->close_after();
  if (!read_deadline())
    return go_reply(Error{Fault::kTimeout, Side::kUpstream, "the caller's deadline had passed"});
  const config::RouteTimeouts& timeouts = forward_->timeouts;
  idle_limit_ =
      timeouts.idle > Duration::zero() ? timeouts.idle : origin_.http->timeouts.stream_idle;
  if (idle_limit_ > Duration::zero()) touch();
  if (timeouts.stream_max > Duration::zero()) stream_timer_.arm(timeouts.stream_max);
  replayable_ = forward_->retry.on != 0;
  write_upstream_fields();
  cluster_->count_request();
  step_ = Step::kPick;
  return Next::kGo;
}

void Exchange::read_trace() {
  // The common request has neither; one pass over the fields finds all of them.
  telemetry::TraceHeaders headers;
  for (const http::Field& field : head_.headers) {
    switch (field.id) {
      case HeaderId::kTraceparent:
        headers.traceparent = headers.traceparent.empty() ? field.value : "twice";
        break;
      case HeaderId::kTracestate:
        headers.tracestate = field.value;
        break;
      case HeaderId::kB3:
        headers.b3 = field.value;
        break;
      case HeaderId::kXB3Traceid:
        headers.b3_trace_id = field.value;
        break;
      case HeaderId::kXB3Spanid:
        headers.b3_span_id = field.value;
        break;
      case HeaderId::kXB3Parentspanid:
        headers.b3_parent_span_id = field.value;
        break;
      case HeaderId::kXB3Sampled:
        headers.b3_sampled = field.value;
        break;
      case HeaderId::kXB3Flags:
        headers.b3_flags = field.value;
        break;
      case HeaderId::kXRequestId:
        request_id_ = field.value;
        break;
      default:
        break;
    }
  }
  trace_ = telemetry::make_child(telemetry::parse_trace_context(headers), services_.random);
  const config::Tracing& tracing = origin_.http->tracing;
  if (trace_.sampling == telemetry::Sampling::kUndecided) {
    // A sidecar that traces nothing leaves the decision to the next one.
    if (tracing.enabled)
      trace_.sampling = services_.sampler.decide(trace_, sampling_options(), services_.turn.now());
  }
  if (request_id_.empty() && origin_.http->generate_request_id) {
    request_id_ = make_request_id(head_.headers, services_.random.next(), services_.random.next());
    head_.headers.add(HeaderId::kXRequestId, request_id_);
  }
}

telemetry::SamplingOptions Exchange::sampling_options() const {
  const config::Tracing& tracing = origin_.http->tracing;
  telemetry::SamplingOptions options;
  options.ratio = tracing.random_sampling / 100.0;
  options.roots_per_second = tracing.roots_per_second;
  options.failures_per_second = tracing.failures_per_second;
  return options;
}

bool Exchange::read_deadline() {
  const config::RouteTimeouts& timeouts = forward_->timeouts;
  Duration limit = timeouts.request;
  const auto shorten = [&](Duration wanted) {
    if (limit <= Duration::zero() || wanted < limit) limit = wanted;
  };
  if (timeouts.honour_grpc_timeout && is_grpc_) {
    if (const auto text = head_.headers.find(HeaderId::kGrpcTimeout)) {
      if (const std::optional<Duration> wanted = http::parse_grpc_timeout(*text)) {
        const Duration most = timeouts.grpc_timeout_max;
        shorten(most > Duration::zero() ? std::min(*wanted, most) : *wanted);
      }
    }
  }
  if (origin_.verified_peer) {
    if (const auto text = head_.headers.find(HeaderId::kXWeftDeadline)) {
      const std::optional<std::uint64_t> ms = parse_u64(*text);
      if (ms && *ms == 0) return false;
      if (ms && *ms < 86'400'000) shorten(std::chrono::milliseconds(*ms));
    }
  }
  if (limit > Duration::zero()) request_timer_.arm(limit);
  return true;
}

void Exchange::write_upstream_fields() {
  http::Headers& headers = head_.headers;
  apply_edits(route_->edits.request, headers);
  if (host_ != nullptr) apply_edits(host_->edits.request, headers);
  apply_edits(table_->table().config().edits.request, headers);
  if (chosen_ != nullptr) apply_edits(chosen_->edits.request, headers);
  rewrite_request(*route_, *forward_, head_);
  headers.remove(HeaderId::kXWeftPeer);
  headers.remove(HeaderId::kXWeftDeadline);
  if (cluster_->config().mesh_peer) headers.add(HeaderId::kXWeftPeer, origin_.local_peer_text);
}

void Exchange::write_attempt_fields() {
  http::Headers& headers = head_.headers;
  if (cluster_->config().mesh_peer && request_timer_.armed()) {
    // What is left, never a point in time: clocks differ.
    const Duration left = request_timer_.deadline() - services_.turn.now();
    const auto ms = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    headers.set(HeaderId::kXWeftDeadline, headers.copy(std::to_string(ms)));
  }
  // Every attempt is a span of its own and names itself as the callee's parent.
  attempt_span_ = telemetry::make_span_id(services_.random);
  const telemetry::TraceContext context = attempt_context();
  const telemetry::TraceHeaderText text(context);
  const auto write = [&](HeaderId id, std::string_view value) {
    if (value.empty()) {
      headers.remove(id);
    } else {
      headers.set(id, headers.copy(value));
    }
  };
  write(HeaderId::kTraceparent, text.traceparent());
  if (!trace_.keep_tracestate) headers.remove(HeaderId::kTracestate);
  if (context.formats.b3_single || context.formats.b3_multi) {
    write(HeaderId::kB3, text.b3());
    write(HeaderId::kXB3Traceid, text.b3_trace_id());
    write(HeaderId::kXB3Spanid, text.b3_span_id());
    write(HeaderId::kXB3Parentspanid, text.b3_parent_span_id());
    write(HeaderId::kXB3Sampled, text.b3_sampled());
    write(HeaderId::kXB3Flags, text.b3_flags());
  }
  for (http::Field& field : headers.fields()) {
    const bool unique = field.id == HeaderId::kTraceparent || field.id == HeaderId::kXRequestId ||
                        field.id == HeaderId::kAuthorization ||
                        field.id == HeaderId::kXWeftDeadline;
    if (unique) field.never_index = true;
  }
}

// ---- pick and acquire ----

Exchange::Next Exchange::pick_endpoint() {
  upstream::PickContext context;
  context.tried = &tried_;
  context.original_destination =
      origin_.original_destination ? &*origin_.original_destination : nullptr;
  endpoint_ = cluster_->pick(context);
  if (endpoint_ == nullptr) {
    cluster_->metrics().refused(telemetry::Refusal::kNoHealthyEndpoint).add();
    return go_reply(Error{Fault::kNoEndpoint, Side::kLocal,
                          "no healthy endpoint in " + cluster_->config().name});
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
  if (!is_grpc_ && head_.protocol.empty() && head_.method != http::Method::kConnect)
    plan.head_limit = timeouts.head;
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
  touch();
  if (step_ == Step::kReply) {
    // Nobody wants it any more; reading it off keeps the connection of use.
    stream_->consume(bytes.size());
    return;
  }
  held_.append(std::move(bytes));
  give_request_body();
  if (replayable_ && held_.size() > forward_->retry.replay_bytes_max && attempt_ != nullptr &&
      attempt_->streaming()) {
    replayable_ = false;
    held_.drain(given_);
    given_ = 0;
  }
}

void Exchange::on_trailers(http::Headers&& trailers) {
  if (step_ == Step::kDone || step_ == Step::kRecord) return;
  request_ended_ = true;
  request_trailers_ = std::move(trailers);
  give_request_body();
}

void Exchange::on_attempt_sent(std::size_t body_bytes) {
  touch();
  attempt_sent_ += body_bytes;
  // What a retry sends again was given back the first time.
  if (attempt_sent_ <= consumed_) return;
  stream_->consume(attempt_sent_ - consumed_);
  consumed_ = attempt_sent_;
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
  outcome.retry_after = wished_delay(head);
  if (const auto grpc = head.headers.find(HeaderId::kGrpcStatus)) {
    if (const std::optional<std::uint64_t> number = parse_u64(*grpc)) {
      outcome.grpc_status = static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, 255));
    }
  }
  const bool mesh_peer = cluster_->config().mesh_peer;
  const auto told = mesh_peer ? head.headers.find(HeaderId::kXWeftCause) : std::nullopt;
  const PeerCause peer = told ? parse_peer_cause(*told) : PeerCause{};
  if (peer.unprocessed) outcome.kind = AttemptEnd::Kind::kUnprocessed;
  if (peer.neutral()) attempt_->judge(Verdict::kNeutral);
  judge_answer(head, end);
  const bool refusal_to_pass_on = peer.neutral() && !peer.unprocessed;
  if (!refusal_to_pass_on && retry_after(outcome)) return;
  if (peer.cause != Cause::kNone) cause_ = peer.cause;
  send_answer(std::move(head), end);
}

// The first of: a failing head, the end. A good head of a stream that goes on is judged at its end.
void Exchange::judge_answer(const http::ResponseHead& head, bool end) {
  if (head.status == 502 || head.status == 503 || head.status == 504) {
    attempt_->judge(Verdict::kGatewayError);
  } else if (head.status >= 500) {
    attempt_->judge(Verdict::kServerError);
  } else if (const auto grpc = head.headers.find(HeaderId::kGrpcStatus)) {
    const std::optional<http::GrpcStatus> status = http::grpc_status_from(*grpc);
    grpc_status_ = static_cast<std::int8_t>(status.value_or(http::GrpcStatus::kUnknown));
    const std::uint16_t meaning =
        http::http_status_of_grpc(status.value_or(http::GrpcStatus::kUnknown));
    attempt_->judge(meaning == 503 || meaning == 504 ? Verdict::kGatewayError
                    : meaning >= 500                 ? Verdict::kServerError
                                                     : Verdict::kSuccess);
  } else if (end || !is_grpc_) {
    attempt_->judge(Verdict::kSuccess);
  }
}

void Exchange::send_answer(http::ResponseHead&& head, bool end) {
  request_timer_.cancel();
  head_at_ = services_.turn.now();
  response_started_ = true;
  status_ = head.status;
  if (!cluster_->config().mesh_peer) strip_mesh_fields(head.headers, false);
  head.headers.remove(HeaderId::kXWeftPeer);
  if (!origin_.verified_peer) {
    head.headers.remove(HeaderId::kXWeftCause);
    head.headers.remove(HeaderId::kXWeftRetry);
  }
  if (chosen_ != nullptr) apply_edits(chosen_->edits.response, head.headers);
  apply_edits(route_->edits.response, head.headers);
  if (host_ != nullptr) apply_edits(host_->edits.response, head.headers);
  apply_edits(table_->table().config().edits.response, head.headers);
  if (services_.draining) stream_->close_after();
  stream_->send_head(head, end);
  if (end) note_response_end();
}

void Exchange::on_attempt_body(Buffer&& bytes, bool end) {
  if (step_ != Step::kStream) return;
  touch();
  bytes_out_ += bytes.size();
  stream_->send_body(std::move(bytes), end);
  if (end) note_response_end();
}

void Exchange::on_attempt_trailers(http::Headers&& trailers) {
  if (step_ != Step::kStream) return;
  if (const auto grpc = trailers.find(HeaderId::kGrpcStatus)) {
    const http::GrpcStatus status =
        http::grpc_status_from(*grpc).value_or(http::GrpcStatus::kUnknown);
    grpc_status_ = static_cast<std::int8_t>(status);
    const std::uint16_t meaning = http::http_status_of_grpc(status);
    attempt_->judge(meaning == 503 || meaning == 504 ? Verdict::kGatewayError
                    : meaning >= 500                 ? Verdict::kServerError
                                                     : Verdict::kSuccess);
  }
  trailers.remove(HeaderId::kXWeftCause);
  stream_->send_trailers(trailers);
  note_response_end();
}

void Exchange::note_response_end() {
  response_ended_ = true;
  attempt_->judge(Verdict::kSuccess);
  // An answer before the end of the request: what is left of it concerns nobody (RFC 9110
  // section 7.5).
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
  if (response_ended_) end_when_sent();
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

// ---- failure and retry ----

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
  end.reused_connection = attempt_ != nullptr && attempt_->reused_connection();
  return end;
}

void Exchange::on_attempt_failed(const Error& error) {
  WEFT_ASSERT(step_ == Step::kStream);
  if (!attempt_->streaming()) queued_ += attempt_->waited();
  const bool limit = error.fault == Fault::kLimit || error.fault == Fault::kOverload;
  if (!response_started_ && !limit && retry_after(describe_failure(error))) return;
  fail(error);
}

bool Exchange::retry_after(const AttemptEnd& end) {
  RetryFacts facts;
  facts.method = head_.method;
  facts.replayable = replayable_ || request_ends_with_head_;
  facts.response_started = response_started_;
  facts.replayed_once = replayed_once_;
  facts.retries_done = retries_;
  if (request_timer_.armed()) facts.time_left = request_timer_.deadline() - services_.turn.now();
  const RetryDecision decision = decide_retry(forward_->retry, end, facts);
  if (decision.denied) {
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
    replayed_once_ = true;
  } else {
    if (!cluster_->admit_retry()) return false;
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
  Backoff backoff(forward_->retry.backoff_base, forward_->retry.backoff_max);
  const Duration ceiling = backoff.ceiling_for(retries_ - 1);
  const auto jitter = Duration(static_cast<std::int64_t>(
      services_.random.below(static_cast<std::uint64_t>(ceiling.count()) + 1)));
  backoff_timer_.arm(std::max(jitter, decision.delay_min));
  return true;
}

// Inside the attempt's own events it must outlive its caller by a moment.
void Exchange::drop_attempt() {
  if (attempt_ == nullptr) return;
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
  if (&timer == &backoff_timer_) {
    advance();
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

Exchange::Next Exchange::reply_locally() {
  WEFT_ASSERT(!response_started_);
  backoff_timer_.cancel();
  request_timer_.cancel();
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
    status_ = local_head_.status;
    local_head_.content_length = local_body_.size();
    const bool bodyless = local_body_.empty() || http::response_has_no_body(head_.method, status_);
    stream_->send_head(local_head_, bodyless);
    if (!bodyless) {
      bytes_out_ += local_body_.size();
      stream_->send_body(Buffer(local_body_), true);
    }
  } else {
    LocalReply reply = reply_for(failure_);
    if (failure_.fault == Fault::kNoCluster && forward_ != nullptr)
      reply.status = forward_->cluster_not_found_status;
    note_flags(reply, failure_);
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
      answer = http::make_trailers_only(static_cast<http::GrpcStatus>(reply.grpc_status),
                                        name_of(failure_.fault));
      grpc_status_ = reply.grpc_status;
    } else {
      answer.status = reply.status;
      local_body_ = answer.headers.copy(std::string(name_of(failure_.fault)) + "\n");
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
  if (stream_->buffered() != 0) return Next::kWait;
  step_ = Step::kRecord;
  return Next::kGo;
}

// ---- record ----

Exchange::Next Exchange::record() {
  request_timer_.cancel();
  idle_timer_.cancel();
  stream_timer_.cancel();
  backoff_timer_.cancel();
  telemetry::AccessRecord record;
  fill(record);
  services_.shard.record(record);
  write_logs(record);
  write_spans(record);
  step_ = Step::kDone;
  return Next::kGo;
}

}  // namespace weft::proxy
