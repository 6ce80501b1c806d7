#include "control/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/files.h"
#include "control/planner/fault_end.h"
#include "control/planner/node.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "xds/ads.h"

namespace weft::control {

namespace {

// Whose certificates a new root is to sign: what the files say before there is one.
std::string trust_domain_in(const std::vector<SourceFile>* files) {
  Registry first;
  if (files != nullptr) first.set_files(*files);
  return first.mesh()->config->trust_domain;
}

ClientReport report_of(const xds::AdsServer::ClientReport& from, TimePoint now) {
  ClientReport report{.node = from.node.id,
                      .address = from.node.peer.to_string(),
                      .generation = from.settled_generation,
                      .since_answer = from.since_answer,
                      .connected = now - from.since};
  const Node node = Node::parse(from.node.id);
  if (node.kind == Node::Kind::kSidecar) report.workload = node.workload.to_string();
  const auto admin = from.node.metadata.find("weft.admin");
  if (admin != from.node.metadata.end()) report.admin = admin->second;
  for (const auto& type : from.types) {
    const std::string& why = type.refused_why.empty() ? type.problem : type.refused_why;
    if (!why.empty()) report.refused.push_back({std::string(xds::short_name(type.type)), why});
  }
  return report;
}

}  // namespace

Control::Control(Turn& turn, Owner& owner, Options options)
    : turn_(turn),
      owner_(owner),
      options_(std::move(options)),
      state_dir_(options_.state_dir),
      catalog_(turn, options_.scoped_names || options_.kubernetes != nullptr
                         ? Planner::Names::kOfScope
                         : Planner::Names::kAll),
      admin_(turn, *this),
      directory_(turn, options_.config_dir, *this, options_.source),
      save_timer_(turn.timers(), *this),
      fault_timer_(turn.timers(), *this),
      drain_timer_(turn.timers(), *this) {
  registry_.judge_times_by(options_.wall_clock);
}

Control::~Control() {
  server_.reset();
  writer_.reset();
  webhooks_.reset();
  cluster_.reset();
  // What they left to be buried goes while its owners are here.
  turn_.end();
}

// ---- the start ----

Status Control::load() {
  if (options_.kubernetes != nullptr) {
    begin_in_cluster();
    return {};
  }
  Result<std::vector<SourceFile>> files = directory_.start();
  if (!files) source_problem_ = files.error().detail;
  if (Status restored = restore(files ? &*files : nullptr); !restored) return restored;
  if (files) metrics_.count_read(registry_.set_files(std::move(*files)));
  log_problems();
  settle();
  if (!state_problem_.empty()) return fail(Fault::kInvalid, state_problem_);
  return start_server();
}

Status Control::start_server() {
  server_ = std::make_unique<Server>(turn_, catalog_, *authority_, options_.server);
  if (Status started = server_->start(); !started) return started;
  server_->set_watcher(this);
  server_->set_token_reviewer(reviewer_.get());
  metrics_.watch(*authority_);
  metrics_.watch(*server_);
  return {};
}

Status Control::restore(const std::vector<SourceFile>* files) {
  // Nothing is made for a directory that is not there, unless something was kept.
  if (files == nullptr && !file_exists(options_.state_dir + "/" + StateDir::kFile))
    return fail(Fault::kInvalid, source_problem_);
  if (Status made = make_directory(options_.state_dir); !made) return made;
  if (Status locked = lock_.take(options_.state_dir); !locked) return locked;
  Result<StateDir::State> kept = state_dir_.load();
  if (!kept) {
    WEFT_LOG(kError, "what was accepted before cannot be read: {}", kept.error().detail);
    // The number must not go back, and nobody makes a generation a second.
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(options_.wall_clock().time_since_epoch());
    kept = StateDir::State{.generation = static_cast<std::uint64_t>(seconds.count())};
  }
  if (files == nullptr && kept->objects.empty()) return fail(Fault::kInvalid, source_problem_);
  Result<Authority> authority = Authority::open({.state_dir = options_.state_dir,
                                                 .trust_domain = trust_domain_in(files),
                                                 .wall_clock = options_.wall_clock});
  if (!authority) return fail(authority.error());
  authority_ = std::make_unique<Authority>(std::move(*authority));
  const std::string root_file = options_.state_dir + "/" + kRootFile;
  if (Status written = replace_file(root_file, authority_->root_pem(), 0644); !written)
    return written;
  registry_.fix_trust_domain(authority_->trust_domain());
  for (const std::string& dropped : registry_.restore(kept->objects, kept->generation)) {
    WEFT_LOG(kWarn, "{} was accepted by an earlier weft and is not by this one", dropped);
  }
  return {};
}

Status Control::listen(net::Loop& loop, const Addresses& addresses) {
  loop_ = &loop;
  wanted_ = addresses;
  if (options_.kubernetes == nullptr) watch_folder();
  if (!addresses.admin.is_none()) {
    if (Status listening = admin_.listen(loop, addresses.admin); !listening) return listening;
  }
  if (!addresses.metrics.is_none()) {
    if (Status listening = admin_.listen_metrics(loop, addresses.metrics); !listening)
      return listening;
  }
  return server_ == nullptr ? Status() : open_doors();
}

// A folder that is not there yet, or that cannot be watched, is looked at from time to time alone.
void Control::watch_folder() {
  Result<std::unique_ptr<net::FolderWatch>> watch =
      net::FolderWatch::start(*loop_, options_.config_dir, *this);
  if (watch) {
    folder_ = std::move(*watch);
  } else {
    WEFT_LOG(kInfo, "changes are looked for and not heard of: {}", watch.error().detail);
  }
}

Status Control::open_doors() {
  if (Status listening = server_->listen(*loop_, wanted_.xds); !listening) return listening;
  if (!wanted_.plaintext_xds.is_none()) {
    if (Status listening = server_->listen_plain(*loop_, wanted_.plaintext_xds); !listening)
      return listening;
  }
  if (!wanted_.webhook.is_none()) {
    if (Status listening = server_->listen_webhook(*loop_, wanted_.webhook); !listening)
      return listening;
  }
  state_ = State::kLive;
  return {};
}

Control::Addresses Control::addresses() const {
  if (server_ == nullptr) {
    Addresses only_admin;
    only_admin.admin = admin_.address();
    only_admin.metrics = admin_.metrics_address();
    return only_admin;
  }
  return {.xds = server_->tls_door().address(),
          .plaintext_xds = server_->plain_door().address(),
          .admin = admin_.address(),
          .webhook = server_->webhook_door().address(),
          .metrics = admin_.metrics_address()};
}

// ---- in Kubernetes ----

// The root first, as its trust domain decides what a MeshConfig may say; then the objects; where
// there is no root, it is made for the trust domain that they say.
void Control::begin_in_cluster() {
  kube::KubeClient& client = *options_.kubernetes;
  reviewer_ = std::make_unique<kube::KubeTokenReviewer>(client);
  cluster_ = std::make_unique<KubernetesSource>(turn_, client, *this, options_.cluster);
  root_ = std::make_unique<kube::RootSecret>(turn_, client, random_, *this);
  webhooks_ = std::make_unique<kube::WebhookKeeper>(
      turn_, client, random_,
      kube::WebhookKeeper::Options{.revision = options_.server.injection.revision,
                                   .reflector = options_.cluster.reflector});
  writer_ = std::make_unique<ClusterWriter>(
      turn_, client, random_, *this, *cluster_,
      ClusterWriter::Options{
          // A process that comes after another one in the same pod is not the one that held it.
          .lease = {.identity = fmt::format("{}_{:016x}", options_.replica, random_.next())},
          .pod = options_.replica,
          .connector = options_.connector,
          .injection = options_.server.injection,
          .wall_clock = options_.wall_clock});
  for (const auto& feed : cluster_->feeds()) metrics_.watch(*feed);
  for (const kube::ResourceFeed* feed : webhooks_->feeds()) metrics_.watch(*feed);
  metrics_.watch(*reviewer_);
  metrics_.watch(*webhooks_);
  metrics_.watch(*writer_);
  root_->look();
}

void Control::on_root(const std::string& pem) {
  Result<Authority> authority = Authority::from_pem(pem, options_.wall_clock);
  if (!authority) {
    return give_up({Fault::kInvalid, Side::kLocal,
                    fmt::format("Secret {}/{}: {}", Authority::kOwnNamespace,
                                kube::RootSecret::kName, authority.error().detail)});
  }
  authority_ = std::make_unique<Authority>(std::move(*authority));
  registry_.fix_trust_domain(authority_->trust_domain());
  if (cluster_->known()) {
    serve_cluster();
  } else {
    cluster_->start();
  }
}

void Control::on_no_root() { cluster_->start(); }

void Control::on_objects(std::vector<KeyedChange> changes) {
  if (state_ == State::kDraining || state_ == State::kDrained) return;
  // By the clock, so that replicas number alike and a restart does not go back.
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      options_.wall_clock().time_since_epoch());
  registry_.number_above(static_cast<std::uint64_t>(now.count()));
  metrics_.count_read(registry_.apply(std::move(changes)));
  log_problems();
  if (server_ != nullptr && announced_ != registry_.mesh()) announce();
  // Status may have changed although nothing else has.
  writer_->note_change();
}

