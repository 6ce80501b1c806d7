#include "xds/ads_client.h"

#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "xds/reading.h"
#include "xds/resource.h"

namespace weft::xds {

namespace discovery = envoy::service::discovery::v3;

namespace {

AdsClient::Options with_own_node(AdsClient::Options options) {
  options.decoding.own_node = own_node_of(options.node);
  return options;
}

}  // namespace

AdsClient::AdsClient(Turn& turn, Dialer& dialer, Random& random, Owner& owner, Options options)
    : turn_(turn),
      dialer_(dialer),
      random_(random),
      owner_(owner),
      options_(with_own_node(std::move(options))),
      state_(options_.variant, options_.node),
      retry_(turn.timers(), *this),
      backoff_(options_.backoff_base, options_.backoff_max_at_first) {}

AdsClient::~AdsClient() { stop(); }

void AdsClient::subscribe(std::string_view type, Interest interest) {
  state_.subscribe(type, std::move(interest));
  turn_.enlist(*this);
}

void AdsClient::start() {
  WEFT_ASSERT(step_ == Step::kIdle);
  without_since_ = turn_.now();
  dial();
}

void AdsClient::stop() {
  step_ = Step::kIdle;
  retry_.cancel();
  let_go();
}

// ---- a stream comes to be ----

void AdsClient::dial() {
  step_ = Step::kDialing;
  heard_ = false;
  ++stats_.attempts;
  dial_ = dialer_.dial(*this);
}

void AdsClient::on_dialed(std::unique_ptr<Transport> transport) {
  WEFT_ASSERT(step_ == Step::kDialing);
  turn_.retire(std::move(dial_));
  http::ConnectionOptions options;
  options.codec.secured = transport->tls().secured;
  options.timeouts.idle = Duration::zero();  // there is always the one stream
  connection_ = std::make_unique<http::ClientConnection>(turn_, std::move(transport),
                                                         http::Protocol::kHttp2, options, *this);
  open_stream();
}

void AdsClient::on_dial_failed(const Error& error) {
  WEFT_ASSERT(step_ == Step::kDialing);
  turn_.retire(std::move(dial_));
  lose(error);
}

void AdsClient::open_stream() {
  if (connection_->available() == 0)
    return lose({Fault::kLimit, Side::kUpstream, "the server allows no stream"});
  step_ = Step::kStreaming;
  opened_at_ = turn_.now();
  const GrpcClientStream::Call call{
      .authority = options_.authority,
      .path = std::string(options_.variant == Variant::kSotw ? kSotwPath : kDeltaPath),
      .metadata = options_.metadata};
  stream_ = std::make_unique<GrpcClientStream>(turn_, *connection_, call, *this,
                                               options_.message_bytes_max);
  state_.open();
  stats_.connected = true;
  turn_.enlist(*this);
  owner_.on_ads_connected();
}

void AdsClient::flush() {
  if (step_ != Step::kStreaming) return;
  while (stream_->writable()) {
    const std::optional<ClientState::Request> request = state_.next_request();
    if (!request) return;
    stream_->send(
        std::visit([](const auto& message) { return message.SerializeAsString(); }, *request));
  }
}

// ---- what it brings ----

void AdsClient::on_message(Buffer&& message) {
  WEFT_ASSERT(step_ == Step::kStreaming);
  if (options_.variant == Variant::kSotw) {
    hear<discovery::DiscoveryResponse>(message);
  } else {
    hear<discovery::DeltaDiscoveryResponse>(message);
  }
}

template <typename Response>
void AdsClient::hear(const Buffer& message) {
  Response response;
  if (!response.ParseFromString(message.to_string())) {
    lose({Fault::kProtocol, Side::kUpstream, "a response that cannot be read"});
    return;
  }
  if (!std::exchange(heard_, true) && !flapping_) backoff_.reset();
  if (response.has_control_plane())
    stats_.control_plane = escape(response.control_plane().identifier());
  judge(state_.read(std::move(response)));
  turn_.enlist(*this);
}

void AdsClient::judge(ClientState::Update&& update) {
  std::vector<Arrival> arrivals;
  std::vector<Refusal> refusals;
  std::optional<Generation> generation;
  for (const ClientState::Change& change : update.changed) {
    Findings findings;
    Result<Decoded> decoded = decode(change.body, options_.decoding, findings);
    stats_.unknown_fields += findings.unknown_count();
    if (!decoded) {
      refusals.push_back({change.name, decoded.error().detail});
    } else if (auto* closing = std::get_if<Generation>(&*decoded)) {
      generation = std::move(*closing);
    } else {
      arrivals.push_back({change.name, change.version, std::move(*decoded)});
    }
  }
  const bool closes = update.type == message_name(kGenerationType);
  if (!arrivals.empty() || !update.removed.empty()) {
    if (!closes) {
      std::vector<Refusal> more =
          owner_.on_resources(update.type, std::move(arrivals), update.removed);
      refusals.insert(refusals.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
  }
  // The same Generation once more: something was told after it, and belongs to it now.
  if (closes && !generation && !update.confirmed.empty()) generation = last_generation_;
  const WallTime now = options_.wall_clock();
  const std::string type = update.type;
  const std::size_t refused = update.refused.size() + refusals.size();
  ++(refused == 0 ? stats_.updates : stats_.rejected);
  if (refused == 0) {
    stats_.updated_at = now;
  } else {
    std::vector<Refusal> all = update.refused;
    all.insert(all.end(), refusals.begin(), refusals.end());
    WEFT_LOG(kWarn, "xds: refused {} of {}: {}", refused, short_name(type),
             describe(type, all, ClientState::kNackBytesMax));
  }
  state_.conclude(std::move(update), std::move(refusals), now);
  if (!generation) return;
  last_generation_ = generation;
  owner_.on_generation(*last_generation_);
}

// ---- it ends ----

void AdsClient::on_grpc_end(const http::GrpcOutcome& outcome) { lose(error_of(outcome)); }

void AdsClient::on_connection_done(http::ClientConnection&, const Error& reason) { lose(reason); }

void AdsClient::let_go() {
  if (stream_ != nullptr) stream_->close();
  turn_.retire(std::move(stream_));
  if (connection_ != nullptr) connection_->abandon();
  turn_.retire(std::move(connection_));
  dial_.reset();
  state_.close();
  stats_.connected = false;
}

void AdsClient::lose(const Error& reason) {
  const bool had_stream = step_ == Step::kStreaming;
  let_go();
  if (!heard_) ++stats_.failures;
  stats_.last_error = to_string(reason);
  step_ = Step::kWaiting;
  retry_.arm(next_delay());
  if (had_stream) owner_.on_ads_disconnected(reason);
}

Duration AdsClient::next_delay() {
  const TimePoint now = turn_.now();
  if (heard_ && now - opened_at_ >= options_.settled_after) {
    flapping_ = false;
    without_since_ = now;
    backoff_.reset();
  } else {
    // A server that answers and hangs up again is no better than one that does not answer.
    flapping_ = flapping_ || heard_;
  }
  backoff_.set_max(now - without_since_ < options_.at_first ? options_.backoff_max_at_first
                                                            : options_.backoff_max);
  return backoff_.next(random_);
}

void AdsClient::on_timer(Timer&) {
  WEFT_ASSERT(step_ == Step::kWaiting);
  dial();
}

}  // namespace weft::xds
