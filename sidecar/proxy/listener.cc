#include "sidecar/proxy/listener.h"

#include "sidecar/core/log.h"
#include "sidecar/net/original_dst.h"

namespace weft::proxy {

namespace {

telemetry::PeerId local_peer(const config::LocalWorkload& workload) {
  const auto id = [](const std::string& text) {
    return text.empty() ? telemetry::LabelId::kUnknown : telemetry::intern(text);
  };
  return telemetry::intern_peer({.workload = id(workload.workload),
                                 .workload_namespace = id(workload.name_space),
                                 .canonical_service = id(workload.canonical_service),
                                 .canonical_revision = id(workload.canonical_revision)});
}

}  // namespace

Listener::Listener(net::Loop& loop, const Services& services, Owner& owner, net::OwnedFd socket)
    : services_(services), owner_(owner), splits_(services.random) {
  acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(socket), *this);
  acceptor_->pause();  // until there is a configuration
}

Listener::~Listener() { abandon(); }

void Listener::configure(std::shared_ptr<const config::ListenerConfig> config,
                         std::shared_ptr<const upstream::TlsContexts> contexts) {
  if (config_ != config) {
    chains_ = std::make_shared<const ChainTable>(config);
    splits_.configure(config);
  }
  config_ = std::move(config);
  contexts_ = std::move(contexts);
  local_ = local_peer(config_->workload);
  if (!held_) acceptor_->resume();
}

void Listener::hold(bool on) {
  if (std::exchange(held_, on) == on) return;
  if (on) {
    acceptor_->pause();
  } else if (config_ != nullptr) {
    acceptor_->resume();
  }
}

void Listener::on_accept(std::unique_ptr<net::Socket> socket) {
  telemetry::ProxyMetrics& metrics = services_.shard.proxy();
  if (config_->connections_max != 0 && session_count_ >= config_->connections_max) {
    metrics.downstream_accepted(telemetry::AcceptOutcome::kLimit).add();
    WEFT_LOG_LIMITED(kWarn, "listener {}: connection limit {} reached", config_->name,
                     config_->connections_max);
    socket->abort();
    return;
  }
  metrics.downstream_accepted(telemetry::AcceptOutcome::kAccepted).add();
  Session::Accepted accepted;
  if (config_->use_original_dst || config_->read_original_dst) {
    if (auto destination = net::original_dst(socket->fd()); destination && *destination) {
      accepted.original_destination = **destination;
    }
  }
  accepted.transport = std::move(socket);
  accepted.listener = config_;
  accepted.chains = chains_;
  accepted.contexts = contexts_;
  accepted.local = local_;
  accepted.detection = &detection_;
  auto session = std::make_unique<Session>(services_, *this, std::move(accepted));
  Session& begun = *session.release();
  sessions_.push_back(begun);
  ++session_count_;
  ++accepted_;
  begun.start();
}

void Listener::on_session_done(Session& session) {
  session.unlink();
  --session_count_;
  services_.turn.retire(std::unique_ptr<Session>(&session));
  report_if_drained();
}

void Listener::part() {
  sessions_.for_each([](Session& session) { session.drain(); });
}

void Listener::drain() {
  if (std::exchange(draining_, true)) return;
  part();
  acceptor_->drain();
}

void Listener::on_drained(net::Acceptor&) {
  acceptor_closed_ = true;
  part();  // those who came in while we closed
  report_if_drained();
}

void Listener::on_shortage() { services_.shard.proxy().descriptor_shortages.add(); }

void Listener::report_if_drained() {
  if (draining_ && acceptor_closed_ && session_count_ == 0) owner_.on_listener_drained(*this);
}

void Listener::abandon() {
  while (Session* session = sessions_.pop_front()) {
    session->abandon();
    services_.turn.retire(std::unique_ptr<Session>(session));
  }
  session_count_ = 0;
}

}  // namespace weft::proxy
