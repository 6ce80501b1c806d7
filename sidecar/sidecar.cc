#include "sidecar/sidecar.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "sidecar/cluster_dialer.h"
#include "sidecar/config/describe.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/start_pages.h"
#include "sidecar/upstream/unused_cluster.h"
#include "tls/certificate.h"

namespace weft::sidecar {

namespace {

// The names that stand for our own identity in every configuration (decisions A2).
constexpr std::string_view kOwnCertificate = "default";
constexpr std::string_view kOwnRoots = "ROOTCA";

telemetry::HandshakeResult metric_of(tls::HandshakeResult result) {
  using From = tls::HandshakeResult;
  using To = telemetry::HandshakeResult;
  switch (result) {
    case From::kOk:
      return To::kOk;
    case From::kNoCertificate:
      return To::kNoCertificate;
    case From::kExpired:
    case From::kNotYetValid:
      return To::kExpired;
    case From::kUntrusted:
      return To::kUnknownAuthority;
    case From::kWrongIdentity:
    case From::kBadSvid:
      return To::kIdentity;
    case From::kNothingInCommon:
    case From::kBroken:
      return To::kProtocol;
    case From::kNotTls:
      return To::kPlaintext;
    case From::kClosed:
      return To::kReset;
    case From::kTimeout:
      return To::kTimeout;
    case From::kRefusedByPeer:
      return To::kOther;
  }
  return To::kOther;
}

std::int64_t unix_time(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Sidecar::Sidecar(Start start)
    : start_(std::move(start)),
      connector_(loop_),
      registry_(telemetry::Registry::Options{}),
      shard_(registry_.add_shard()),
      on_demand_(loop_.turn(), *this),
      self_metrics_(registry_, shard_.proxy()),
      drain_order_(start_.drain),
      drain_timer_(loop_.timers(), *this) {
  faults_.set(start_.faults);
}

Sidecar::~Sidecar() {
  memory_guard_.reset();
  health_checks_.reset();
  dns_metrics_.reset();
  dns_.reset();
  status_.reset();
  admin_.reset();
  xds_.reset();
  identity_.reset();
  names_.reset();
  exporter_.reset();
  workers_.clear();
  publisher_.reset();
  loop_.turn().end();
}

Status Sidecar::start() {
  library_ = tls::Library::make();
  std::vector<std::shared_ptr<tls::Library>> libraries;
  for (std::uint32_t i = 0; i < start_.workers; ++i) libraries.push_back(tls::Library::make());
  publisher_ = std::make_unique<Publisher>(loop_.turn(), *this, libraries);
  if (Status put = put_start_resources(); !put) return put;
  for (std::uint32_t i = 0; i < start_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i,
                                                Worker::Setting{.main = loop_,
                                                                .shard = registry_.add_shard(),
                                                                .sampler = sampler_,
                                                                .limits = limits_,
                                                                .logs = logs_,
                                                                .faults = faults_,
                                                                .library = libraries[i],
                                                                .zone = start_.node_zone},
                                                *this));
  }
  adopted_.resize(workers_.size());
  if (std::optional<MemoryGroup> group = MemoryGroup::find("/sys/fs/cgroup", "/proc/self/cgroup"))
    memory_guard_ = std::make_unique<MemoryGuard>(loop_.timers(), *this, std::move(*group));
  size_buffers(memory_guard_ == nullptr ? nullptr : &memory_guard_->reading());
  health_checks_ = std::make_unique<upstream::HealthChecks>(
      upstream::HealthChecks::Services{.turn = loop_.turn(),
                                       .connector = connector_,
                                       .random = random_,
                                       .shard = shard_,
                                       .limits = limits_},
      *this);
  make_exporter();
  make_sources();
  if (!start_.admin.is_none()) {
    admin_ = std::make_unique<Admin>(loop_, *this);
    if (Status listening = admin_->listen(start_.admin); !listening) {
      return fail(Fault::kInvalid, "admin: " + listening.error().detail);
    }
  }
  if (start_.status) {
    status_ = std::make_unique<StatusServer>(loop_, connector_, *this, library_, *start_.status);
    if (Status listening = status_->listen(); !listening)
      return fail(Fault::kInvalid, "status port: " + listening.error().detail);
  }
  if (Status listening = start_dns(); !listening) return listening;
  signals_ = std::make_unique<net::Signals>(loop_, *this);
  publisher_->publish();
  if (identity_ != nullptr) identity_->start();
  return {};
}

// Before anything is known of the mesh: the pod has names to resolve from its first moment.
Status Sidecar::start_dns() {
  if (!start_.dns) return {};
  dns_ = std::make_unique<DnsServer>(loop_, *start_.dns);
  if (Status listening = dns_->listen(); !listening)
    return fail(Fault::kInvalid, "dns: " + listening.error().detail);
  dns_metrics_ = std::make_unique<DnsMetrics>(registry_, *dns_);
  return {};
}

Status Sidecar::put_start_resources() {
  for (const Start::Secret& secret : start_.secrets)
    publisher_->put_secret(secret.name, secret.material, secret.peer_names);
  const auto refused = [](std::string_view kind, const std::string& name, const Error& error) {
    return fail(Fault::kInvalid, std::string(kind) + " '" + name + "': " + error.detail);
  };
  for (config::ClusterConfig& cluster : start_.clusters) {
    if (Status put = publisher_->put(cluster); !put)
      return refused("cluster", cluster.name, put.error());
  }
  for (config::ListenerConfig& listener : start_.listeners) {
    if (Status put = publisher_->put(listener); !put)
      return refused("listener", listener.name, put.error());
  }
  return {};
}

void Sidecar::make_exporter() {
  auto dialer = std::make_unique<ClusterDialer>(loop_.turn(), connector_, [this] {
    return find_cluster_with_tls(exporter_->collector().cluster);
  });
  std::vector<telemetry::SpanRing*> rings;
  rings.reserve(workers_.size());
  for (const auto& worker : workers_) rings.push_back(&worker->spans());
  telemetry::OtlpEncoder::Resource resource{
      {"service.name", start_.service_name.empty() ? "weft" : start_.service_name},
      {"service.instance.id", start_.node_id},
      {"service.namespace", start_.name_space},
      {"service.version", WEFT_VERSION}};
  std::erase_if(resource, [](const auto& entry) { return entry.second.empty(); });
  exporter_ = std::make_unique<Exporter>(loop_.turn(), Random::from_system(), std::move(resource),
                                         std::move(dialer), std::move(rings));
  exporter_->start();
}

// The one that the listeners in force name; the start file's as long as none does.
void Sidecar::choose_collector(const config::Snapshot& snapshot) {
  Exporter::Collector collector{.cluster = start_.trace_collector};
  for (const auto& listener : snapshot.listeners) {
    for (const config::FilterChain& chain : listener->chains) {
      const auto* http = std::get_if<config::HttpSettings>(&chain.what);
      if (http == nullptr || !http->tracing.enabled || http->tracing.collector_cluster.empty())
        continue;
      if (http->tracing.collector_path.empty()) {
        WEFT_LOG_LIMITED(kWarn, "listener {}: traces go out over HTTP only, not over gRPC",
                         listener->name);
        continue;
      }
      collector = {.cluster = http->tracing.collector_cluster,
                   .target = http->tracing.collector_path};
    }
  }
  exporter_->set_collector(std::move(collector));
}

// ---- where configuration comes from ----

ClusterDialer::Target Sidecar::find_cluster(const std::string& name) const {
  ClusterDialer::Target target;
  const auto& snapshot = publisher_->current();
  if (snapshot == nullptr) return target;
  const auto found = snapshot->clusters.find(name);
  if (found == snapshot->clusters.end()) return target;
  target.config = found->second.config;
  target.endpoints = found->second.endpoints;
  return target;
}

ClusterDialer::Target Sidecar::find_cluster_with_tls(const std::string& name) const {
  ClusterDialer::Target target = find_cluster(name);
  if (target.config == nullptr || !target.config->tls || target.config->tls->material == nullptr)
    return target;
  auto context = tls::ClientContext::make(*target.config->tls->material,
                                          target.config->tls->settings, library_);
  if (context) {
    target.tls = std::move(*context);
  } else {
    target.problem = "cluster " + name + ": " + context.error().detail;
  }
  return target;
}

void Sidecar::make_sources() {
  if (start_.mesh) {
    identity_ = std::make_unique<Identity>(
        loop_.turn(), connector_, random_, [this] { return find_cluster(start_.mesh->ca_cluster); },
        *this,
        Identity::Options{
            .mesh = *start_.mesh, .library = library_, .look_every = start_.identity_look_every});
  }
  if (!start_.ads) return;
  const xds::Bootstrap::Ads& ads = *start_.ads;
  XdsSource::Options options;
  options.ads.variant = ads.delta ? xds::Variant::kDelta : xds::Variant::kSotw;
  if (start_.node != nullptr) options.ads.node = *start_.node;
  options.ads.authority = ads.authority.empty() ? ads.cluster : ads.authority;
  options.listeners = ads.listeners;
  options.clusters = ads.clusters;
  options.names = start_.dns.has_value();
  options.initial_fetch_timeout = ads.initial_fetch_timeout;
  for (const auto& listener : start_.listeners) options.static_listeners.insert(listener.name);
  for (const auto& cluster : start_.clusters) options.static_clusters.insert(cluster.name);
  for (const auto& secret : start_.secrets) options.static_secrets.insert(secret.name);
  if (start_.mesh) {
    options.static_secrets.insert(std::string(kOwnCertificate));
    options.static_secrets.insert(std::string(kOwnRoots));
  }
  ads_dialer_ = std::make_unique<ClusterDialer>(
      loop_.turn(), connector_, [this] { return find_cluster_with_tls(start_.ads->cluster); });
  xds_ = std::make_unique<XdsSource>(loop_.turn(), *ads_dialer_, random_, *publisher_, *this,
                                     std::move(options));
}

// Not before the control plane's cluster has the certificate that it asks for.
void Sidecar::start_xds() {
  if (xds_ == nullptr || xds_->started()) return;
  const ClusterDialer::Target target = find_cluster(start_.ads->cluster);
  if (target.config == nullptr || (target.config->tls && target.config->tls->material == nullptr))
    return;
  xds_->start();
}

void Sidecar::on_identity(const TlsMaterial& material) {
  publisher_->put_secret(
      std::string(kOwnCertificate),
      {.version = material.version, .chain_pem = material.chain_pem, .key_pem = material.key_pem});
  publisher_->put_secret(std::string(kOwnRoots),
                         {.version = material.version, .roots_pem = material.roots_pem});
  publisher_->schedule();
}

void Sidecar::on_resolved_endpoints(config::EndpointSet endpoints) {
  publisher_->put_resolved(std::move(endpoints));
  publisher_->schedule();
}

void Sidecar::on_xds_settled() { go_live_if_ready(); }

void Sidecar::on_names(xds::NameTable&& table) {
  std::string zone = table.name;
  names_told_.insert_or_assign(std::move(zone), std::move(table));
}

void Sidecar::on_names_gone(const std::string& zone) {
  names_told_.insert_or_assign(zone, std::nullopt);
}

// With the listeners that know the addresses, so that no app is sent where nothing is expected.
void Sidecar::publish_names() {
  if (dns_ == nullptr) return;
  for (auto& [zone, table] : std::exchange(names_told_, {})) {
    if (!table) {
      dns_->names().remove(zone);
      continue;
    }
    std::vector<dns::NameEntry> entries;
    entries.reserve(table->entries.size());
    for (xds::NameTable::Entry& entry : table->entries)
      entries.push_back({.name = std::move(entry.name), .addresses = std::move(entry.addresses)});
    dns_->names().put(zone, std::move(entries));
  }
}

int Sidecar::run() {
  loop_.run();
  return exit_code_;
}

void Sidecar::shut_down() {
  loop_.post([this] { begin_drain(); });
}

SocketAddress Sidecar::listening_at(std::string_view name) const {
  if (publisher_ == nullptr || publisher_->current() == nullptr) return {};
  for (const auto& listener : publisher_->current()->listeners) {
    if (listener->name == name) return publisher_->listening_at(*listener);
  }
  return {};
}

SocketAddress Sidecar::admin_address() const {
  return admin_ == nullptr ? SocketAddress() : admin_->address();
}

SocketAddress Sidecar::status_address() const {
  return status_ == nullptr ? SocketAddress() : status_->address();
}

// ---- workers ----

void Sidecar::on_adoption(std::uint32_t worker, std::shared_ptr<Adoption> adoption) {
  workers_[worker]->adopt(std::move(adoption));
}

void Sidecar::on_published(const config::Snapshot& snapshot) {
  shard_.proxy().config_generation.set(static_cast<std::int64_t>(snapshot.generation));
  publish_names();
  if (xds_ != nullptr) xds_->on_published();
  on_demand_.on_published();
  const ClusterNames::Clusters dns = publisher_->dns_clusters();
  if (names_ == nullptr && !dns.empty()) {
    names_ = std::make_unique<ClusterNames>(loop_, *this, start_.resolver);
  }
  if (names_ != nullptr) names_->follow(dns);
  choose_collector(snapshot);
  health_checks_->apply(snapshot);
  start_xds();
}

void Sidecar::on_checked(const std::string& cluster, const SocketAddress& address, bool passes) {
  for (const std::unique_ptr<Worker>& worker : workers_)
    worker->note_check(cluster, address, passes);
}

std::shared_ptr<const tls::ClientContext> Sidecar::tls_for_checks(
    const config::ClusterConfig& cluster) {
  if (!cluster.tls || cluster.tls->material == nullptr) return nullptr;
  auto context = tls::ClientContext::make(*cluster.tls->material, cluster.tls->settings, library_);
  return context ? std::move(*context) : nullptr;
}

void Sidecar::on_adopted(Worker& worker, std::uint64_t generation) {
  adopted_[worker.index()] = generation;
  go_live_if_ready();
}

std::vector<std::string> Sidecar::waits_for() const {
  std::vector<std::string> reasons;
  if (identity_ != nullptr && !identity_->ready()) {
    const std::string why = identity_->stats().last_error;
    reasons.push_back("identity" + (why.empty() ? why : ": " + why));
  }
  if (xds_ != nullptr && !xds_->settled()) {
    const std::string& why = xds_->client().stats().last_error;
    const bool connected = xds_->client().stats().connected;
    reasons.push_back("control plane" + (connected
                                             ? std::string(": connected, not everything is told")
                                         : why.empty() ? why
                                                       : ": " + why));
  }
  const auto& snapshot = publisher_->current();
  if (snapshot != nullptr)
    reasons.insert(reasons.end(), snapshot->warming.begin(), snapshot->warming.end());
  const std::uint64_t now = snapshot == nullptr ? 0 : snapshot->generation;
  for (std::size_t i = 0; i < adopted_.size(); ++i) {
    if (adopted_[i] != now) reasons.push_back("worker " + std::to_string(i));
  }
  return reasons;
}

void Sidecar::go_live_if_ready() {
  if (state_ != State::kStarting || !waits_for().empty()) return;
  state_ = State::kLive;
  give_back_start_pages();
  WEFT_LOG(kInfo, "weft-sidecar {} serves: {} listeners, {} clusters, generation {}", WEFT_VERSION,
           publisher_->current()->listeners.size(), publisher_->current()->clusters.size(),
           publisher_->current()->generation);
}

// ---- what the app calls and nobody told us of ----

void Sidecar::on_destination_wanted(const std::string& destination) {
  on_demand_.want(destination);
}

void Sidecar::on_destination_known(const xds::Destination& destination) {
  on_demand_.on_known(destination.name, destination.clusters);
}

void Sidecar::on_destination_unknown(const std::string& name) { on_demand_.on_unknown(name); }

void Sidecar::on_destinations_wanted(const OnDemand::Names& names) {
  shard_.proxy().on_demand_destinations.set(static_cast<std::int64_t>(names.size()));
  if (xds_ != nullptr) xds_->want(names);
}

void Sidecar::on_destination_answered(const std::string& name, bool known) {
  const Result<SocketAddress> address = SocketAddress::parse(name);
  if (!address) return;
  for (const auto& worker : workers_) worker->answer(*address, known);
}

void Sidecar::on_destination_forgotten(const std::string& name) {
  const Result<SocketAddress> address = SocketAddress::parse(name);
  if (!address) return;
  for (const auto& worker : workers_) worker->forget(*address);
}

void Sidecar::on_use_asked() {
  for (const auto& worker : workers_) {
    worker->ask_clusters([this, index = worker->index()](const Worker::States& states) {
      on_demand_.note_use(index, states);
    });
  }
}

// ---- drain ----

void Sidecar::on_signal(int number) {
  if (number == SIGHUP) {
    logs_.reopen();
    return;
  }
  if (state_ == State::kDraining) {
    exit_code_ = 1;
    end();
    return;
  }
  begin_drain();
}

void Sidecar::begin_drain() {
  if (state_ == State::kDraining || state_ == State::kOver) return;
  state_ = State::kDraining;
  WEFT_LOG(kInfo, "draining for at most {}", format_duration(start_.drain.timeout));
  for (const auto& worker : workers_) worker->say_goodbye();
  obey(drain_order_.begin(loop_.now()));
}

void Sidecar::obey(DrainOrder::Act act) {
  using enum DrainOrder::Act;
  switch (act) {
    case kNone:
      break;
    case kCloseInbound:
      for (const auto& worker : workers_) worker->close_inbound();
      break;
    case kPartOutbound:
      for (const auto& worker : workers_) worker->part_outbound();
      break;
    case kCloseAll:
      for (const auto& worker : workers_) worker->drain();
      break;
    case kCut:
      WEFT_LOG(kWarn, "the drain's time is up; what is left ends now");
      for (const auto& worker : workers_) {
        worker->drain();
        worker->abandon();
      }
      return;
  }
  const Duration left = std::max<Duration>(drain_order_.deadline() - loop_.now(), Duration::zero());
  drain_timer_.arm(drain_order_.looks() ? std::min<Duration>(left, DrainOrder::kLookEvery) : left);
}

// How many connections are there only their workers know.
void Sidecar::look_at_drain() {
  struct Count {
    std::size_t missing;
    DrainOrder::Facts facts;
  };
  const auto count = std::make_shared<Count>(Count{workers_.size(), {}});
  for (const auto& worker : workers_) {
    worker->ask_connections([this, count](const DrainOrder::Facts& its) {
      count->facts.inbound += its.inbound;
      count->facts.outbound += its.outbound;
      count->facts.outbound_accepted += its.outbound_accepted;
      if (--count->missing == 0) on_connections_counted(count->facts);
    });
  }
}

void Sidecar::on_connections_counted(const DrainOrder::Facts& facts) {
  if (state_ != State::kDraining) return;
  const DrainOrder::Phase before = drain_order_.phase();
  const DrainOrder::Act act = drain_order_.look(loop_.now(), facts);
  if (drain_order_.phase() != before) {
    WEFT_LOG(kInfo, "drain: {}: {} connections from outside, {} of the app's own",
             name_of(drain_order_.phase()), facts.inbound, facts.outbound);
  }
  obey(act);
}

void Sidecar::on_worker_drained(Worker&) {
  if (state_ != State::kDraining || ++workers_drained_ < workers_.size()) return;
  end();
}

void Sidecar::on_timer(Timer&) {
  if (state_ == State::kOver) {
    loop_.stop();
    return;
  }
  // A worker that does not answer in time must not keep the process from ending.
  if (loop_.now() >= drain_order_.deadline()) {
    if (state_ == State::kDraining) obey(drain_order_.look(loop_.now(), {}));
    return;
  }
  drain_timer_.arm(drain_order_.deadline() - loop_.now());
  look_at_drain();
}

void Sidecar::end() {
  state_ = State::kOver;
  exporter_->flush();
  // The last spans have a moment to leave.
  if (exporter_->idle()) {
    loop_.stop();
  } else {
    drain_timer_.arm(std::chrono::seconds(1));
  }
}

// ---- pages ----

std::string Sidecar::state() const {
  switch (state_) {
    case State::kStarting:
      return "INITIALIZING";
    case State::kLive:
      return "LIVE";
    case State::kDraining:
    case State::kOver:
      return "DRAINING";
  }
  return "INITIALIZING";
}

// The workers' TLS libraries count their own handshakes; what is new since the last page goes into
// the main loop's shard.
void Sidecar::count_handshakes() {
  constexpr std::size_t kResults = tls::kHandshakeResults;
  handshakes_seen_.resize(workers_.size() * 2 * kResults);
  std::size_t at = 0;
  for (const auto& worker : workers_) {
    for (const bool server : {true, false}) {
      const tls::HandshakeCounters& counters =
          server ? worker->library().accepted() : worker->library().connected();
      const auto side =
          server ? telemetry::HandshakeSide::kServer : telemetry::HandshakeSide::kClient;
      for (std::size_t i = 0; i < kResults; ++i, ++at) {
        const auto result = static_cast<tls::HandshakeResult>(i);
        const std::uint64_t now = counters.value(result);
        shard_.proxy().handshakes(side, metric_of(result)).add(now - handshakes_seen_[at]);
        handshakes_seen_[at] = now;
      }
    }
  }
}

void Sidecar::on_memory_full(bool full) {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->shed(full);
}

void Sidecar::on_memory_read(const MemoryReading& reading) { size_buffers(&reading); }

std::uint64_t Sidecar::in_buffers() const {
  std::int64_t sum = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) sum += worker->buffers().in_use();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
}