void Control::on_objects_known() {
  if (state_ == State::kDraining || state_ == State::kDrained) return;
  if (authority_ != nullptr) return serve_cluster();
  Result<std::string> pem = Authority::make_root_pem(
      {.trust_domain = registry_.mesh()->config->trust_domain, .wall_clock = options_.wall_clock});
  if (!pem) return give_up(pem.error());
  root_->create(std::move(*pem));
}

void Control::serve_cluster() {
  if (Status started = start_server(); !started) return give_up(started.error());
  announce();
  if (loop_ != nullptr) {
    if (Status open = open_doors(); !open) return give_up(open.error());
  } else {
    state_ = State::kLive;
  }
  webhooks_->start(authority_->root_pem());
  writer_->start();
  owner_.on_live();
}

void Control::give_up(const Error& error) {
  WEFT_LOG(kError, "{}", error.detail);
  owner_.on_failed(error);
}

std::string Control::source_problem() const {
  if (cluster_ == nullptr) return source_problem_;
  return root_->problem().empty() ? cluster_->problem() : root_->problem();
}

// ---- a generation ----

void Control::on_files(std::vector<SourceFile> files) {
  if (state_ == State::kDraining || state_ == State::kDrained) return;
  metrics_.count_read(registry_.set_files(std::move(files)));
  log_problems();
  settle();
}

