#include "sidecar/proxy/session.h"

#include <algorithm>

#include "sidecar/core/log.h"
#include "sidecar/http/grpc_web.h"
#include "sidecar/proxy/record_log.h"
#include "sidecar/proxy/replies.h"

namespace weft::proxy {

namespace {

// Different workloads that one connection may claim to speak for: a sidecar speaks for one.
constexpr std::size_t kPeersToldMax = 4;

telemetry::LabelId label(std::string_view text,
                         telemetry::Origin origin = telemetry::Origin::kConfiguration) {
  return text.empty() ? telemetry::LabelId::kUnknown : telemetry::intern(text, origin);
}

telemetry::TlsVersion version_of(const TlsInfo& tls) {
  if (!tls.secured) return telemetry::TlsVersion::kNone;
  return tls.version == "TLSv1.3" ? telemetry::TlsVersion::kTls13 : telemetry::TlsVersion::kTls12;
}

telemetry::PeerLabels labels_from_certificate(const SpiffeId& id) {
  telemetry::PeerLabels labels;
  if (id.empty()) return labels;
  labels.principal = label(id.uri(), telemetry::Origin::kPeer);
  labels.workload_namespace = label(id.name_space(), telemetry::Origin::kPeer);
  return labels;
}

// What of the peer's doing made us end its connection; nothing when it was not that.
std::optional<telemetry::EndedFor> ended_for(const Error& reason) {
  using telemetry::EndedFor;
  switch (reason.fault) {
    case Fault::kProtocol:
      return EndedFor::kProtocol;
    case Fault::kFlood:
      return EndedFor::kFlood;
    case Fault::kHeadTooLarge:
    case Fault::kTargetTooLong:
      return EndedFor::kTooLarge;
    case Fault::kMethodUnsupported:
    case Fault::kVersionUnsupported:
      return EndedFor::kUnsupported;
    case Fault::kTimeout:
    case Fault::kIdle:
      return EndedFor::kTooSlow;
    default:
      return std::nullopt;
  }
}

}  // namespace

Session::Session(const Services& services, Owner& owner, Accepted accepted)
    : services_(services),
      owner_(owner),
      listener_(std::move(accepted.listener)),
      chains_(std::move(accepted.chains)),
      contexts_(std::move(accepted.contexts)),
      transport_(std::move(accepted.transport)),
      detection_(*accepted.detection),
      deadline_(services.turn.timers(), *this),
      started_(services.turn.now()) {
  origin_.local = accepted.local;
  origin_.original_destination = std::move(accepted.original_destination);
  services_.shard.proxy().downstream_connections.add();
}

Session::~Session() {
  while (Exchange* exchange = exchanges_.pop_front()) {
    const std::unique_ptr<Exchange> owned(exchange);
  }
  if (transport_ != nullptr) transport_->set_sink(nullptr);
  services_.shard.proxy().downstream_connections.sub();
}

// ---- TLS ----

void Session::open_chain() {
  http_ = std::get_if<config::HttpSettings>(&chain_->what);
  // Too few bytes for TLS and HTTP, and no more to come.
  if (ended_ && (chain_->tls || http_ != nullptr)) return finish();
  if (!chain_->tls) {
    fill_origin();
    state_ = State::kDetect;
    if (http_ == nullptr) {
      tunnel();
    } else {
      detect();
    }
    return;
  }
  const auto context = contexts_->servers.find(&*chain_->tls);
  if (context == contexts_->servers.end()) {
    refuse(Error{Fault::kTlsHandshake, Side::kDownstream, "our certificate is not here yet"});
    return;
  }
  state_ = State::kHandshake;
  handshake_ =
      tls::Stream::accept(services_.turn, std::move(transport_), context->second, *this,
                          {.handshake_timeout = chain_->tls->handshake_timeout}, std::move(first_));
  first_ = Buffer();
}

void Session::on_tls_ready(tls::Stream& stream) {
  WEFT_ASSERT(state_ == State::kHandshake && handshake_.get() == &stream);
  transport_ = std::move(handshake_);
  fill_origin();
  state_ = State::kDetect;
  if (http_ == nullptr) {
    tunnel();
    return;
  }
  if (stream.tls().alpn == "h2") {
    serve(http::Protocol::kHttp2, telemetry::DetectedHow::kAlpn);
  } else if (stream.tls().alpn == "http/1.1" || stream.tls().alpn == "http/1.0") {
    serve(http::Protocol::kHttp1, telemetry::DetectedHow::kAlpn);
  } else {
    detect();
  }
}

void Session::on_tls_failed(tls::Stream& stream, const Error& error, tls::HandshakeResult) {
  WEFT_ASSERT(state_ == State::kHandshake && handshake_.get() == &stream);
  services_.turn.retire(std::move(handshake_));
  WEFT_LOG_LIMITED(kInfo, "listener {}: TLS with {} failed: {}", listener_->name, origin_.address,
                   to_string(error));
  record_failure(error, 0);
  finish();
}

void Session::fill_origin() {
  const TlsInfo& tls = transport_->tls();
  origin_.tls_version = version_of(tls);
  origin_.peer_identity = tls.peer;
  origin_.security =
      !tls.peer.empty() ? telemetry::SecurityPolicy::kMutualTls : telemetry::SecurityPolicy::kNone;
  // A verified SPIFFE identity is a sidecar of the mesh; anybody else's mesh fields are not
  // believed.
  origin_.verified_peer = !tls.peer.empty();
  origin_.peer = origin_.verified_peer ? telemetry::intern_peer(labels_from_certificate(tls.peer),
                                                                telemetry::Origin::kPeer)
                                       : telemetry::PeerId::kUnknown;
  const config::LocalWorkload& local = listener_->workload;
  origin_.local_peer_text = local.workload + ";" + local.canonical_revision;
  origin_.http = http_;
  if (http_ == nullptr) return;
  origin_.route_key = config::route_key(*listener_, *chain_, *http_);
  if (http_->by_destination) origin_.destination_host = destination().to_string();
}

// ---- which protocol ----

void Session::detect() {
  using telemetry::DetectedHow;
  if (http_->codec == config::HttpSettings::Codec::kHttp1) {
    serve(http::Protocol::kHttp1, DetectedHow::kDeclared);
    return;
  }
  if (http_->codec == config::HttpSettings::Codec::kHttp2) {
    serve(http::Protocol::kHttp2, DetectedHow::kDeclared);
    return;
  }
  switch (sniff(as_text(first_.pull_up(std::min(first_.size(), kSniffBytesMax))))) {
    case Sniffed::kNeedMore:
      if (!deadline_.armed()) deadline_.arm(chain_->accept_timeout);
      transport_->set_sink(this);
      return;
    case Sniffed::kHttp2:
      serve(http::Protocol::kHttp2, DetectedHow::kSniffed);
      return;
    // What is no HTTP at all gets HTTP/1's answer to it: 400.
    case Sniffed::kTls:
    case Sniffed::kHttp1:
    case Sniffed::kOpaque:
      serve(http::Protocol::kHttp1, DetectedHow::kSniffed);
      return;
  }
}

void Session::serve(http::Protocol protocol, telemetry::DetectedHow how) {
  services_.shard.proxy()
      .protocol_detected(protocol == http::Protocol::kHttp2 ? telemetry::DetectedProtocol::kHttp2
                                                            : telemetry::DetectedProtocol::kHttp1,
                         how)
      .add();
  open_connection(protocol);
}

void Session::open_connection(http::Protocol protocol) {
  deadline_.cancel();
  transport_->set_sink(nullptr);
  state_ = State::kServe;
  http::ConnectionOptions options;
  options.codec.limits = http_->limits;
  options.codec.http2 = http_->http2;
  options.codec.normalize.path = http_->normalize_path;
  options.codec.normalize.merge_slashes = http_->merge_slashes;
  // Nothing authorises on paths yet, so what a path may hold is the application's business: Envoy's
  // defaults.
  options.codec.normalize.escaped_slashes = http::NormalizeOptions::Slashes::kKeep;
  options.codec.normalize.parameters = http::NormalizeOptions::Parameters::kKeep;
  options.codec.secured = transport_->tls().secured;
  options.timeouts = http_->timeouts;
  connection_ = std::make_unique<http::ServerConnection>(services_.turn, std::move(transport_),
                                                         protocol, options, *this);
  if (draining_) connection_->drain();
  // May raise requests, and end everything.
  connection_->start(std::move(first_));
}

// An idle caller of HTTP/1 needs no codec: half of what its connection takes.
void Session::on_connection_quiet(http::ServerConnection& connection) {
  WEFT_ASSERT(state_ == State::kServe && connection_.get() == &connection);
  if (draining_ || !exchanges_.empty()) return;
  transport_ = connection.take_transport();
  services_.turn.retire(std::move(connection_));
  state_ = State::kResting;
  const Duration idle = http_->timeouts.idle;
  if (idle > Duration::zero()) deadline_.arm(idle - http::Connection::kQuiet);
  transport_->set_sink(this);
}

void Session::wake_up() {
  WEFT_ASSERT(state_ == State::kResting);
  // May raise requests, and end everything.
  open_connection(http::Protocol::kHttp1);
}

void Session::tunnel() {
  deadline_.cancel();
  state_ = State::kTunnel;
  // What is inside a TLS that we opened was not looked at: tcp_proxy was declared for it.
  if (chain_->tls) {
    guessed_ = telemetry::DetectedProtocol::kTcp;
    guessed_how_ = telemetry::DetectedHow::kDeclared;
  }
  services_.shard.proxy().protocol_detected(guessed_, guessed_how_).add();
  const auto& settings = std::get<config::TcpSettings>(chain_->what);
  const std::size_t index = settings.clusters.size() > 1 ? owner_.choose_cluster(*chain_) : 0;
  tunnel_ = std::make_unique<Tunnel>(services_, *this, origin_, settings,
                                     settings.clusters[index].cluster, origin_.caller,
                                     std::move(transport_), std::move(first_), ended_);
  tunnel_->start();
}

// ---- requests ----

void Session::on_request(http::ServerConnection&, std::unique_ptr<http::ServerStream> stream,
                         http::RequestHead&& head, bool end) {
  WEFT_ASSERT(state_ == State::kServe);
  if (http_->grpc_web) {
    if (const std::optional<http::GrpcWebType> type = http::grpc_web_request(head))
      stream = std::make_unique<http::GrpcWebStream>(std::move(stream), *type, head);
  }
  auto exchange = std::make_unique<Exchange>(services_, *this, origin_, std::move(stream),
                                             std::move(head), end);
  Exchange& begun = *exchange.release();
  exchanges_.push_back(begun);
  begun.start();
}

void Session::on_exchange_done(Exchange& exchange) {
  exchange.unlink();
  services_.turn.retire(std::unique_ptr<Exchange>(&exchange));
  if (connection_ == nullptr) end_if_idle();
}

telemetry::PeerId Session::peer_told(std::string_view text) {
  for (const auto& [known, id] : peers_told_) {
    if (known == text) return id;
  }
  if (peers_told_.size() >= kPeersToldMax || text.size() > 256) return origin_.peer;
  const std::size_t semicolon = text.find(';');
  telemetry::PeerLabels labels = labels_from_certificate(origin_.peer_identity);
  labels.workload = label(text.substr(0, semicolon), telemetry::Origin::kPeer);
  if (semicolon != std::string_view::npos) {
    labels.canonical_revision = label(text.substr(semicolon + 1), telemetry::Origin::kPeer);
  }
  const telemetry::PeerId id = telemetry::intern_peer(labels, telemetry::Origin::kPeer);
  peers_told_.emplace_back(std::string(text), id);
  return id;
}

void Session::on_malformed(http::ServerConnection&, const Error& error, std::uint16_t status) {
  record_failure(error, status);
}

// Bytes that never became a request still get their one record.
void Session::record_failure(const Error& error, std::uint16_t status) {
  telemetry::AccessRecord record;
  const LocalReply reply = reply_for(error);
  record.started = services_.wall(started_);
  record.total = services_.turn.now() - started_;
  record.direction = origin_.direction;
  record.status = status;
  record.flags = reply.flags;
  record.cause = reply.cause;
  const std::string details = to_string(error);
  record.details = details;
  const bool inbound = origin_.direction == telemetry::Direction::kInbound;
  record.source = inbound ? origin_.peer : origin_.local;
  record.destination = inbound ? origin_.local : telemetry::PeerId::kUnknown;
  record.source_address = origin_.address;
  record.security = origin_.security;
  record.tls = origin_.tls_version;
  record.generation = services_.view->snapshot().generation;
  const bool http = http_ != nullptr && state_ == State::kServe;
  record.protocol = http ? telemetry::RequestProtocol::kHttp : telemetry::RequestProtocol::kTcp;
  services_.shard.record(record);
  if (chain_ == nullptr) return;
  if (http_ != nullptr) {
    write_access_logs(services_, http_->access_logs, record);
  } else {
    write_access_logs(services_, std::get<config::TcpSettings>(chain_->what).access_logs, record);
  }
}

// ---- the end ----

void Session::on_end() {
  if (state_ == State::kProxyHeader && !first_.empty()) {
    refuse_header(telemetry::ProxyHeaderResult::kMalformed, "it is cut off");
    return;
  }
  if (state_ == State::kSniff && !first_.empty()) {
    // All there will ever be. Too little for TLS or HTTP is opaque, and goes on as it is.
    if (hello_ != nullptr) {
      refuse(Error{Fault::kTlsHandshake, Side::kDownstream, "the ClientHello is cut off"});
      return;
    }
    ended_ = true;
    note_guess(Sniffed::kOpaque);
    choose();
    return;
  }
  // Closed before it said anything of use: a probe, or a client that changed its mind.
  finish();
}

void Session::on_fault(const Error&) { finish(); }

void Session::on_timer(Timer&) {
  if (draining_) {
    finish();
    return;
  }
  if (state_ == State::kResting) {
    wake_up();
    connection_->drain();
    return;
  }
  if (state_ == State::kProxyHeader) {
    // Half a header is nobody's first bytes, whatever the listener does with silence.
    const bool silent = first_.empty() && !listener_->proxy_protocol->required;
    if (!silent || !listener_->go_on_after_sniff_timeout) {
      return refuse_header(telemetry::ProxyHeaderResult::kTimeout, "it did not come in time");
    }
    services_.shard.proxy().proxy_headers(telemetry::ProxyHeaderResult::kTimeout).add();
    state_ = State::kSniff;
    return give_up_sniffing();
  }
  if (state_ == State::kSniff && listener_->go_on_after_sniff_timeout) return give_up_sniffing();
  refuse(Error{Fault::kTimeout, Side::kDownstream, "said nothing for too long"});
}

void Session::refuse(const Error& error) {
  WEFT_LOG_LIMITED(kInfo, "listener {}: refused {}: {}", listener_->name, origin_.address,
                   to_string(error));
  record_failure(error, 0);
  if (transport_ != nullptr) transport_->abort();
  finish();
}

void Session::on_connection_done(http::ServerConnection& connection, const Error& reason) {
  WEFT_ASSERT(connection_.get() == &connection);
  if (const std::optional<telemetry::EndedFor> why = ended_for(reason)) {
    services_.shard.proxy().downstream_ended(*why).add();
    WEFT_LOG_LIMITED(kInfo, "listener {}: ended the connection of {}: {}", listener_->name,
                     origin_.address, to_string(reason));
  }
  services_.turn.retire(std::move(connection_));
  end_if_idle();
}

void Session::on_tunnel_done(Tunnel& tunnel) {
  WEFT_ASSERT(tunnel_.get() == &tunnel);
  services_.turn.retire(std::move(tunnel_));
  if (state_ != State::kOver) finish();
}

void Session::end_if_idle() {
  if (exchanges_.empty() && state_ != State::kOver) finish();
}

void Session::finish() {
  WEFT_ASSERT(state_ != State::kOver);
  state_ = State::kOver;
  wait_.reset();
  deadline_.cancel();
  if (transport_ != nullptr) transport_->set_sink(nullptr);
  owner_.on_session_done(*this);
}

void Session::drain() {
  draining_ = true;
  if (state_ == State::kResting) {
    wake_up();
  } else if (connection_ != nullptr) {
    connection_->drain();
  } else if (state_ == State::kProxyHeader || state_ == State::kAsk || state_ == State::kSniff ||
             state_ == State::kDetect) {
    // It has said too little to be served. Its request may be on its way, so it is given a moment,
    // but not the whole drain.
    deadline_.arm(http::Connection::kDrainNotice);
  }
}

void Session::abandon() {
  state_ = State::kOver;
  wait_.reset();
  deadline_.cancel();
  // What is cut off is recorded like everything else.
  if (tunnel_ != nullptr) tunnel_->abort();
  while (Exchange* exchange = exchanges_.front()) exchange->abandon();
  if (connection_ != nullptr) connection_->abandon();
}

}  // namespace weft::proxy