// Equal parts: which worker a connection comes to is the kernel's choice, and it spreads them.
void Sidecar::size_buffers(const MemoryReading* reading) {
  const std::uint64_t wanted = start_.buffer_bytes;
  std::uint64_t all = wanted != 0 ? wanted : BufferBudget::kDefault * workers_.size();
  if (reading != nullptr && reading->limited()) {
    const std::uint64_t left = reading->for_buffers(in_buffers());
    all = wanted != 0 ? std::min(wanted, left) : left;
  }
  for (const std::unique_ptr<Worker>& worker : workers_)
    worker->buffers().set_limit(static_cast<std::int64_t>(all / workers_.size()));
}

void Sidecar::count_buffers() {
  using telemetry::SelfLimit;
  std::int64_t limit = 0;
  bool tight = false;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    limit += worker->buffers().limit();
    tight = tight || worker->buffers().tight();
  }
  telemetry::ProxyMetrics& shard = shard_.proxy();
  shard.self_limit_in_use(SelfLimit::kBlockBytes).set(static_cast<std::int64_t>(in_buffers()));
  shard.self_limit_max(SelfLimit::kBlockBytes).set(limit);
  shard.overload_active(telemetry::OverloadAction::kShrinkBuffers).set(tight ? 1 : 0);
}

