#include "control/metrics.h"

#include <algorithm>
#include <set>
#include <utility>

namespace weft::control {

namespace {

using telemetry::Family;
using enum telemetry::MetricType;

constexpr Family kSidecars{"weft_control_sidecars", kGauge,
                           "Sidecars of the mesh: current, behind, refused (told the newest "
                           "generation, but not all of it taken), missing."};
constexpr Family kClients{"weft_control_clients", kGauge, "gRPC clients without a sidecar."};
constexpr Family kPush{"weft_control_push_seconds", kHistogram,
                       "From a new generation to a client that has answered all of it."};
constexpr Family kObjects{"weft_control_objects", kGauge,
                          "Objects by kind; refused: their present text is bad, an earlier one "
                          "may hold."};
constexpr Family kProblems{"weft_control_problems", kGauge,
                           "Mistakes in the configuration directory, as /mesh lists them."};
constexpr Family kConditions{"weft_control_conditions", kGauge,
                             "Accepted objects that name what is not there, as /mesh lists them."};
constexpr Family kReads{"weft_control_reads_total", kCounter,
                        "Times the configuration directory was read anew, by what came of it."};
constexpr Family kSourceReadable{"weft_control_source_readable", kGauge,
                                 "1 while the configuration directory can be read."};
constexpr Family kStateSaved{"weft_control_state_saved", kGauge,
                             "1 while what was accepted can be saved; otherwise nothing new is "
                             "told."};
constexpr Family kGeneration{"weft_control_generation", kGauge, "The newest generation."};
constexpr Family kSigningsFamily{"weft_control_signings_total", kCounter,
                                 "Requests for a certificate, by result."};
constexpr Family kRootExpires{"weft_control_root_expiry_timestamp_seconds", kGauge,
                              "When the root certificate expires."};
constexpr Family kCertificateExpires{"weft_control_certificate_expiry_timestamp_seconds", kGauge,
                                     "When the control plane's own certificate expires."};
constexpr Family kConnections{"weft_control_connections", kGauge,
                              "Connections that are there, by door."};
constexpr Family kConnectionsAccepted{"weft_control_connections_accepted_total", kCounter,
                                      "Connections accepted, by door."};
constexpr Family kConnectionsRefused{"weft_control_connections_refused_total", kCounter,
                                     "Connections cut off, by door and reason."};
constexpr Family kStreams{"weft_control_streams", kGauge, "Streams of ADS, by door."};
constexpr Family kStreamsAccepted{"weft_control_streams_accepted_total", kCounter,
                                  "Streams of ADS accepted, by door."};
constexpr Family kStreamsRefused{"weft_control_streams_refused_total", kCounter,
                                 "Streams of ADS refused or broken off, by door and reason."};
constexpr Family kResponses{"weft_control_responses_total", kCounter,
                            "Messages of configuration sent, by door."};
constexpr Family kRejections{"weft_control_rejections_total", kCounter,
                             "Answers of clients that refuse something (NACK), by door."};

constexpr Family kInjections{"weft_control_injections_total", kCounter,
                             "Admission reviews of pods, by result; allowed ones by reason."};
constexpr Family kValidations{"weft_control_validations_total", kCounter,
                              "Admission reviews of configuration, by result."};
constexpr Family kReviewSeconds{"weft_control_review_seconds", kHistogram,
                                "To answer one admission review."};
constexpr Family kKubeListed{"weft_control_kube_listed", kGauge,
                             "1 once all objects of a resource have been listed."};
constexpr Family kKubeSilent{"weft_control_kube_silent_seconds", kGauge,
                             "Since the API server last said something of a resource; a quiet one "
                             "is heard of about every minute."};
constexpr Family kKubeLists{"weft_control_kube_lists_total", kCounter,
                            "Whole lists read from the API server, by resource."};
constexpr Family kKubeRelists{"weft_control_kube_relists_total", kCounter,
                              "Times that what was missed was gone (410), by resource."};
constexpr Family kKubeWatches{"weft_control_kube_watches_total", kCounter,
                              "Watches asked for, by resource."};
constexpr Family kKubeEvents{"weft_control_kube_events_total", kCounter,
                             "Events of watches, by resource."};
constexpr Family kKubeSkipped{"weft_control_kube_skipped_total", kCounter,
                              "Objects and events that could not be understood or were too large, "
                              "by resource."};
constexpr Family kKubeFailures{"weft_control_kube_failures_total", kCounter,
                               "Lists and watches that the API server refused or broke off, by "
                               "resource."};
constexpr Family kKubeReviews{"weft_control_kube_token_reviews_total", kCounter,
                              "Tokens that the API server was asked about, by result."};

constexpr Family kScopes{"weft_control_scopes", kGauge,
                         "Sidecars that were told of the newest generation, by how much of the "
                         "mesh they know."};
constexpr Family kScopeServices{"weft_control_scope_services_max", kGauge,
                                "The most Services that a sidecar with a scope knows."};
constexpr Family kDestinations{"weft_control_on_demand_destinations", kGauge,
                               "Destinations that sidecars ask for now, by whether the mesh has "
                               "them."};

constexpr std::array<std::string_view, 3> kScopeNames = {"mesh", "declared", "on_demand"};
constexpr Family kLeader{"weft_control_leader", kGauge,
                         "1 while this replica holds the Lease, and so writes status and events."};
constexpr Family kLeaderChanges{"weft_control_leader_transitions_total", kCounter,
                                "Times that this replica came to lead (acquired) and stopped "
                                "without giving the Lease back (lost)."};
constexpr Family kLeaseFailures{"weft_control_lease_failures_total", kCounter,
                                "Requests for the Lease that somebody else was faster with "
                                "(conflict) or that had no answer (failure)."};
constexpr Family kStatusWrites{"weft_control_status_writes_total", kCounter,
                               "Statuses written to the API server, by result; a conflict is "
                               "tried again."};
constexpr Family kStatusWaiting{"weft_control_status_waiting", kGauge,
                                "Objects whose status is to be written."};
constexpr Family kKubeEventsSent{"weft_control_events_total", kCounter,
                                 "Events for people, sent to the API server or dropped (too many, "
                                 "or refused)."};
constexpr Family kUnmeshedPods{"weft_control_unmeshed_pods", kGauge,
                               "Pods that ask for a sidecar and have none; known to the leader."};
constexpr Family kReplicaViews{"weft_control_replica_views_total", kCounter,
                               "Times that another replica was asked which sidecars it serves, by "
                               "result; the leader asks."};
constexpr Family kReplicasKnown{"weft_control_replicas_known", kGauge,
                                "Other replicas whose sidecars count in status."};
constexpr Family kBundles{"weft_control_webhook_bundles_total", kCounter,
                          "Webhook configurations whose caBundle was set right, or could not be."};

constexpr std::array<std::string_view, 4> kSidecarStates = {"current", "behind", "refused",
                                                            "missing"};

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Metrics::Metrics() : registry_(telemetry::Registry::Options{}) {
  const auto keep = [this](auto&& registration) { kept_.push_back(std::move(registration)); };
  keep(registry_.add(kPush, {}, push_));
  keep(registry_.add(kReads, {{"result", "changed"}}, reads_changed_));
  keep(registry_.add(kReads, {{"result", "unchanged"}}, reads_unchanged_));
  keep(registry_.add(kGeneration, {}, generation_));
  keep(registry_.add(kProblems, {}, problems_));
  keep(registry_.add(kConditions, {}, conditions_));
  keep(registry_.add(kSourceReadable, {}, source_readable_));
  keep(registry_.add(kStateSaved, {}, state_saved_));
  keep(registry_.add(kRootExpires, {}, root_expires_));
  keep(registry_.add(kCertificateExpires, {}, certificate_expires_));
  keep(registry_.add(kClients, {}, clients_));
  for (std::size_t i = 0; i < kSidecarStates.size(); ++i) {
    keep(registry_.add(kSidecars, {{"state", kSidecarStates[i]}}, sidecars_[i]));
  }
  for (std::size_t i = 0; i < kScopeNames.size(); ++i) {
    keep(registry_.add(kScopes, {{"scope", kScopeNames[i]}}, scopes_[i]));
  }
  keep(registry_.add(kScopeServices, {}, scope_services_));
  keep(registry_.add(kDestinations, {{"state", "known"}}, destinations_known_));
  keep(registry_.add(kDestinations, {{"state", "unknown"}}, destinations_unknown_));
  for (const Kind kind : kKinds) {
    ObjectFigures& figures = objects_[kind];
    keep(registry_.add(kObjects, {{"kind", name_of(kind)}, {"state", "accepted"}},
                       figures.accepted));
    keep(registry_.add(kObjects, {{"kind", name_of(kind)}, {"state", "refused"}}, figures.refused));
  }
}

Metrics::~Metrics() = default;

void Metrics::watch(const Authority& authority) {
  for (std::size_t i = 0; i < kSignings; ++i) {
    const auto what = static_cast<Signing>(i);
    kept_.push_back(
        registry_.add(kSigningsFamily, {{"result", name_of(what)}}, authority.signings(what)));
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

void Metrics::watch(const Webhook& webhook) {
  using injection::InjectionReason;
  using injection::ReviewVerdict;
  const Webhook::Stats& stats = webhook.stats();
  const auto keep = [this](auto&& registration) { kept_.push_back(std::move(registration)); };
  for (std::size_t i = 0; i < injection::kInjectionReasons; ++i) {
    const auto reason = static_cast<InjectionReason>(i);
    const std::string_view result = reason == InjectionReason::kInjected ? "patched" : "allowed";
    keep(registry_.add(kInjections, {{"result", result}, {"reason", name_of(reason)}},
                       stats.reasons[i]));
  }
  for (std::size_t i = 0; i < injection::kReviewVerdicts; ++i) {
    const auto verdict = static_cast<ReviewVerdict>(i);
    keep(registry_.add(kValidations, {{"result", name_of(verdict)}}, stats.validations[i]));
    if (verdict != ReviewVerdict::kRefused && verdict != ReviewVerdict::kMalformed) continue;
    keep(registry_.add(kInjections, {{"result", name_of(verdict)}, {"reason", name_of(verdict)}},
                       stats.injections[i]));
  }
  keep(registry_.add(kReviewSeconds, {}, stats.seconds));
}

void Metrics::watch(const kube::ResourceFeed& feed) {
  const std::string_view name = feed.reflector().resource().name;
  FeedFigures& figures = feeds_[std::string(name)];
  figures.feed = &feed;
  const auto keep = [&](const Family& family, const auto& metric) {
    kept_.push_back(registry_.add(family, {{"resource", name}}, metric));
  };
  const kube::Reflector::Stats& stats = feed.reflector().stats();
  keep(kKubeListed, figures.listed);
  keep(kKubeSilent, figures.silent);
  keep(kKubeLists, stats.lists);
  keep(kKubeRelists, stats.relists);
  keep(kKubeWatches, stats.watches);
  keep(kKubeEvents, stats.events);
  keep(kKubeSkipped, stats.skipped);
  keep(kKubeFailures, stats.failures);
}

void Metrics::watch(const kube::KubeTokenReviewer& reviewer) {
  const auto keep = [&](std::string_view result, const Counter& counter) {
    kept_.push_back(registry_.add(kKubeReviews, {{"result", result}}, counter));
  };
  keep("authenticated", reviewer.stats().authenticated);
  keep("refused", reviewer.stats().refused);
  keep("failed", reviewer.stats().failed);
}

void Metrics::watch(const kube::WebhookKeeper& webhooks) {
  kept_.push_back(registry_.add(kBundles, {{"result", "patched"}}, webhooks.stats().patched));
  kept_.push_back(registry_.add(kBundles, {{"result", "failed"}}, webhooks.stats().failures));
}

void Metrics::watch(const ClusterWriter& writer) {
  writer_ = &writer;
  const auto keep = [&](const Family& family, const char* label, std::string_view value,
                        const auto& metric) {
    kept_.push_back(registry_.add(family, {{label, value}}, metric));
  };
  kept_.push_back(registry_.add(kLeader, {}, leader_));
  const kube::LeaderElection::Stats& lease = writer.lease().election().stats();
  keep(kLeaderChanges, "to", "acquired", lease.acquired);
  keep(kLeaderChanges, "to", "lost", lease.lost);
  keep(kLeaseFailures, "result", "conflict", lease.conflicts);
  keep(kLeaseFailures, "result", "failure", lease.failures);
  const kube::StatusWriter::Stats& status = writer.status().stats();
  keep(kStatusWrites, "result", "written", status.written);
  keep(kStatusWrites, "result", "conflict", status.conflicts);
  keep(kStatusWrites, "result", "failure", status.failures);
  kept_.push_back(registry_.add(kStatusWaiting, {}, status.waiting));
  keep(kKubeEventsSent, "result", "sent", writer.events().stats().sent);
  keep(kKubeEventsSent, "result", "dropped", writer.events().stats().dropped);
  kept_.push_back(registry_.add(kUnmeshedPods, {}, writer.unmeshed().found()));
  if (const ReplicaWatch* replicas = writer.replicas(); replicas != nullptr) {
    keep(kReplicaViews, "result", "answered", replicas->stats().answered);
    keep(kReplicaViews, "result", "failed", replicas->stats().failed);
    kept_.push_back(registry_.add(kReplicasKnown, {}, replicas->stats().known));
  }
}

void Metrics::watch(DoorFigures& figures, std::string_view name) {
  const auto keep = [&](const Family& family, std::string_view reason, const auto& metric) {
    kept_.push_back(reason.empty()
                        ? registry_.add(family, {{"door", name}}, metric)
                        : registry_.add(family, {{"door", name}, {"reason", reason}}, metric));
  };
  const Door::Stats& door = figures.door->stats();
  const xds::AdsServer::Stats& ads = figures.ads->stats();
  keep(kConnections, "", figures.connections);
  keep(kConnectionsAccepted, "", door.accepted);
  keep(kConnectionsRefused, "limit", door.refused_limit);
  keep(kConnectionsRefused, "protocol", door.refused_protocol);
  keep(kConnectionsRefused, "handshake", door.failed_handshakes);
  keep(kStreams, "", figures.streams);
  keep(kStreamsAccepted, "", ads.accepted);
  keep(kStreamsRefused, "limit", ads.refused);
  keep(kStreamsRefused, "denied", ads.denied);
  keep(kStreamsRefused, "broken", ads.broken);
  keep(kResponses, "", ads.responses);
  keep(kRejections, "", ads.rejections);
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