void Control::on_source_problem(const std::string& problem) {
  source_problem_ = problem;
  if (problem.empty()) {
    WEFT_LOG(kInfo, "{} can be read again", options_.config_dir);
  } else {
    WEFT_LOG(kError, "{}; what was read before holds", problem);
  }
}

// Each once, for as long as it is there.
void Control::log_problems() {
  std::set<std::string> now;
  for (const Problem& problem : registry_.problems()) {
    if (!problems_logged_.contains(problem.text)) {
      WEFT_LOG(kError, "{}{}", escape(problem.text, 1024),
               problem.older_holds ? " (an earlier version holds)" : "");
    }
    now.insert(problem.text);
  }
  problems_logged_ = std::move(now);
}

void Control::settle() {
  if (Status saved = state_dir_.save(registry_); !saved) {
    if (state_problem_ != saved.error().detail) {
      WEFT_LOG(kError, "nothing new is told, because it cannot be saved: {}", saved.error().detail);
    }
    state_problem_ = saved.error().detail;
    save_timer_.arm(kSaveAgain);
    return;
  }
  state_problem_.clear();
  save_timer_.cancel();
  if (announced_ != registry_.mesh()) announce();
}

void Control::announce() {
  announced_ = registry_.mesh();
  const Mesh& mesh = *announced_;
  authority_->set_leaf_lifetime_max(
      std::min(options_.leaf_lifetime_max, mesh.config->leaf_lifetime));
  metrics_.note_announced(mesh.generation, turn_.now());
  plan();
  WEFT_LOG(kInfo, "generation {}: {} services, {} workloads, {} conditions, {} problems",
           mesh.generation, mesh.services.size(), mesh.workloads.size(), mesh.conditions.size(),
           registry_.problems().size());
}