std::string Sidecar::metrics() {
  count_handshakes();
  count_buffers();
  if (memory_guard_ != nullptr) {
    const MemoryReading& now = memory_guard_->reading();
    telemetry::ProxyMetrics& shard = shard_.proxy();
    shard.self_limit_in_use(telemetry::SelfLimit::kMemoryBytes)
        .set(static_cast<std::int64_t>(now.used));
    shard.self_limit_max(telemetry::SelfLimit::kMemoryBytes)
        .set(static_cast<std::int64_t>(now.limit));
  }
  self_metrics_.update(xds_.get(), identity_.get(), admin_.get());
  if (dns_metrics_ != nullptr) dns_metrics_->update();
  if (publisher_ == nullptr || publisher_->current() == nullptr)
    return registry_.scrape(loop_.now());
  const upstream::ConfiguredDestinations known(*publisher_->current());
  return registry_.scrape(loop_.now(), &known);
}

Worker::States Sidecar::configured_clusters() const {
  if (publisher_ == nullptr || publisher_->current() == nullptr) return {};
  return upstream::describe_unused(*publisher_->current());
}

std::string Sidecar::config_dump() const {
  std::string text = xds_ == nullptr ? std::string() : xds_->describe();
  if (publisher_->current() != nullptr) text += config::describe(*publisher_->current());
  return text;
}

