// The beginning of a session: a PROXY header where one is expected, then as many first bytes as
// choosing a filter chain needs.

#include <algorithm>

#include "sidecar/core/assert.h"
#include "sidecar/proxy/chain_choice.h"
#include "sidecar/proxy/session.h"

namespace weft::proxy {

// ---- which chain ----

void Session::start() {
  origin_.direction = listener_->direction == config::Direction::kInbound
                          ? telemetry::Direction::kInbound
                          : telemetry::Direction::kOutbound;
  origin_.caller.source = transport_->peer_address();
  origin_.address = origin_.caller.source.to_string();
  if (listener_->proxy_protocol) {
    state_ = State::kProxyHeader;
    wait_for_first_bytes();
    return;
  }
  begin_sniffing();
}

// One deadline for all that has to come before a chain is chosen.
void Session::wait_for_first_bytes() {
  const Duration patience = listener_->sniff_timeout;
  if (!deadline_.armed() && patience > Duration::zero()) deadline_.arm(patience);
  transport_->set_sink(this);
}

void Session::read_header() {
  using telemetry::ProxyHeaderResult;
  const config::ProxyProtocol& expected = *listener_->proxy_protocol;
  const std::size_t looked_at = std::min(first_.size(), kProxyHeaderV2Max);
  const ProxyHeaderRead read = read_proxy_header(as_text(first_.pull_up(looked_at)));
  switch (read.state) {
    case ProxyHeaderRead::State::kNeedMore:
      return;
    case ProxyHeaderRead::State::kMalformed:
      return refuse_header(ProxyHeaderResult::kMalformed, read.why);
    case ProxyHeaderRead::State::kAbsent:
      if (expected.required) {
        return refuse_header(ProxyHeaderResult::kAbsent, "this listener expects one");
      }
      services_.shard.proxy().proxy_headers(ProxyHeaderResult::kAbsent).add();
      return begin_sniffing();
    case ProxyHeaderRead::State::kDone:
      break;
  }
  const bool v1 = read.header.version == ProxyHeader::Version::kV1;
  if (!(v1 ? expected.v1 : expected.v2)) {
    return refuse_header(ProxyHeaderResult::kMalformed, "its version is not allowed here");
  }
  services_.shard.proxy().proxy_headers(v1 ? ProxyHeaderResult::kV1 : ProxyHeaderResult::kV2).add();
  first_.drain(read.size);
  if (!read.header.source.is_none()) {
    origin_.caller = {read.header.source, read.header.destination};
    origin_.address = origin_.caller.source.to_string();
  }
  begin_sniffing();
}

void Session::refuse_header(telemetry::ProxyHeaderResult result, std::string_view why) {
  services_.shard.proxy().proxy_headers(result).add();
  refuse(Error{Fault::kProtocol, Side::kDownstream, "PROXY header: " + std::string(why)});
}

// Whoever calls the listener itself was not redirected; what passed it on would come back here.
bool Session::calls_us() {
  if (!listener_->use_original_dst || destination() != transport_->local_address()) return false;
  // With TPROXY the local address is the one that was called, and its port another one.
  const std::uint16_t ours = listener_->address.port();
  return ours == 0 || destination().port() == ours;
}

void Session::begin_sniffing() {
  state_ = State::kSniff;
  if (calls_us()) {
    services_.shard.proxy().downstream_accepted(telemetry::AcceptOutcome::kLoop).add();
    return refuse(Error{Fault::kProtocol, Side::kDownstream,
                        "it calls this listener itself, which is for redirected connections"});
  }
  const bool redirected = listener_->use_original_dst || listener_->read_original_dst;
  if (redirected && !origin_.original_destination) origin_.original_destination = destination();
  if (listener_->on_demand && has_to_ask()) return;
  find_chain();
}

// A connection that waits to hear who is where it was bound for.
class Session::Wait final : public Demands::Waiter {
 public:
  explicit Wait(Session& session) : session_(session) {}
  void on_answered() override { session_.on_answered(); }

