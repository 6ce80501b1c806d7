#include "control/metrics.h"

#include <algorithm>
#include <set>

#include "control/families.h"

namespace weft::control {

namespace {

using telemetry::LabelPair;

constexpr std::array<std::string_view, 3> kScopeNames = {"mesh", "declared", "on_demand"};
constexpr std::array<std::string_view, 4> kSidecarStates = {"current", "behind", "refused",
                                                            "missing"};

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Metrics::Metrics() : registry_(telemetry::Registry::Options{}), figures_(registry_) {
  figures_.add({{families::kPush, {}, push_},
                {families::kReads, {{"result", "changed"}}, reads_changed_},
                {families::kReads, {{"result", "unchanged"}}, reads_unchanged_},
                {families::kGeneration, {}, generation_},
                {families::kProblems, {}, problems_},
                {families::kConditions, {}, conditions_},
                {families::kSourceReadable, {}, source_readable_},
                {families::kStateSaved, {}, state_saved_},
                {families::kRootExpires, {}, root_expires_},
                {families::kCertificateExpires, {}, certificate_expires_},
                {families::kClients, {}, clients_},
                {families::kScopeServices, {}, scope_services_},
                {families::kDestinations, {{"state", "known"}}, destinations_known_},
                {families::kDestinations, {{"state", "unknown"}}, destinations_unknown_}});
  for (std::size_t i = 0; i < kSidecarStates.size(); ++i)
    figures_.add({{families::kSidecars, {{"state", kSidecarStates[i]}}, sidecars_[i]}});
  for (std::size_t i = 0; i < kScopeNames.size(); ++i)
    figures_.add({{families::kScopes, {{"scope", kScopeNames[i]}}, scopes_[i]}});
  for (const Kind kind : kKinds) {
    ObjectFigures& figures = objects_[kind];
    figures_.add({"kind", name_of(kind)},
                 {{families::kObjects, {{"state", "accepted"}}, figures.accepted},
                  {families::kObjects, {{"state", "refused"}}, figures.refused}});
  }
}

Metrics::~Metrics() = default;

void Metrics::watch(const Authority& authority) {
  for (std::size_t i = 0; i < kSignings; ++i) {
    const auto what = static_cast<Signing>(i);
    figures_.add({{families::kSignings, {{"result", name_of(what)}}, authority.signings(what)}});
  }
}

void Metrics::watch(const Server& server) {
  doors_[DoorKind::kTls].door = &server.tls_door();
  doors_[DoorKind::kTls].ads = &server.tls_ads();
  doors_[DoorKind::kPlain].door = &server.plain_door();
  doors_[DoorKind::kPlain].ads = &server.plain_ads();
  for (auto& [kind, figures] : doors_) watch(figures, name_of(kind));
  watch(server.webhook());
}

void Metrics::watch(DoorFigures& figures, std::string_view name) {
  const Door::Stats& door = figures.door->stats();
  const xds::AdsServer::Stats& ads = figures.ads->stats();
  figures_.add({"door", name},
               {{families::kConnections, {}, figures.connections},
                {families::kConnectionsAccepted, {}, door.accepted},
                {families::kConnectionsRefused, {{"reason", "limit"}}, door.refused_limit},
                {families::kConnectionsRefused, {{"reason", "protocol"}}, door.refused_protocol},
                {families::kConnectionsRefused, {{"reason", "handshake"}}, door.failed_handshakes},
                {families::kStreams, {}, figures.streams},
                {families::kStreamsAccepted, {}, ads.accepted},
                {families::kStreamsRefused, {{"reason", "limit"}}, ads.refused},
                {families::kStreamsRefused, {{"reason", "denied"}}, ads.denied},
                {families::kStreamsRefused, {{"reason", "broken"}}, ads.broken},
                {families::kResponses, {}, ads.responses},
                {families::kRejections, {}, ads.rejections}});
}

void Metrics::watch(const Webhook& webhook) {
  using injection::InjectionReason;
  using injection::ReviewVerdict;
  const Webhook::Stats& stats = webhook.stats();
  for (std::size_t i = 0; i < injection::kInjectionReasons; ++i) {
    const auto reason = static_cast<InjectionReason>(i);
    const std::string_view result = reason == InjectionReason::kInjected ? "patched" : "allowed";
    figures_.add({{families::kInjections,
                   {{"result", result}, {"reason", name_of(reason)}},
                   stats.reasons[i]}});
  }
  for (std::size_t i = 0; i < injection::kReviewVerdicts; ++i) {
    const auto verdict = static_cast<ReviewVerdict>(i);
    const LabelPair result = {"result", name_of(verdict)};
    figures_.add({{families::kValidations, {result}, stats.validations[i]}});
    if (verdict != ReviewVerdict::kRefused && verdict != ReviewVerdict::kMalformed) continue;
    figures_.add(
        {{families::kInjections, {result, {"reason", name_of(verdict)}}, stats.injections[i]}});
  }
  figures_.add({{families::kReviewSeconds, {}, stats.seconds}});
}

void Metrics::watch(const kube::ResourceFeed& feed) {
  const std::string_view name = feed.reflector().resource().name;
  FeedFigures& figures = feeds_[std::string(name)];
  figures.feed = &feed;
  const kube::Reflector::Stats& stats = feed.reflector().stats();
  figures_.add({"resource", name}, {{families::kKubeListed, {}, figures.listed},
                                    {families::kKubeSilent, {}, figures.silent},
                                    {families::kKubeLists, {}, stats.lists},
                                    {families::kKubeRelists, {}, stats.relists},
                                    {families::kKubeWatches, {}, stats.watches},
                                    {families::kKubeEvents, {}, stats.events},
                                    {families::kKubeSkipped, {}, stats.skipped},
                                    {families::kKubeFailures, {}, stats.failures}});
}

void Metrics::watch(const kube::KubeTokenReviewer& reviewer) {
  const kube::KubeTokenReviewer::Stats& stats = reviewer.stats();
  figures_.add({{families::kKubeReviews, {{"result", "authenticated"}}, stats.authenticated},
                {families::kKubeReviews, {{"result", "refused"}}, stats.refused},
                {families::kKubeReviews, {{"result", "failed"}}, stats.failed}});
}

void Metrics::watch(const kube::WebhookKeeper& webhooks) {
  figures_.add({{families::kBundles, {{"result", "patched"}}, webhooks.stats().patched},
                {families::kBundles, {{"result", "failed"}}, webhooks.stats().failures}});
}

void Metrics::watch(const ClusterWriter& writer) {
  writer_ = &writer;
  const kube::LeaderElection::Stats& lease = writer.lease().election().stats();
  const kube::StatusWriter::Stats& status = writer.status().stats();
  figures_.add(
      {{families::kLeader, {}, leader_},
       {families::kLeaderChanges, {{"to", "acquired"}}, lease.acquired},
       {families::kLeaderChanges, {{"to", "lost"}}, lease.lost},
       {families::kLeaseFailures, {{"result", "conflict"}}, lease.conflicts},
       {families::kLeaseFailures, {{"result", "failure"}}, lease.failures},
       {families::kStatusWrites, {{"result", "written"}}, status.written},
       {families::kStatusWrites, {{"result", "conflict"}}, status.conflicts},
       {families::kStatusWrites, {{"result", "failure"}}, status.failures},
       {families::kStatusWaiting, {}, status.waiting},
       {families::kKubeEventsSent, {{"result", "sent"}}, writer.events().stats().sent},
       {families::kKubeEventsSent, {{"result", "dropped"}}, writer.events().stats().dropped},
       {families::kUnmeshedPods, {}, writer.unmeshed().found()}});
  if (const ReplicaWatch* replicas = writer.replicas(); replicas != nullptr) {
    figures_.add({{families::kReplicaViews, {{"result", "answered"}}, replicas->stats().answered},
                  {families::kReplicaViews, {{"result", "failed"}}, replicas->stats().failed},
                  {families::kReplicasKnown, {}, replicas->stats().known}});
  }
}

// ---- pushes ----

void Metrics::note_announced(std::uint64_t generation, TimePoint now) {
  announced_.emplace(generation, now);
  if (announced_.size() > kGenerationsMax) announced_.erase(announced_.begin());
}

void Metrics::note_settled(std::uint64_t generation, TimePoint connected_since, TimePoint now) {
  const auto announced = announced_.find(generation);
  // Whoever came later was not waited for.
  if (announced == announced_.end() || connected_since > announced->second) return;
  push_.observe(now - announced->second);
}

// ---- the page ----

std::string Metrics::page(TimePoint now, const Now& facts) {
  look(facts);
  return registry_.scrape(now);
}

void Metrics::look(const Now& facts) {
  const Mesh& mesh = *facts.registry.mesh();
  generation_.set(static_cast<std::int64_t>(mesh.generation));
  problems_.set(static_cast<std::int64_t>(facts.registry.problems().size()));
  conditions_.set(static_cast<std::int64_t>(mesh.conditions.size()));
  source_readable_.set(facts.source_readable ? 1 : 0);
  state_saved_.set(facts.state_saved ? 1 : 0);
  leader_.set(writer_ != nullptr && writer_->lease().leads() ? 1 : 0);
  root_expires_.set(unix_seconds(facts.root_expires));
  certificate_expires_.set(unix_seconds(facts.certificate_expires));
  for (auto& [kind, figures] : doors_) {
    figures.connections.set(static_cast<std::int64_t>(figures.door->connections()));
    figures.streams.set(static_cast<std::int64_t>(figures.ads->streams()));
  }
  for (auto& [name, figures] : feeds_) {
    figures.listed.set(figures.feed->reflector().listed() ? 1 : 0);
    figures.silent.set(
        std::chrono::duration_cast<std::chrono::seconds>(figures.feed->silent_for()).count());
  }
  const Planner::ScopeCounts& scopes = facts.scopes;
  scopes_[0].set(static_cast<std::int64_t>(scopes.whole));
  scopes_[1].set(static_cast<std::int64_t>(scopes.declared));
  scopes_[2].set(static_cast<std::int64_t>(scopes.on_demand));
  scope_services_.set(static_cast<std::int64_t>(scopes.services_max));
  destinations_known_.set(static_cast<std::int64_t>(scopes.wanted - scopes.wanted_unknown));
  destinations_unknown_.set(static_cast<std::int64_t>(scopes.wanted_unknown));
  count_objects(facts.registry);
  count_clients(mesh, facts.clients);
}

void Metrics::count_objects(const Registry& registry) {
  for (auto& [kind, figures] : objects_) {
    figures.accepted.set(0);
    figures.refused.set(0);
  }
  for (const auto& [key, held] : registry.accepted()) objects_[key.kind].accepted.add();
  std::set<ObjectKey> refused;  // an object may have several mistakes
  for (const Problem& problem : registry.problems()) {
    if (problem.key) refused.insert(*problem.key);
  }
  for (const ObjectKey& key : refused) objects_[key.kind].refused.add();
}

void Metrics::count_clients(const Mesh& mesh, const std::vector<ClientReport>& clients) {
  for (Gauge& gauge : sidecars_) gauge.set(0);
  clients_.set(0);
  const auto count = [this](std::string_view state) {
    const auto at = std::ranges::find(kSidecarStates, state);
    if (at != kSidecarStates.end())
      sidecars_[static_cast<std::size_t>(at - kSidecarStates.begin())].add();
  };
  std::set<std::string> there;
  for (const ClientReport& client : clients) {
    if (client.workload.empty()) {
      clients_.add();
    } else if (there.insert(client.workload).second) {
      count(state_of(client, mesh.generation));
    }
  }
  for (const auto& [name, workload] : mesh.workloads) {
    if (workload->sidecar && !there.contains(name.to_string())) count("missing");
  }
}

}  // namespace weft::control
