#include "sidecar/proxy/tunnel.h"

#include "sidecar/core/buffer_budget.h"
#include "sidecar/proxy/record_log.h"
#include "sidecar/proxy/replies.h"

namespace weft::proxy {

namespace {

// How often a tunnel whose sides have both ended looks whether the last bytes have left.
constexpr Duration kSettleLook = std::chrono::milliseconds(20);

}  // namespace

using upstream::Verdict;

Tunnel::Tunnel(const Services& services, Owner& owner, const Origin& origin,
               const config::TcpSettings& settings, std::string cluster, upstream::Caller caller,
               std::unique_ptr<Transport> downstream, Buffer&& first, bool ended)
    : services_(services),
      owner_(owner),
      origin_(origin),
      settings_(settings),
      cluster_name_(std::move(cluster)),
      caller_(std::move(caller)),
      downstream_(std::move(downstream)),
      first_(std::move(first)),
      idle_timer_(services.turn.timers(), *this),
      settle_timer_(services.turn.timers(), *this),
      source_address_(origin.address),
      downstream_ended_(ended),
      started_(services.turn.now()) {
  // Its bytes wait in the kernel until there is somewhere to put them.
  downstream_->set_sink(&downstream_ear_);
  downstream_->pause();
}

Tunnel::~Tunnel() {
  if (downstream_ != nullptr) downstream_->set_sink(nullptr);
  if (upstream_ != nullptr) upstream_->set_sink(nullptr);
}

void Tunnel::start() {
  record_.started = services_.wall(started_);
  record_.direction = origin_.direction;
  record_.protocol = telemetry::RequestProtocol::kTcp;
  record_.wire = telemetry::WireProtocol::kTcp;
  record_.source = origin_.peer;
  record_.destination = origin_.direction == telemetry::Direction::kInbound
                            ? origin_.local
                            : telemetry::PeerId::kUnknown;
  record_.security = origin_.security;
  record_.tls = origin_.tls_version;
  record_.generation = services_.view->snapshot().generation;
  cluster_ = services_.clusters.find(cluster_name_);
  if (!cluster_) {
    finish(Error{Fault::kNoCluster, Side::kLocal, "unknown cluster '" + cluster_name_ + "'"});
    return;
  }
  record_.service = cluster_->labels().service;
  record_.backend = cluster_->labels().backend;
  if (!dial_next()) return;
}

// False when it has finished.
bool Tunnel::dial_next() {
  upstream::PickContext context;
  context.tried = &tried_;
  context.original_destination =
      origin_.original_destination ? &*origin_.original_destination : nullptr;
  context.source = &caller_.source;
  endpoint_ = cluster_->pick(context);
  if (endpoint_ == nullptr) {
    finish(cluster_->why_none(context));
    return false;
  }
  upstream_address_ = endpoint_->address_text();
  if (origin_.direction == telemetry::Direction::kOutbound) record_.destination = endpoint_->peer();
  Result<upstream::Permit> permit = cluster_->admit(*endpoint_);
  if (!permit) {
    finish(permit.error());
    return false;
  }
  permit_ = std::move(*permit);
  dialing_since_ = services_.turn.now();
  Result<std::unique_ptr<Dial>> dial = cluster_->dial(*endpoint_, caller_, *this);
  if (!dial) {
    finish(dial.error());
    return false;
  }
  dial_ = std::move(*dial);
  ++attempts_;
  tried_.add(*endpoint_);
  return true;
}

void Tunnel::report(Verdict verdict) {
  const Duration taken = services_.turn.now() - dialing_since_;
  cluster_->heard(*endpoint_, taken);
  permit_.report({.verdict = verdict, .latency = taken});
}

void Tunnel::on_dial_failed(const Error& error) {
  WEFT_ASSERT(state_ == State::kDialing);
  report(Verdict::kConnectFailure);
  cluster_->metrics().attempts(telemetry::AttemptResult::kConnectFailure).add();
  services_.turn.retire(std::move(dial_));
  permit_.release();
  if (attempts_ < settings_.connect_attempts_max) {
    (void)dial_next();
    return;
  }
  finish(error);
}

void Tunnel::on_dialed(std::unique_ptr<Transport> transport) {
  WEFT_ASSERT(state_ == State::kDialing);
  state_ = State::kOpen;
  services_.turn.retire(std::move(dial_));
  upstream_ = std::move(transport);
  report(Verdict::kSuccess);
  cluster_->metrics().attempts(telemetry::AttemptResult::kOk).add();
  flow_ = services_.shard.open_flow(record_);
  flow_open_ = true;
  if (settings_.idle_timeout > Duration::zero()) idle_timer_.arm(settings_.idle_timeout);
  if (!first_.empty()) carry(true, first_);
  upstream_->set_sink(&upstream_ear_);
  downstream_->resume();
  if (downstream_ended_) {
    upstream_->shutdown_write();
    services_.turn.enlist(*this);
  }
}

void Tunnel::carry(bool from_downstream, Buffer& bytes) {
  if (state_ != State::kOpen) return;
  const std::size_t count = bytes.size();
  if (from_downstream) {
    record_.bytes_in += count;
    flow_.add_received(count);
  } else {
    record_.bytes_out += count;
    flow_.add_sent(count);
  }
  if (settings_.idle_timeout > Duration::zero()) idle_timer_.arm(settings_.idle_timeout);
  Transport& source = from_downstream ? *downstream_ : *upstream_;
  Transport& target = from_downstream ? *upstream_ : *downstream_;
  target.write(std::move(bytes));
  if (target.buffered() > buffer_share(Transport::kHighMark)) source.pause();
  services_.turn.enlist(*this);
}

void Tunnel::flush() {
  if (state_ != State::kOpen) return;
  upstream_->flush();
  downstream_->flush();
}

void Tunnel::end_of(bool from_downstream) {
  if (state_ == State::kDialing) {
    // Half-closed before we were through: carried on once we are.
    downstream_ended_ = true;
    return;
  }
  if (state_ != State::kOpen) return;
  (from_downstream ? downstream_ended_ : upstream_ended_) = true;
  Transport& target = from_downstream ? *upstream_ : *downstream_;
  target.shutdown_write();
  services_.turn.enlist(*this);
  if (downstream_ended_ && upstream_ended_) settle();
}

// Both have ended; what a slow reader has not taken yet is ours to keep until it has. The transport
// does not say when.
void Tunnel::settle() {
  upstream_->flush();
  downstream_->flush();
  if (state_ != State::kOpen) return;
  if (upstream_->buffered() == 0 && downstream_->buffered() == 0) {
    finish(Error{Fault::kClosed, Side::kDownstream, {}});
  } else {
    settle_timer_.arm(kSettleLook);
  }
}

void Tunnel::broken(bool from_downstream, const Error& error) {
  if (state_ == State::kOver) return;
  Error reason = error;
  reason.side = from_downstream ? Side::kDownstream : Side::kUpstream;
  finish(reason);
}

void Tunnel::on_timer(Timer& timer) {
  if (&timer == &settle_timer_) return settle();
  finish(Error{Fault::kIdle, Side::kLocal, "the tunnel was idle for too long"});
}

void Tunnel::abort() { finish(Error{Fault::kDraining, Side::kLocal, "draining"}); }

void Tunnel::finish(const Error& reason) {
  if (state_ == State::kOver) return;
  const bool orderly = reason.fault == Fault::kClosed && downstream_ended_ && upstream_ended_;
  state_ = State::kOver;
  idle_timer_.cancel();
  settle_timer_.cancel();
  services_.turn.retire(std::move(dial_));
  if (!orderly) {
    const LocalReply reply = reply_for(reason);
    record_.flags = reply.flags;
    // Nothing else of a tunnel is denied.
    record_.cause = reason.fault == Fault::kDenied ? telemetry::Cause::kEgressDenied : reply.cause;
    details_ = to_string(reason);
    if (upstream_ != nullptr) upstream_->abort();
    downstream_->abort();
  }
  permit_.release();
  flow_ = telemetry::Shard::Flow();
  record_.total = services_.turn.now() - started_;
  record_.attempts = attempts_;
  record_.details = details_;
  record_.source_address = source_address_;
  record_.upstream_address = upstream_address_;
  services_.shard.record(record_);
  write_access_logs(services_, settings_.access_logs, record_);
  owner_.on_tunnel_done(*this);
}

}  // namespace weft::proxy
