// What few routes ask for: permissions for browsers, limits on how often, faults, copies, and
// somebody who answers instead. None of this runs for a route that says nothing of it.

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/rate_limiter.h"
#include "sidecar/http/grpc.h"
#include "sidecar/proxy/cors.h"
#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/hop.h"

namespace weft::proxy {

using http::HeaderId;
using telemetry::Cause;
using telemetry::CorsResult;
using telemetry::FaultKind;
using telemetry::Flag;
using upstream::Verdict;

namespace {

// How often a delay looks whether faults were switched off meanwhile, or their time is over.
constexpr Duration kDelayLook = std::chrono::milliseconds(500);

bool drawn(std::uint32_t per_million, Random& random) {
  return per_million >= config::kAlways || random.below(config::kAlways) < per_million;
}

RateLimiter::Taken take_from(const config::RateLimit& limit, std::uint64_t key, TimePoint now) {
  if (limit.key == config::RateLimit::Key::kRoute) return {.wait = limit.limiter->take(now)};
  return limit.limiter->take(key, now);
}

void give_back_to(const config::RateLimit& limit, std::uint64_t key, TimePoint taken) {
  if (limit.key == config::RateLimit::Key::kRoute) {
    limit.limiter->give_back(taken);
  } else {
    limit.limiter->give_back(key, taken);
  }
}

std::string_view name_of_reason(std::uint8_t reasons) {
  if ((reasons & config::kOnCircuitOpen) != 0) return "circuit_open";
  if ((reasons & config::kOnOverloaded) != 0) return "overloaded";
  return "retries_exhausted";
}

}  // namespace

// ---- when the route is known ----

// False: an answer of ours is ready.
bool Exchange::begin_extras() {
  extras_ = std::make_unique<ExchangeExtras>(services_.turn.timers(), *this);
  extras_->settings = route_->extras.get();
  if (extras_->settings == nullptr) return true;
  if (extras_->settings->cors && answer_cors(*extras_->settings->cors)) return false;
  return extras_->settings->rate_limits.empty() || within_limits();
}

bool Exchange::answer_cors(const config::CorsPolicy& policy) {
  if (!drawn(policy.per_million, services_.random)) return false;
  auto& counted = services_.shard.proxy().cors;
  switch (judge_cors(policy, head_)) {
    case CorsVerdict::kNone:
      if (head_.headers.has(HeaderId::kOrigin)) counted(CorsResult::kUnmatched).add();
      return false;
    case CorsVerdict::kActual:
      counted(CorsResult::kAllowed).add();
      extras_->cors_origin = *head_.headers.find(HeaderId::kOrigin);
      return false;
    case CorsVerdict::kPreflight:
      counted(CorsResult::kPreflight).add();
      write_preflight(policy, head_, local_head_);
      break;
    case CorsVerdict::kRefuse:
      counted(CorsResult::kRefusedPreflight).add();
      local_head_.status = 200;
      break;
  }
  local_answer_ready_ = true;
  cause_ = Cause::kDirectResponse;
  details_ = "cors preflight";
  step_ = Step::kReply;
  return true;
}

// A request that one limit refuses spends nothing of the others.
bool Exchange::within_limits() {
  const std::vector<config::RateLimit>& limits = extras_->settings->rate_limits;
  const TimePoint now = services_.turn.now();
  std::uint32_t taken = 0;  // bits; from_proto allows fewer limits than it has
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const config::RateLimit& limit = limits[i];
    if (limit.limiter == nullptr || !drawn(limit.asked_per_million, services_.random)) continue;
    const auto [wait, shared] = take_from(limit, limit_key(limit), now);
    if (shared) services_.shard.proxy().rate_limit_keys_shared.add();
    if (wait == Duration::zero()) {
      if (i < 32) taken |= 1U << i;
      continue;
    }
    if (!drawn(limit.enforced_per_million, services_.random)) continue;
    for (std::size_t j = 0; j < i && j < 32; ++j) {
      if ((taken & (1U << j)) != 0) give_back_to(limits[j], limit_key(limits[j]), now);
    }
    refuse_for(limit, wait);
    return false;
  }
  return true;
}