std::string Sidecar::certificates() const {
  nlohmann::json list = nlohmann::json::array();
  const auto add = [&](const std::string& where,
                       const std::shared_ptr<const TlsMaterial>& material) {
    if (material == nullptr) return;
    for (const auto& [kind, pem] :
         {std::pair{"chain", &material->chain_pem}, std::pair{"roots", &material->roots_pem}}) {
      if (pem->empty()) continue;
      auto certificates = tls::parse_certificates(*pem, where);
      if (!certificates) continue;
      for (const tls::Certificate& certificate : *certificates) {
        list.push_back({{"used_by", where},
                        {"kind", kind},
                        {"identity", certificate.spiffe_id.uri()},
                        {"serial", certificate.serial},
                        {"not_before", unix_time(certificate.not_before)},
                        {"not_after", unix_time(certificate.not_after)}});
      }
    }
  };
  if (const auto& snapshot = publisher_->current(); snapshot != nullptr) {
    for (const auto& listener : snapshot->listeners) {
      for (const config::FilterChain& chain : listener->chains) {
        if (chain.tls) add("listener " + listener->name, chain.tls->material);
      }
    }
    for (const auto& [name, entry] : snapshot->clusters) {
      if (entry.config->tls) add("cluster " + name, entry.config->tls->material);
    }
  }
  nlohmann::json page{{"certificates", std::move(list)}};
  if (identity_ != nullptr) {
    const Identity::Stats stats = identity_->stats();
    page["identity"] = {{"id", start_.mesh->id.uri()},
                        {"not_after", identity_->ready() ? unix_time(stats.not_after) : 0},
                        {"renewals", stats.renewals},
                        {"failures", stats.failures},
                        {"last_error", escape(stats.last_error)}};
  }
  return page.dump(1) + "\n";
}

std::string Sidecar::dns(std::string_view name) const {
  if (dns_ == nullptr) return "DNS is not answered here (--dns)\n";
  return name.empty() ? dns_->describe() : dns_->describe(name);
}

std::string Sidecar::traces() {
  exporter_->collect();
  return exporter_->recent().to_json();
}

}  // namespace weft::sidecar