 private:
  Session& session_;
};

// Nothing is read meanwhile: what it says waits in the kernel.
bool Session::has_to_ask() {
  Demands* demands = services_.demands;
  if (demands == nullptr || !destination().is_ip() || chains_->names(destination()) ||
      demands->answered(destination())) {
    return false;
  }
  auto wait = std::make_unique<Wait>(*this);
  if (!demands->wait(destination(), *listener_->on_demand, *wait)) return false;
  wait_ = std::move(wait);
  state_ = State::kAsk;
  deadline_.cancel();
  transport_->set_sink(nullptr);
  return true;
}

// What it was told of is in force for whoever comes now, so for this one as well.
void Session::on_answered() {
  WEFT_ASSERT(state_ == State::kAsk);
  services_.turn.retire(std::move(wait_));
  state_ = State::kSniff;
  Configuration newest = owner_.newest();
  if (newest.listener != nullptr) {
    listener_ = std::move(newest.listener);
    chains_ = std::move(newest.chains);
    contexts_ = std::move(newest.contexts);
  }
  find_chain();
}

void Session::find_chain() {
  const ChainNeeds needs = chains_->needs(destination());
  // An inspector that no chain asks about would only make server-first protocols wait.
  if (!needs.tls && !needs.application) return choose();
  wait_for_first_bytes();
  if (!first_.empty()) return sniff_more();
  const bool expects_silence = deadline_.armed() && listener_->go_on_after_sniff_timeout &&
                               detection_.expects_silence(destination(), services_.turn.now());
  if (!expects_silence) return;
  const TimePoint soon = services_.turn.now() + DetectionMemory::kPatience;
  if (soon >= deadline_.deadline()) return;
  guessed_how_ = telemetry::DetectedHow::kRemembered;
  deadline_.arm_at(soon);
}

void Session::on_bytes(Buffer& bytes) {
  first_.append(std::move(bytes));
  if (state_ == State::kProxyHeader) {
    read_header();
  } else if (state_ == State::kSniff) {
    sniff_more();
  } else if (state_ == State::kResting) {
    wake_up();
  } else {
    WEFT_ASSERT(state_ == State::kDetect);
    detect();
  }
}

void Session::sniff_more() {
  const Sniffed sniffed = sniff(as_text(first_.pull_up(std::min(first_.size(), kSniffBytesMax))));
  if (sniffed == Sniffed::kNeedMore) return;
  if (sniffed == Sniffed::kTls && chains_->needs(destination()).tls) {
    if (hello_ == nullptr) hello_ = std::make_unique<tls::ClientHelloParser>();
    const Bytes all = first_.pull_up(first_.size());
    const auto state = hello_->feed(all.subspan(hello_fed_));
    hello_fed_ = all.size();
    if (state == tls::ClientHelloParser::State::kNeedMore) return;
    if (state == tls::ClientHelloParser::State::kMalformed) {
      note_guess(sniffed);
      refuse(Error{Fault::kTlsHandshake, Side::kDownstream, "malformed ClientHello"});
      return;
    }
  }
  note_guess(sniffed);
  choose();
}

const SocketAddress& Session::destination() {
  SocketAddress& destination = origin_.caller.destination;
  if (destination.is_none()) {
    destination = origin_.original_destination.value_or(transport_->local_address());
  }
  return destination;
}

void Session::note_guess(Sniffed sniffed) {
  using telemetry::DetectedProtocol;
  guessed_how_ = telemetry::DetectedHow::kSniffed;
  switch (sniffed) {
    case Sniffed::kTls:
      guessed_ = DetectedProtocol::kTls;
      break;
    case Sniffed::kHttp1:
      guessed_ = DetectedProtocol::kHttp1;
      break;
    case Sniffed::kHttp2:
      guessed_ = DetectedProtocol::kHttp2;
      break;
    case Sniffed::kNeedMore:
    case Sniffed::kOpaque:
      break;
  }
  detection_.learn_speech(destination());
}

// The caller has said nothing, or too little to tell: opaque bytes, which keep nobody waiting.
void Session::give_up_sniffing() {
  if (guessed_how_ != telemetry::DetectedHow::kRemembered) {
    guessed_how_ = telemetry::DetectedHow::kTimeout;
    detection_.learn_silence(destination(), services_.turn.now());
  }
  choose();
}

void Session::choose() {
  ConnectionFacts facts;
  facts.destination = destination();
  facts.source = origin_.caller.source;
  if (!first_.empty()) {
    const Sniffed sniffed = sniff(as_text(first_.pull_up(std::min(first_.size(), kSniffBytesMax))));
    facts.tls = sniffed == Sniffed::kTls;
    if (sniffed == Sniffed::kHttp1) facts.application_protocols = {"http/1.1"};
    if (sniffed == Sniffed::kHttp2) facts.application_protocols = {"h2c"};
    if (hello_ != nullptr && hello_->state() == tls::ClientHelloParser::State::kDone) {
      facts.server_name = hello_->hello().server_name;
      facts.application_protocols = hello_->hello().alpn;
    }
  }
  hello_.reset();
  deadline_.cancel();
  transport_->set_sink(nullptr);
  chain_ = std::exchange(chains_, nullptr)->choose(facts);
  if (chain_ == nullptr) {
    services_.shard.proxy().downstream_accepted(telemetry::AcceptOutcome::kNoListener).add();
    refuse(Error{Fault::kProtocol, Side::kDownstream, "no filter chain takes this connection"});
    return;
  }
  open_chain();
}

}  // namespace weft::proxy