void Exchange::refuse_for(const config::RateLimit& limit, Duration wait) {
  extras_->limit = &limit;
  extras_->retry_after = wait;
  // No cluster is chosen yet; the first one's name is as good as any for the figures.
  const auto* forward = std::get_if<config::ForwardAction>(&route_->action);
  if (forward != nullptr && !forward->clusters.empty()) {
    const upstream::ClusterRef cluster = services_.clusters.find(forward->clusters.front().cluster);
    if (cluster) {
      cluster->metrics().refused(telemetry::Refusal::kRateLimited).add();
      labels_ = cluster->labels();
    }
  }
  (void)go_reply(Error{Fault::kRateLimited, Side::kLocal, limit.name});
  if (limit.status == 429) return;
  extras_->reply = reply_for(failure_);
  extras_->reply->status = limit.status;
}

std::uint64_t Exchange::limit_key(const config::RateLimit& limit) const {
  const RateLimiter& limiter = *limit.limiter;
  switch (limit.key) {
    case config::RateLimit::Key::kRoute:
      return 0;
    case config::RateLimit::Key::kIdentity: {
      if (!origin_.peer_identity.empty()) return limiter.key_of(origin_.peer_identity.uri());
      const std::string_view address = origin_.address;
      return limiter.key_of(address.substr(0, address.rfind(':')));
    }
    case config::RateLimit::Key::kHeader:
      // Leaving the field away is no way around: all who do share one bucket.
      return limiter.key_of(head_.headers.find(limit.header).value_or(std::string_view{}));
    case config::RateLimit::Key::kPath:
      return limiter.key_of(head_.path());
  }
  return 0;
}

// ---- faults ----

// By the request as it came, before its edits.
void Exchange::draw_route_faults() {
  const config::RouteExtras* settings = extras_->settings;
  const bool own = settings != nullptr && (settings->own_faults || !settings->faults.empty());
  const std::vector<config::FaultPolicy>& faults = own ? settings->faults : origin_.http->faults;
  if (faults.empty() || !services_.faults.on()) return;
  extras_->faults =
      draw_faults(faults, head_, cluster_->config().name, services_.wall(services_.turn.now()),
                  services_.faults.active(), services_.random);
  const config::FaultPolicy* named = extras_->faults.named();
  if (named == nullptr) return;
  extras_->active = FaultSwitch::Active(services_.faults);
  extras_->fault_label = static_cast<telemetry::LabelId>(named->label);
}

Exchange::Next Exchange::apply_extras() {
  if (!std::exchange(extras_->delayed, true) && extras_->faults.delay != nullptr) {
    note_fault(FaultKind::kDelay, Flag::kDelayInjected);
    extras_->delay_end = services_.turn.now() + extras_->faults.delay_for;
  }
  if (delay_goes_on()) return Next::kWait;
  if (inject_ending()) return Next::kGo;
  begin_mirrors();
  begin_attempts();
  return Next::kGo;
}

// The switch, or the end of the fault's time, ends a delay as well.
bool Exchange::delay_goes_on() {
  const config::FaultPolicy* fault = extras_->faults.delay;
  if (fault == nullptr) return false;
  const TimePoint now = services_.turn.now();
  const Duration left = extras_->delay_end - now;
  if (left <= Duration::zero() || !services_.faults.on()) return false;
  if (fault->until && services_.wall(now) >= *fault->until) return false;
  extras_->timer.arm(std::min(left, kDelayLook));
  return true;
}

bool Exchange::inject_ending() {
  const config::FaultPolicy* fault = extras_->faults.ending;
  if (fault == nullptr || !services_.faults.on()) return false;
  if (fault->reset) {
    note_fault(FaultKind::kReset, Flag::kFaultInjected);
    cause_ = Cause::kFault;
    details_ = "fault " + fault->name;
    stream_->reset(http::ResetReason::kInternal);
    step_ = Step::kRecord;
    return true;
  }
  note_fault(FaultKind::kAbort, Flag::kFaultInjected);
  const AbortStatus status = status_of(*fault->abort);
  LocalReply reply;
  reply.status = status.http;
  reply.grpc_status = static_cast<std::int8_t>(status.grpc);
  reply.cause = Cause::kFault;
  extras_->reply = reply;
  failure_ = Error{Fault::kInternal, Side::kLocal, "fault " + fault->name};
  step_ = Step::kReply;
  return true;
}

