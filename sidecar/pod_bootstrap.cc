#include "sidecar/pod_bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sidecar/config/start_file.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

// The control plane's own identity, which it has in every trust domain.
constexpr const char* kControlPath = "/ns/weft-system/sa/weft-control";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
         });
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> read_host_port(std::string_view text) {
  if (const Result<SocketAddress> address = SocketAddress::parse(text);
      address && address->is_ip()) {
    return HostPort{address->ip().to_string(), address->port()};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_name(text.substr(0, colon))) return std::nullopt;
  const std::optional<std::uint64_t> port = parse_u64(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return HostPort{std::string(text.substr(0, colon)), static_cast<std::uint16_t>(*port)};
}

// The variables, one by one.
class PodVariables final {
 public:
  explicit PodVariables(const Environment& environment) : environment_(environment) {}

  [[nodiscard]] std::string optional(const char* name) const {
    const char* value = environment_(name);
    return value == nullptr ? std::string() : std::string(trim(value));
  }
  [[nodiscard]] std::string require(const char* name) {
    std::string value = optional(name);
    if (value.empty()) refuse(name, "is not set");
    return value;
  }
  [[nodiscard]] std::string name(const char* variable) {
    std::string value = require(variable);
    if (!value.empty() && !is_name(value)) {
      refuse(variable, fmt::format("'{}' is no name", escape(value, 80)));
    }
    return value;
  }
  void refuse(const char* name, std::string_view what) {
    mistakes_ += fmt::format("{}{}: {}", mistakes_.empty() ? "" : "\n", name, what);
  }
  [[nodiscard]] const std::string& mistakes() const { return mistakes_; }

 private:
  const Environment& environment_;
  std::string mistakes_;
};

std::vector<IpAddress> read_addresses(PodVariables& variables) {
  std::vector<IpAddress> out;
  const std::string text = variables.require(pod::kPodAddressesVariable);
  if (text.empty()) return out;
  for (const std::string_view item : split(text, ',')) {
    if (const Result<IpAddress> address = IpAddress::parse(item); address) {
      out.push_back(*address);
    } else {
      variables.refuse(pod::kPodAddressesVariable,
                       fmt::format("'{}' is no address", escape(item, 80)));
    }
  }
  return out;
}

std::vector<std::string> read_roots(PodVariables& variables) {
  std::vector<std::string> out;
  const std::string text = variables.optional(pod::kRootsVariable);
  if (text.empty()) return out;
  for (const std::string_view item : split(text, ',')) {
    if (!is_digest(item)) {
      variables.refuse(pod::kRootsVariable,
                       fmt::format("'{}' is no SHA-256 in hex", escape(item, 80)));
    }
    out.emplace_back(item);
  }
  return out;
}

}  // namespace

Result<PodBootstrap> read_pod_environment(const Environment& environment) {
  PodVariables variables(environment);
  PodBootstrap out;
  const std::string name = variables.name(pod::kPodNameVariable);
  const std::string name_space = variables.name(pod::kPodNamespaceVariable);
  const std::string account = variables.name(pod::kServiceAccountVariable);
  const std::string trust_domain = variables.name(pod::kTrustDomainVariable);
  out.addresses = read_addresses(variables);
  const std::string control_text = variables.require(pod::kControlVariable);
  const std::optional<HostPort> control = read_host_port(control_text);
  if (!control && !control_text.empty()) {
    variables.refuse(pod::kControlVariable,
                     fmt::format("want host:port, found '{}'", escape(control_text, 80)));
  }
  std::vector<std::string> roots = read_roots(variables);
  std::string service = variables.optional(pod::kCanonicalServiceVariable);
  std::string revision = variables.optional(pod::kCanonicalRevisionVariable);
  if (service.empty()) service = name;
  if (revision.empty()) revision = "latest";
  Result<std::vector<AppProbe>> probes = read_app_probes(variables.optional(pod::kProbesVariable));
  if (!probes) variables.refuse(pod::kProbesVariable, probes.error().detail);
  if (!variables.mistakes().empty()) return fail(Fault::kInvalid, variables.mistakes());
  out.probes = std::move(*probes);
  out.start_file = config::write_start_file(
      {.title = fmt::format("Start of the sidecar of pod {}/{}, made from its environment",
                            name_space, name),
       .node_id = fmt::format("sidecar~{}~{}.{}~{}.svc.cluster.local",
                              out.addresses.front().to_string(), name, name_space, name_space),
       .cluster = fmt::format("{}.{}", service, name_space),
       .region = variables.optional(pod::kRegionVariable),
       .zone = variables.optional(pod::kZoneVariable),
       .node = variables.optional(pod::kNodeVariable),
       .admin = SocketAddress(IpAddress::v4(0x7f000001), pod::kAdminPort),
       .control_host = control->host,
       .control_port = control->port,
       .control_id = fmt::format("spiffe://{}{}", trust_domain, kControlPath),
       .token_file = pod::kTokenFile,
       .roots_sha256 = std::move(roots),
       .trust_domain = trust_domain,
       .name_space = name_space,
       .service_account = account,
       .workload = name,
       .canonical_service = service,
       .canonical_revision = revision});
  return out;
}

}  // namespace weft::sidecar
