#pragma once
// The metrics of weft-control: the names of schemas.md section 2, and their help.

#include "telemetry/family.h"

namespace weft::control::families {

using telemetry::Family;
using enum telemetry::MetricType;

// ---- the mesh, and who has it ----

inline constexpr Family kSidecars{"weft_control_sidecars", kGauge,
                                  "Sidecars of the mesh: current, behind, refused (told the newest "
                                  "generation, but not all of it taken), missing."};
inline constexpr Family kClients{"weft_control_clients", kGauge, "gRPC clients without a sidecar."};
inline constexpr Family kPush{"weft_control_push_seconds", kHistogram,
                              "From a new generation to a client that has answered all of it."};
inline constexpr Family kObjects{
    "weft_control_objects", kGauge,
    "Objects by kind; refused: their present text is bad, an earlier one "
    "may hold."};
inline constexpr Family kProblems{"weft_control_problems", kGauge,
                                  "Mistakes in the configuration directory, as /mesh lists them."};
inline constexpr Family kConditions{
    "weft_control_conditions", kGauge,
    "Accepted objects that name what is not there, as /mesh lists them."};
inline constexpr Family kReads{
    "weft_control_reads_total", kCounter,
    "Times the configuration directory was read anew, by what came of it."};
inline constexpr Family kSourceReadable{"weft_control_source_readable", kGauge,
                                        "1 while the configuration directory can be read."};
inline constexpr Family kStateSaved{
    "weft_control_state_saved", kGauge,
    "1 while what was accepted can be saved; otherwise nothing new is "
    "told."};
inline constexpr Family kGeneration{"weft_control_generation", kGauge, "The newest generation."};

// ---- certificates ----

inline constexpr Family kSignings{"weft_control_signings_total", kCounter,
                                  "Requests for a certificate, by result."};
inline constexpr Family kRootExpires{"weft_control_root_expiry_timestamp_seconds", kGauge,
                                     "When the root certificate expires."};
inline constexpr Family kCertificateExpires{"weft_control_certificate_expiry_timestamp_seconds",
                                            kGauge,
                                            "When the control plane's own certificate expires."};

// ---- the way in ----

inline constexpr Family kConnections{"weft_control_connections", kGauge,
                                     "Connections that are there, by door."};
inline constexpr Family kConnectionsAccepted{"weft_control_connections_accepted_total", kCounter,
                                             "Connections accepted, by door."};
inline constexpr Family kConnectionsRefused{"weft_control_connections_refused_total", kCounter,
                                            "Connections cut off, by door and reason."};
inline constexpr Family kStreams{"weft_control_streams", kGauge, "Streams of ADS, by door."};
inline constexpr Family kStreamsAccepted{"weft_control_streams_accepted_total", kCounter,
                                         "Streams of ADS accepted, by door."};
inline constexpr Family kStreamsRefused{
    "weft_control_streams_refused_total", kCounter,
    "Streams of ADS refused or broken off, by door and reason."};
inline constexpr Family kResponses{"weft_control_responses_total", kCounter,
                                   "Messages of configuration sent, by door."};
inline constexpr Family kRejections{"weft_control_rejections_total", kCounter,
                                    "Answers of clients that refuse something (NACK), by door."};

// ---- webhooks ----

inline constexpr Family kInjections{
    "weft_control_injections_total", kCounter,
    "Admission reviews of pods, by result; allowed ones by reason."};
inline constexpr Family kValidations{"weft_control_validations_total", kCounter,
                                     "Admission reviews of configuration, by result."};
inline constexpr Family kReviewSeconds{"weft_control_review_seconds", kHistogram,
                                       "To answer one admission review."};

// ---- the API server ----

inline constexpr Family kKubeListed{"weft_control_kube_listed", kGauge,
                                    "1 once all objects of a resource have been listed."};
inline constexpr Family kKubeSilent{
    "weft_control_kube_silent_seconds", kGauge,
    "Since the API server last said something of a resource; a quiet one "
    "is heard of about every minute."};
inline constexpr Family kKubeLists{"weft_control_kube_lists_total", kCounter,
                                   "Whole lists read from the API server, by resource."};
inline constexpr Family kKubeRelists{"weft_control_kube_relists_total", kCounter,
                                     "Times that what was missed was gone (410), by resource."};
inline constexpr Family kKubeWatches{"weft_control_kube_watches_total", kCounter,
                                     "Watches asked for, by resource."};
inline constexpr Family kKubeEvents{"weft_control_kube_events_total", kCounter,
                                    "Events of watches, by resource."};
inline constexpr Family kKubeSkipped{
    "weft_control_kube_skipped_total", kCounter,
    "Objects and events that could not be understood or were too large, "
    "by resource."};
inline constexpr Family kKubeFailures{
    "weft_control_kube_failures_total", kCounter,
    "Lists and watches that the API server refused or broke off, by "
    "resource."};
inline constexpr Family kKubeReviews{"weft_control_kube_token_reviews_total", kCounter,
                                     "Tokens that the API server was asked about, by result."};

// ---- scopes ----

inline constexpr Family kScopes{
    "weft_control_scopes", kGauge,
    "Sidecars that were told of the newest generation, by how much of the "
    "mesh they know."};
inline constexpr Family kScopeServices{"weft_control_scope_services_max", kGauge,
                                       "The most Services that a sidecar with a scope knows."};
inline constexpr Family kDestinations{
    "weft_control_on_demand_destinations", kGauge,
    "Destinations that sidecars ask for now, by whether the mesh has "
    "them."};

// ---- what is written there ----

inline constexpr Family kLeader{
    "weft_control_leader", kGauge,
    "1 while this replica holds the Lease, and so writes status and events."};
inline constexpr Family kLeaderChanges{
    "weft_control_leader_transitions_total", kCounter,
    "Times that this replica came to lead (acquired) and stopped "
    "without giving the Lease back (lost)."};
inline constexpr Family kLeaseFailures{"weft_control_lease_failures_total", kCounter,
                                       "Requests for the Lease that somebody else was faster with "
                                       "(conflict) or that had no answer (failure)."};
inline constexpr Family kStatusWrites{
    "weft_control_status_writes_total", kCounter,
    "Statuses written to the API server, by result; a conflict is "
    "tried again."};
inline constexpr Family kStatusWaiting{"weft_control_status_waiting", kGauge,
                                       "Objects whose status is to be written."};
inline constexpr Family kKubeEventsSent{
    "weft_control_events_total", kCounter,
    "Events for people, sent to the API server or dropped (too many, "
    "or refused)."};
inline constexpr Family kUnmeshedPods{
    "weft_control_unmeshed_pods", kGauge,
    "Pods that ask for a sidecar and have none; known to the leader."};
inline constexpr Family kReplicaViews{
    "weft_control_replica_views_total", kCounter,
    "Times that another replica was asked which sidecars it serves, by "
    "result; the leader asks."};
inline constexpr Family kReplicasKnown{"weft_control_replicas_known", kGauge,
                                       "Other replicas whose sidecars count in status."};
inline constexpr Family kBundles{
    "weft_control_webhook_bundles_total", kCounter,
    "Webhook configurations whose caBundle was set right, or could not be."};

}  // namespace weft::control::families