void Exchange::note_fault(FaultKind kind, Flag flag) {
  cluster_->metrics().faults(kind).add();
  flags_.set(flag);
}

void Exchange::begin_slow_body() {
  const config::FaultPolicy* fault = extras_->faults.slow;
  if (fault == nullptr || tunnel_ || !services_.faults.on()) return;
  note_fault(FaultKind::kSlowBody, Flag::kFaultInjected);
  extras_->slow.emplace(fault->slow_body, services_.turn.now());
}

void Exchange::send_slowly() {
  SlowBody& slow = *extras_->slow;
  // The upstream is not held up longer than its bytes; what is left leaves without it.
  if (slow.ended() && attempt_ != nullptr) {
    attempt_->judge(Verdict::kSuccess);
    drop_attempt();
  }
  Buffer piece = services_.faults.on() ? slow.next(services_.turn.now()) : slow.rest();
  bytes_out_ += piece.size();
  const bool done = slow.done();
  const bool ends = done && !slow.trailers();
  if (!piece.empty() || ends) stream_->send_body(std::move(piece), ends);
  count_held();
  if (!done) {
    if (slow.held() != 0 && !extras_->timer.armed()) extras_->timer.arm(SlowBody::kTick);
    return;
  }
  if (slow.trailers()) stream_->send_trailers(*slow.trailers());
  extras_->timer.cancel();
  response_ended_ = true;
  end_when_sent();
}

void Exchange::on_extras_timer() {
  if (step_ == Step::kExtras) return advance();
  if (step_ != Step::kStream || !extras_->slow) return;
  touch();
  send_slowly();
}

// ---- mirrors ----

void Exchange::begin_mirrors() {
  const config::RouteExtras* settings = extras_->settings;
  if (settings == nullptr || settings->mirrors.empty()) return;
  // A tunnel is a conversation; half of one is no test of anything.
  if (!head_.protocol.empty() || head_.method == http::Method::kConnect) return;
  for (const config::MirrorPolicy& policy : settings->mirrors) {
    if (!drawn(policy.per_million, services_.random)) continue;
    upstream::ClusterRef cluster = services_.clusters.find(policy.cluster);
    if (!cluster) {
      cluster_->metrics().mirrors(telemetry::MirrorResult::kFailed).add();
      WEFT_LOG_LIMITED(kWarn, "no copies go to '{}': there is no such cluster", policy.cluster);
      continue;
    }
    http::RequestHead head = mirror_head(head_, policy, trace_);
    head.headers.remove(HeaderId::kXWeftPeer);
    if (cluster->config().mesh_peer) {
      head.headers.add(HeaderId::kXWeftPeer, head.headers.copy(origin_.local_peer_text));
    } else {
      head.headers.remove(HeaderId::kXWeftPriority);
    }
    auto feed = std::make_unique<Mirror::Feed>();
    services_.mirrors.begin(std::move(cluster), std::move(head), request_ends_with_head_,
                            hash_.value, *feed);
    if (!request_ends_with_head_) {
      feed->give(held_, request_ended_ && !request_trailers_);
      if (request_trailers_) feed->give(*request_trailers_);
    }
    extras_->mirrors.push_back(std::move(feed));
  }
}

void Exchange::feed_mirrors(const Buffer& bytes, bool end) {
  for (const auto& feed : extras_->mirrors) feed->give(bytes, end);
}

void Exchange::feed_mirrors(const http::Headers& trailers) {
  for (const auto& feed : extras_->mirrors) feed->give(trailers);
}

// ---- who answers instead ----

