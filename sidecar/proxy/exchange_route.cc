// The beginning of an exchange: which route, which cluster, and what its request carries on.

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/http/grpc.h"
#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/hop.h"
#include "sidecar/proxy/replies.h"
#include "sidecar/proxy/session_token.h"
#include "sidecar/proxy/upgrades.h"
#include "sidecar/upstream/session_key.h"

namespace weft::proxy {

using http::HeaderId;
using telemetry::Cause;

// ---- route ----

Exchange::Next Exchange::match_route() {
  const View& view = *services_.view;
  generation_ = view.snapshot().generation;
  strip_mesh_fields(head_.headers, sender());
  if (origin_.verified_peer) {
    if (const auto told = head_.headers.find(HeaderId::kXWeftPeer))
      source_ = owner_.peer_told(*told);
  }
  read_trace();
  if (services_.shedding)
    return go_reply(Error{Fault::kOverload, Side::kLocal, "memory is nearly used up"});
  table_ = view.table(origin_.route_key);
  if (!table_)
    return go_reply(
        Error{Fault::kNoRoute, Side::kLocal, "routes '" + origin_.route_key + "' are not here"});
  const std::string_view host = origin_.destination_host.empty()
                                    ? head_.authority
                                    : std::string_view(origin_.destination_host);
  const config::RouteTable::Match match = table_->table().match(head_, host, services_.random);
  host_ = match.host;
  route_ = match.route;
  if (const std::string_view wanted = wanted_upgrade(head_);
      !wanted.empty() && !may_upgrade(wanted)) {
    return go_reply(Error{Fault::kDenied, Side::kLocal,
                          "upgrade_failed: upgrade_configs do not list " + std::string(wanted)});
  }
  if (route_ == nullptr) {
    return go_reply(Error{Fault::kNoRoute, Side::kLocal,
                          host_ == nullptr ? "no such host" : "no route for this path"});
  }
  if (wants_extras() && !begin_extras()) return Next::kGo;
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

// As Envoy, before it says that there is no route: whoever may not upgrade learns that.
bool Exchange::may_upgrade(std::string_view wanted) {
  const auto* action =
      route_ == nullptr ? nullptr : std::get_if<config::ForwardAction>(&route_->action);
  const UpgradeVerdict verdict = judge_upgrade(wanted, origin_.http->upgrades, action);
  ends_connect_ = verdict.ends_here;
  if (verdict.allowed) return true;
  refused_for_ = Cause::kUpgradeDenied;
  WEFT_LOG_LIMITED(kInfo, "refused an upgrade of {} to {}: upgrade_configs of {} do not list it",
                   origin_.address, wanted, origin_.http->stat_prefix);
  return false;
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
    if (action.session != nullptr) session_ = read_session(*action.session, head_);
    chosen_ = &action.clusters[action.splits() ? choose_split(action) : 0];
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

std::size_t Exchange::choose_split(const config::ForwardAction& action) {
  if (session_) {
    if (const auto kept = cluster_of_session(action, *session_, services_.clusters)) return *kept;
  }
  return choose_group(action);
}

// A group leaves its share only when it has no ready endpoint at all; one that is all ejected keeps
// it, or a bad release would hide behind its neighbours (behaviour.md 6).
std::size_t Exchange::choose_group(const config::ForwardAction& action) {
  const std::size_t chosen = table_->choose(*route_);
  if (!action.redistribute_empty) return chosen;
  const auto empty = [&](std::size_t group) {
    const upstream::ClusterRef cluster = services_.clusters.find(action.clusters[group].cluster);
    return cluster && !cluster->has_ready_endpoint();
  };
  if (!empty(chosen)) return chosen;
  const auto other =
      table_->choose_among(*route_, [&](std::size_t group) { return !empty(group); });
  if (!other) return chosen;
  services_.clusters.find(action.clusters[chosen].cluster)->metrics().redistributed.add();
  return *other;
}

// A session that stays where it is needs no word.
void Exchange::tell_session(http::Headers& answer) {
  using telemetry::SessionResult;
  const std::uint64_t session = upstream::session_key(endpoint_->address_text());
  SessionResult result = session_ ? SessionResult::kMoved : SessionResult::kNew;
  if (session_ == session) {
    const bool pinned = chosen_ != nullptr && chosen_->weight == 0;
    result = pinned ? SessionResult::kPinned : SessionResult::kKept;
  } else {
    write_session(*forward_->session, session, answer);
  }
  cluster_->metrics().sessions(result).add();
}

Exchange::Next Exchange::go_reply(Error error) {
  failure_ = std::move(error);
  step_ = Step::kReply;
  if (extras_ != nullptr) consider_fallback();
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
  replayable_ = (forward_->retry.on != 0 && forward_->retry.replay_bytes_max != 0) ||
                keeps_body_for_fallback();
  priority_ = priority_asked_ ? forward_->priority.of(*priority_asked_, origin_.verified_peer)
                              : forward_->priority.usual;
  if (extras_ != nullptr) draw_route_faults();
  // Of the request as it came, before any rewriting.
  if (!forward_->hash_policies.empty()) {
    hash_ = hash_request(forward_->hash_policies, head_, origin_.address);
  }
  write_upstream_fields();
  if (extras_ != nullptr) {
    step_ = Step::kExtras;
  } else {
    begin_attempts();
  }
  return Next::kGo;
}

void Exchange::begin_attempts() {
  cluster_->count_request();
  step_ = Step::kPick;
}

void Exchange::read_trace() {
  // The common request has none of these; one pass over the fields finds what there is.
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
      case HeaderId::kXEnvoyExpectedRqTimeoutMs:
        expected_ms_ = field.value;
        break;
      case HeaderId::kXWeftPriority:
        // Of two the humbler one.
        if (const auto asked = config::parse_priority(field.value))
          priority_asked_ = std::max(priority_asked_.value_or(*asked), *asked);
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
        if (*wanted == Duration::zero()) return false;
        const Duration most = timeouts.grpc_timeout_max;
        shorten(most > Duration::zero() ? std::min(*wanted, most) : *wanted);
        deadline_of_call_ = true;
      }
    }
  }
  // False when the time told is over.
  const auto shorten_to = [&](std::string_view milliseconds) {
    const std::optional<std::uint64_t> ms = parse_u64(milliseconds);
    if (ms && *ms < 86'400'000) shorten(std::chrono::milliseconds(*ms));
    return ms != std::uint64_t{0};
  };
  if (origin_.verified_peer) {
    const auto text = head_.headers.find(HeaderId::kXWeftDeadline);
    if (text && !shorten_to(*text)) return false;
  }
  // As an Envoy says it; believed from anybody, since it only shortens.
  if (!expected_ms_.empty() && !shorten_to(expected_ms_)) return false;
  if (limit > Duration::zero()) request_timer_.arm(limit);
  return true;
}

