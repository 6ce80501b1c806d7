#include "sidecar/sidecar.h"

#include <csignal>

#include "sidecar/certificates_page.h"
#include "sidecar/cluster_dialer.h"
#include "sidecar/config/describe.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/start_pages.h"
#include "sidecar/upstream/unused_cluster.h"

namespace weft::sidecar {

namespace {

// The names that stand for our own identity in every configuration (decisions A2).
constexpr std::string_view kOwnCertificate = "default";
constexpr std::string_view kOwnRoots = "ROOTCA";

}  // namespace

Sidecar::Sidecar(Start start)
    : start_(std::move(start)),
      connector_(loop_),
      registry_(telemetry::Registry::Options{}),
      shard_(registry_.add_shard()),
      buffers_(workers_, start_.buffer_bytes),
      handshakes_(workers_, shard_.proxy()),
      requests_(loop_.turn(), workers_, shard_.proxy()),
      self_metrics_(registry_, shard_.proxy()),
      drain_(loop_.turn(), start_.drain, workers_, *this),
      farewell_timer_(loop_.timers(), *this) {
  faults_.set(start_.faults);
}

Sidecar::~Sidecar() {
  memory_guard_.reset();
  health_checks_.reset();
  dns_.reset();
  status_.reset();
  admin_.reset();
  requests_.set_source(nullptr);
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
  libraries.reserve(start_.workers);
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
  readiness_.set_workers(workers_.size());
  if (std::optional<MemoryGroup> group = MemoryGroup::find("/sys/fs/cgroup", "/proc/self/cgroup"))
    memory_guard_ = std::make_unique<MemoryGuard>(loop_.timers(), *this, std::move(*group));
  buffers_.apply(memory_guard_ == nullptr ? nullptr : &memory_guard_->reading());
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
  // Before anything is known of the mesh: the pod has names to resolve from its first moment.
  if (start_.dns) {
    dns_ = std::make_unique<PodDns>(loop_, registry_, *start_.dns);
    if (Status listening = dns_->listen(); !listening)
      return fail(Fault::kInvalid, "dns: " + listening.error().detail);
  }
  signals_ = std::make_unique<net::Signals>(loop_, *this);
  publisher_->publish();
  identity_waits_ = identity_ != nullptr;
  start_identity();
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
    return find_target(publisher_->current().get(), exporter_->collector().cluster, library_);
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

// ---- where configuration comes from ----

void Sidecar::make_sources() {
  if (start_.mesh) {
    identity_ = std::make_unique<Identity>(
        loop_.turn(), connector_, random_,
        [this] { return find_target(publisher_->current().get(), start_.mesh->ca_cluster); }, *this,
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
  ads_dialer_ = std::make_unique<ClusterDialer>(loop_.turn(), connector_, [this] {
    return find_target(publisher_->current().get(), start_.ads->cluster, library_);
  });
  xds_ = std::make_unique<XdsSource>(loop_.turn(), *ads_dialer_, random_, *publisher_, *this,
                                     std::move(options));
  requests_.set_source(xds_.get());
}

// Not before the CA's names are resolved: what is asked for before is only a failure, an error in
// the log of each pod, and a delay until it is asked for again. ClusterNames says when they are
// not.
void Sidecar::start_identity() {
  if (!identity_waits_) return;
  const std::string& ca = start_.mesh->ca_cluster;
  if (!ca.empty() && find_target(publisher_->current().get(), ca).config == nullptr) return;
  identity_waits_ = false;
  identity_->start();
}

// Not before the control plane's cluster has the certificate that it asks for.
void Sidecar::start_xds() {
  if (xds_ == nullptr || xds_->started()) return;
  const ClusterDialer::Target target =
      find_target(publisher_->current().get(), start_.ads->cluster);
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
  if (dns_ != nullptr) dns_->put(std::move(table));
}

void Sidecar::on_names_gone(const std::string& zone) {
  if (dns_ != nullptr) dns_->remove(zone);
}

int Sidecar::run() {
  loop_.run();
  return exit_code_;
}

void Sidecar::shut_down() {
  loop_.post([this] { drain_.begin(); });
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
  if (dns_ != nullptr) dns_->publish();
  if (xds_ != nullptr) xds_->on_published();
  requests_.on_published();
  const ClusterNames::Clusters dns = publisher_->dns_clusters();
  if (names_ == nullptr && !dns.empty()) {
    names_ = std::make_unique<ClusterNames>(loop_, *this, start_.resolver);
  }
  if (names_ != nullptr) names_->follow(dns);
  exporter_->set_collector(Exporter::Collector::of(snapshot, start_.trace_collector));
  health_checks_->apply(snapshot);
  start_identity();
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
  readiness_.note_adopted(worker.index(), generation);
  go_live_if_ready();
}

std::vector<std::string> Sidecar::waits_for() const {
  return readiness_.waits_for(
      {.identity = identity_.get(), .xds = xds_.get(), .snapshot = publisher_->current().get()});
}

void Sidecar::go_live_if_ready() {
  if (live_ || drain_.begun() || !waits_for().empty()) return;
  live_ = true;
  give_back_start_pages();
  WEFT_LOG(kInfo, "weft-sidecar {} serves: {} listeners, {} clusters, generation {}", WEFT_VERSION,
           publisher_->current()->listeners.size(), publisher_->current()->clusters.size(),
           publisher_->current()->generation);
}

void Sidecar::on_destination_wanted(const std::string& destination) { requests_.want(destination); }

// ---- drain ----

void Sidecar::on_signal(int number) {
  if (number == SIGHUP) {
    logs_.reopen();
    return;
  }
  if (drain_.begun() && !drain_.over()) {
    exit_code_ = 1;
    drain_.finish();
    return;
  }
  drain_.begin();
}

void Sidecar::on_worker_drained(Worker&) { drain_.on_worker_drained(); }

void Sidecar::on_drained() {
  exporter_->flush();
  // The last spans have a moment to leave.
  if (exporter_->idle()) {
    loop_.stop();
  } else {
    farewell_timer_.arm(std::chrono::seconds(1));
  }
}

void Sidecar::on_timer(Timer&) { loop_.stop(); }

// ---- pages ----

std::string Sidecar::state() const {
  if (drain_.begun()) return "DRAINING";
  return live_ ? "LIVE" : "INITIALIZING";
}

void Sidecar::on_memory_full(bool full) {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->shed(full);
}

std::string Sidecar::metrics() {
  handshakes_.update();
  buffers_.count(shard_.proxy());
  self_metrics_.update({.xds = xds_.get(),
                        .identity = identity_.get(),
                        .admin = admin_.get(),
                        .memory = memory_guard_.get()});
  if (dns_ != nullptr) dns_->update_metrics();
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
  return certificates_page(publisher_->current().get(), identity_.get());
}

std::string Sidecar::dns(std::string_view name) const {
  return dns_ == nullptr ? "DNS is not answered here (--dns)\n" : dns_->describe(name);
}

std::string Sidecar::traces() {
  exporter_->collect();
  return exporter_->recent().to_json();
}

}  // namespace weft::sidecar
