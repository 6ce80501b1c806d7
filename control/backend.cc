#include "control/backend.h"

#include <fmt/format.h>

namespace weft::control {

Backend find_backend(const Mesh& mesh, const BackendRef& ref, const BackendQuestion& question) {
  using enum Backend::Why;
  Backend out;
  if (!ref.unusable.empty()) {
    out.why = kUnusable;
    return out;
  }
  out.service = mesh.find_service(ref.service);
  if (out.service == nullptr) return out;
  const bool only = ref.port == 0 && out.service->ports.size() == 1;
  out.port = only ? &out.service->ports.front()
                  : out.service->find_port(ref.port == 0 ? question.port : ref.port);
  if (out.port == nullptr) {
    out.why = kNoPort;
  } else if (out.port->is_http() != question.http) {
    out.why = kWrongProtocol;
  } else {
    out.why = kFound;
  }
  // Whoever may write a name there could send other people's calls to wherever it leads, with what
  // they carry (CVE-2021-25740).
  const bool external = !out.service->service->external_name.empty();
  if (out.found() && external && ref.home != ref.service.name_space) out.why = kNotTheirs;
  if (!out.found() || ref.subset.empty()) return out;
  const DestinationRule* rule = mesh.destinations.find(ref.service, question.clients);
  out.subset = rule == nullptr || external ? nullptr : rule->find_subset(ref.subset);
  if (out.subset == nullptr) out.why = kNoSubset;
  return out;
}

BackendObjection objection_to(const Backend& backend, const BackendRef& ref,
                              const BackendQuestion& question) {
  const std::string service = ref.service.to_string();
  switch (backend.why) {
    case Backend::Why::kFound:
      return {};
    case Backend::Why::kUnusable:
      return {.reason = "InvalidKind", .message = ref.unusable};
    case Backend::Why::kNoService:
      return {.reason = "BackendNotFound",
              .message = fmt::format("there is no Service {}", service)};
    case Backend::Why::kNoPort:
      return {.reason = "BackendNotFound",
              .message = fmt::format("Service {} has no port {}", service,
                                     ref.port == 0 ? question.port : ref.port)};
    case Backend::Why::kWrongProtocol:
      return {.reason = "UnsupportedProtocol",
              .message = fmt::format("port {} of Service {} is {}HTTP", backend.port->port, service,
                                     question.http ? "not " : "")};
    case Backend::Why::kNoSubset:
      return {.reason = "SubsetNotFound",
              .message = fmt::format("no DestinationRule for Service {} has a subset {}", service,
                                     ref.subset)};
    case Backend::Why::kNotTheirs:
      return {.reason = "RefNotPermitted",
              .message = fmt::format("Service {} is an ExternalName, which only routes of its own "
                                     "namespace may name",
                                     service)};
  }
  return {};
}

}  // namespace weft::control
