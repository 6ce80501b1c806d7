#pragma once
// KubeConfig: where the API server is, whom to believe there and who we are: from what a pod is
// given, or from a kubeconfig file.
//
// Files are named here and read by KubeAccess, since a pod's token and CA change while it runs.
// exec and auth-provider plugins, passwords and insecure-skip-tls-verify are refused by name.
// Sources: Kubernetes "Accessing the API from a Pod"; client-go's kubeconfig v1.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sidecar/core/address.h"
#include "sidecar/core/result.h"

namespace weft::control::kube {

struct KubeConfig {
  static constexpr const char* kAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 443;
  std::string base_path;    // before every path; without a '/' at its end
  bool secured = true;      // http is for a proxy on this machine alone
  std::string server_name;  // instead of the host, in the certificate

  // Of each pair the file counts, when it is named.
  std::string roots_pem, roots_file;
  std::string token, token_file;
  std::string chain_pem, chain_file;  // a client certificate
  std::string key_pem, key_file;

  [[nodiscard]] std::string authority() const;
};

// `environment` answers for a variable's name; `directory` is where the account's files are.
[[nodiscard]] Result<KubeConfig> in_cluster_config(
    const std::function<std::optional<std::string>(const char*)>& environment,
    const std::string& directory = KubeConfig::kAccountDirectory);

// The file's current context. Paths in it are relative to it.
[[nodiscard]] Result<KubeConfig> read_kubeconfig(const std::string& path);

}  // namespace weft::control::kube
