#include "control/admission.h"

#include <fmt/format.h>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

Status admit_sidecar(const Mesh& mesh, const xds::NodeInfo& asking) {
  if (asking.identity.empty()) {
    return fail(Fault::kDenied, "configuration is told only over mTLS: show a certificate");
  }
  const Node node = Node::parse(asking.id);
  if (node.kind != Node::Kind::kSidecar) {
    return fail(Fault::kDenied,
                fmt::format("node.id '{}' names no Workload's sidecar", escape(asking.id)));
  }
  const SpiffeId& shown = asking.identity;
  const auto workload = mesh.workloads.find(node.workload);
  const bool own = workload != mesh.workloads.end()
                       ? shown == mesh.identity_of(*workload->second)
                       : shown.trust_domain() == mesh.config->trust_domain &&
                             shown.name_space() == node.workload.name_space &&
                             !shown.service_account().empty();
  if (own) return {};
  return fail(Fault::kDenied, fmt::format("{} is not the identity of Workload {}", shown.uri(),
                                          node.workload.to_string()));
}

}  // namespace

std::string_view name_of(DoorKind kind) {
  switch (kind) {
    case DoorKind::kTls:
      return "tls";
    case DoorKind::kPlain:
      return "plaintext";
  }
  return {};
}

Status admit(const Mesh& mesh, DoorKind door, const xds::NodeInfo& node) {
  switch (door) {
    case DoorKind::kTls:
      return admit_sidecar(mesh, node);
    case DoorKind::kPlain:
      if (Node::parse(node.id).kind == Node::Kind::kProxyless) return {};
      return fail(Fault::kDenied, "this port is for gRPC clients; a sidecar asks over mTLS");
  }
  return fail(Fault::kInternal, "no such door");
}

bool may_be_told(const Mesh& mesh, const Node& node, const SpiffeId& identity) {
  if (node.kind == Node::Kind::kProxyless) return true;
  const auto workload = mesh.workloads.find(node.workload);
  return workload != mesh.workloads.end() && workload->second->sidecar &&
         identity == mesh.identity_of(*workload->second);
}

}  // namespace weft::control