void Control::plan() {
  const WallTime now = options_.wall_clock();
  catalog_.set_mesh(announced_, now);
  fault_end_ = next_fault_end(*announced_, now);
  look_for_ended_faults();
}

void Control::look_for_ended_faults() {
  if (!fault_end_) return fault_timer_.cancel();
  const Duration left = *fault_end_ - options_.wall_clock();
  if (left <= Duration::zero()) return plan();
  fault_timer_.arm(std::min(left, kFaultLook));
}

void Control::on_settled(const xds::NodeInfo&, std::uint64_t generation, TimePoint since) {
  metrics_.note_settled(generation, since, turn_.now());
  if (writer_ != nullptr) writer_->note_change();
}

// ---- the end ----

void Control::drain() {
  if (state_ == State::kDraining || state_ == State::kDrained) return;
  state_ = State::kDraining;
  save_timer_.cancel();
  if (cluster_ != nullptr) {
    cluster_->stop();
    webhooks_->stop();
    writer_->drain();
  }
  fault_timer_.cancel();
  drain_until_ = turn_.now() + options_.drain;
  if (server_ != nullptr) server_->drain();
  drain_timer_.arm(Duration::zero());
}

void Control::look_whether_drained() {
  const bool idle =
      (server_ == nullptr || server_->idle()) && (writer_ == nullptr || writer_->over());
  if (!idle && turn_.now() < drain_until_) return drain_timer_.arm(kDrainLook);
  state_ = State::kDrained;
  owner_.on_drained();
}

void Control::on_timer(Timer& timer) {
  if (&timer == &drain_timer_) return look_whether_drained();
  if (&timer == &fault_timer_) return look_for_ended_faults();
  settle();
}

// ---- pages ----

std::string Control::state() const {
  switch (state_) {
    case State::kStarting:
      return "INITIALIZING";
    case State::kLive:
      return "LIVE";
    case State::kDraining:
    case State::kDrained:
      return "DRAINING";
  }
  return "INITIALIZING";
}

std::vector<ClientReport> Control::clients() const {
  std::vector<ClientReport> out;
  if (server_ == nullptr) return out;
  for (const xds::AdsServer* ads : {&server_->tls_ads(), &server_->plain_ads()}) {
    for (const auto& client : ads->report()) out.push_back(report_of(client, turn_.now()));
  }
  return out;
}

std::string Control::metrics() {
  return metrics_.page(
      turn_.now(),
      {.registry = registry_,
       .clients = clients(),
       .source_readable = source_problem().empty(),
       .state_saved = state_problem_.empty(),
       .root_expires = authority_ == nullptr ? WallTime() : authority_->root_expires(),
       .certificate_expires = server_ == nullptr ? WallTime() : server_->certificate_expires(),
       .scopes = catalog_.scopes()});
}

std::string Control::mesh_page() const {
  const ReplicaWatch* others = writer_ == nullptr ? nullptr : writer_->replicas();
  return make_mesh_page(
      {.registry = registry_,
       .clients = clients(),
       .source_problem = source_problem(),
       .state_problem = state_problem_,
       .others = others == nullptr ? std::vector<OtherReplica>() : others->replicas()});
}

std::string Control::config_page() const { return make_config_page(registry_); }

std::string Control::replica_page() const {
  return replica_view_text(make_replica_view(registry_, clients()));
}

}  // namespace weft::control