void Exchange::write_upstream_fields() {
  http::Headers& headers = head_.headers;
  apply_levels(&config::HeaderEdits::request, *route_, host_, table_->table().config(), headers);
  if (chosen_ != nullptr) apply_edits(chosen_->edits.request, headers);
  rewrite_request(*route_, *forward_, head_);
  headers.remove(HeaderId::kXWeftDeadline);
  write_peer_field();
}

// Who we are, for the callee's sidecar; how much the request matters, for it and for an app of
// ours, which may pass that on to what it calls.
void Exchange::write_peer_field() {
  const config::ClusterConfig& callee = cluster_->config();
  head_.headers.remove(HeaderId::kXWeftPeer);
  if (callee.mesh_peer) head_.headers.add(HeaderId::kXWeftPeer, origin_.local_peer_text);
  const bool usual = priority_ == config::Priority::kNormal;
  if (usual && !priority_asked_) return;
  if (usual || !(callee.mesh_peer || callee.local_app)) {
    head_.headers.remove(HeaderId::kXWeftPriority);
  } else {
    head_.headers.set(HeaderId::kXWeftPriority, config::name_of(priority_));
  }
}

void Exchange::write_attempt_fields() {
  http::Headers& headers = head_.headers;
  const bool told_expected =
      !expected_ms_.empty() && headers.has(HeaderId::kXEnvoyExpectedRqTimeoutMs);
  if ((cluster_->config().mesh_peer || told_expected) && request_timer_.armed()) {
    // What is left, never a point in time: clocks differ.
    const Duration left = request_timer_.deadline() - services_.turn.now();
    const auto ms = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    const std::string_view text = headers.copy(std::to_string(ms));
    if (cluster_->config().mesh_peer) headers.set(HeaderId::kXWeftDeadline, text);
    if (told_expected) headers.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, text);
  }
  if (deadline_of_call_) {
    const Duration left = request_timer_.deadline() - services_.turn.now();
    headers.set(HeaderId::kGrpcTimeout, headers.copy(http::format_grpc_timeout(left)));
  }
  // Every attempt is a span of its own and names itself as the callee's parent.
  attempt_span_ = telemetry::make_span_id(services_.random);
  write_trace(attempt_context(), headers);
  for (http::Field& field : headers.fields()) {
    const bool unique = field.id == HeaderId::kTraceparent || field.id == HeaderId::kXRequestId ||
                        field.id == HeaderId::kAuthorization ||
                        field.id == HeaderId::kXWeftDeadline;
    if (unique) field.never_index = true;
  }
}

}  // namespace weft::proxy