void Exchange::consider_fallback() {
  std::uint8_t reasons = std::exchange(gave_up_for_, std::uint8_t{0});
  switch (failure_.fault) {
    case Fault::kCircuitOpen:
      reasons |= config::kOnCircuitOpen;
      break;
    case Fault::kLimit:
    case Fault::kOverload:
      reasons |= config::kOnOverloaded;
      break;
    case Fault::kNoEndpoint:
    case Fault::kNameNotResolved:
      // Not even a first try is left.
      reasons |= config::kOnRetriesExhausted;
      break;
    default:
      break;
  }
  if (!fall_back(reasons)) return;
  const LocalReply reply = reply_for(failure_);
  flags_ = telemetry::ResponseFlags::from_bits(flags_.bits() | reply.flags.bits());
  details_ = "fallback: " + to_string(failure_);
}

bool Exchange::falls_back_after(const PeerCause& peer) {
  std::uint8_t reasons = std::exchange(gave_up_for_, std::uint8_t{0});
  switch (peer.cause) {
    case Cause::kCircuitOpen:
      reasons |= config::kOnCircuitOpen;
      break;
    case Cause::kBulkheadFull:
    case Cause::kQueueTimeout:
    case Cause::kOverload:
      reasons |= config::kOnOverloaded;
      break;
    default:
      break;
  }
  const std::uint16_t status = attempt_status_;
  if (!fall_back(reasons)) return false;
  details_ = "fallback: the last try was answered " + std::to_string(status);
  advance();
  return true;
}

// Once for each request.
bool Exchange::fall_back(std::uint8_t reasons) {
  const config::RouteExtras* settings = extras_->settings;
  if (settings == nullptr || !settings->fallback || !extras_->fell_back_from.empty()) return false;
  const config::Fallback& fallback = *settings->fallback;
  if ((fallback.on & reasons) == 0) return false;
  if (!fallback.cluster.empty()) {
    if (!fall_back_to(fallback.cluster)) return false;
  } else {
    fall_back_to(fallback.response);
  }
  extras_->fell_back_from = name_of_reason(static_cast<std::uint8_t>(fallback.on & reasons));
  return true;
}

bool Exchange::fall_back_to(const std::string& cluster) {
  // Without the whole body nobody else can be asked.
  if (!request_ends_with_head_ && !replayable_ && attempts_ != 0) return false;
  upstream::ClusterRef other = services_.clusters.find(cluster);
  if (!other) {
    WEFT_LOG_LIMITED(kWarn, "nobody can fall back to '{}': there is no such cluster", cluster);
    return false;
  }
  drop_attempt();
  if (std::exchange(retry_counted_, false)) cluster_->retry_done();
  cluster_ = std::move(other);
  labels_ = cluster_->labels();
  chosen_ = nullptr;
  endpoint_ = nullptr;
  tried_ = upstream::Tried();
  session_.reset();  // it was with an endpoint of the other cluster
  grpc_status_ = telemetry::AccessRecord::kNoGrpcStatus;
  write_peer_field();
  begin_attempts();
  return true;
}

void Exchange::fall_back_to(const config::Fallback::Response& response) {
  drop_attempt();
  cause_ = Cause::kFallback;
  if (is_grpc_) {
    const http::GrpcStatus status =
        response.status < 300 ? http::GrpcStatus::kOk : http::grpc_status_of_http(response.status);
    local_head_ = http::make_trailers_only(status, "fallback");
    grpc_status_ = static_cast<std::int8_t>(status);
  } else {
    local_head_ = http::ResponseHead();
    local_head_.status = response.status;
    apply_edits(response.headers, local_head_.headers);
    local_body_ = response.body;  // lives in the table
    if (!local_body_.empty() && !local_head_.headers.has(HeaderId::kContentType))
      local_head_.headers.add(HeaderId::kContentType, "text/plain");
  }
  local_answer_ready_ = true;
  step_ = Step::kReply;
}

// ---- the answer ----

void Exchange::mark_answer(http::ResponseHead& head) {
  if (!extras_->cors_origin.empty())
    allow_cors(*extras_->settings->cors, extras_->cors_origin, head.headers);
  if (extras_->limit != nullptr) apply_edits(extras_->limit->response_headers, head.headers);
  if (extras_->fell_back_from.empty()) return;
  if (cause_ == Cause::kNone) cause_ = Cause::kFallback;
  head.headers.set("x-weft-fallback", extras_->fell_back_from);
}

}  // namespace weft::proxy
