#include "control/cluster_writer.h"

#include <algorithm>
#include <utility>

#include "control/authority.h"

namespace weft::control {

namespace {

constexpr std::string_view kControlLabel = "weft-control";
constexpr std::uint16_t kAdminPort = 15014;

}  // namespace

ClusterWriter::ClusterWriter(Turn& turn, kube::KubeClient& client, Random& random,
                             const Source& source, const KubernetesSource& cluster,
                             const Options& options)
    : source_(source),
      cluster_(cluster),
      options_(options),
      events_(turn, client, options.lease.identity, options.wall_clock),
      unmeshed_(turn, client, cluster, events_, options.injection),
      status_(turn, client, random, *this, options.status),
      lease_(turn, client, *this, options.lease, options.wall_clock) {
  if (options.connector != nullptr) replicas_.emplace(turn, *options.connector, *this);
}

ClusterWriter::~ClusterWriter() = default;

void ClusterWriter::start() {
  lease_.start();
  if (replicas_) replicas_->start();
}

void ClusterWriter::stop() {
  status_.stop();
  unmeshed_.stop();
  events_.stop();
}

void ClusterWriter::drain() {
  draining_ = true;
  stop();
  if (replicas_) replicas_->stop();
  lease_.resign();
}

void ClusterWriter::on_leading(bool leads) {
  if (draining_) return;
  if (!leads) return stop();
  status_.note_change();
  unmeshed_.start();
}

// By the label that the manifests give all of them, of whatever revision.
std::vector<SocketAddress> ClusterWriter::other_replicas() const {
  std::vector<SocketAddress> out;
  const std::string own(Authority::kOwnNamespace);
  const kube::Translation::Pods& pods = cluster_.pods();
  for (auto at = pods.lower_bound({own, ""}); at != pods.end() && at->first.name_space == own;
       ++at) {
    const kube::PodFacts& pod = at->second;
    const auto name = pod.labels.find("app.kubernetes.io/name");
    if (name == pod.labels.end() || name->second != kControlLabel) continue;
    if (at->first.name == options_.pod || pod.addresses.empty()) continue;
    const auto port = std::ranges::find(pod.ports, "admin", &WorkloadPort::name);
    out.emplace_back(pod.addresses.front(), port == pod.ports.end() ? kAdminPort : port->port);
  }
  return out;
}

kube::WantedStatuses ClusterWriter::wanted_statuses() {
  tell_of_refused();
  const Registry& registry = source_.known_objects();
  const ReplicaViews others = replicas_ ? replicas_->views() : ReplicaViews();
  const SidecarCounts sidecars(*registry.mesh(), source_.known_clients(), others);
  return kube::wanted_statuses(registry, sidecars, cluster_.status_book());
}

// A status says it as well; `kubectl get events` says it to who does not look there, and of kinds
// whose status is another controller's.
void ClusterWriter::tell_of_refused() {
  const Registry& registry = source_.known_objects();
  const ObjectKey* last = nullptr;  // one event for each object, however much is wrong with it
  for (const Problem& problem : registry.problems()) {
    if (!problem.key || (last != nullptr && *last == *problem.key)) continue;
    last = &*problem.key;
    const kube::HeldStatus* held = cluster_.status_book().entry(*problem.key);
    if (held == nullptr) continue;
    events_.tell({.api_version = held->api_version,
                  .kind = std::string(name_of(problem.key->kind)),
                  .name_space = problem.key->name.name_space,
                  .name = problem.key->name.name,
                  .uid = held->uid,
                  .reason = "Refused",
                  .action = "Read",
                  .note = registry.mistakes_of(*last) +
                          (problem.older_holds ? "; the version before holds" : "")});
  }
}

const kube::StatusBook& ClusterWriter::status_book() const { return cluster_.status_book(); }

}  // namespace weft::control
