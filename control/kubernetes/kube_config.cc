#include "control/kubernetes/kube_config.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "control/files.h"
#include "sidecar/config/document.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

using config::Value;

constexpr std::size_t kKubeconfigBytesMax = 1024 * 1024;

Result<std::uint16_t> read_port(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number == 0 || *number > 65535) {
    return fail(Fault::kInvalid, fmt::format("'{}' is no port", escape(text, 32)));
  }
  return static_cast<std::uint16_t>(*number);
}

std::string kube_text(const Value* map, std::string_view key) {
  const Value* value = map == nullptr || !map->is_map() ? nullptr : map->find(key);
  return value != nullptr && value->is_scalar() ? value->text() : std::string();
}

// The member of a list of {name: …, <what>: …} with that name.
const Value* named(const Value& root, std::string_view list, std::string_view name,
                   std::string_view what) {
  const Value* all = root.find(list);
  if (all == nullptr || !all->is_list()) return nullptr;
  for (const Value& one : all->items()) {
    if (one.is_map() && kube_text(&one, "name") == name) return one.find(what);
  }
  return nullptr;
}

// "https://10.0.0.1:6443/prefix"
Status read_server(std::string_view url, KubeConfig& out) {
  const auto bad = [whole = url](std::string_view what) -> Status {
    return fail(Fault::kInvalid, fmt::format("server '{}': {}", escape(whole, 128), what));
  };
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
    out.secured = false;
    out.port = 80;
  } else {
    return bad("want https://HOST:PORT");
  }
  const std::size_t slash = url.find('/');
  std::string_view host = url.substr(0, slash);
  if (slash != std::string_view::npos) out.base_path = url.substr(slash);
  while (out.base_path.ends_with('/')) out.base_path.pop_back();
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const Result<std::uint16_t> port = read_port(host.substr(colon + 1));
    if (!port) return bad(port.error().detail);
    out.port = *port;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return bad("want a host");
  out.host = host;
  const Result<IpAddress> address = IpAddress::parse(out.host);
  const bool here = out.host == "localhost" || (address && address->is_loopback());
  if (!out.secured && !here) return bad("http is for this machine alone");
  return {};
}

// A value in base64 beside the name of a file with the same.
Status read_pair(const Value* map, std::string_view key, const std::string& directory,
                 std::string& pem, std::string& file) {
  file = kube_text(map, key);
  if (!file.empty() && !file.starts_with('/')) file = directory + "/" + file;
  const std::string data = kube_text(map, fmt::format("{}-data", key));
  if (data.empty()) return {};
  const std::optional<std::string> decoded = decode_base64(data);
  if (!decoded) return fail(Fault::kInvalid, fmt::format("{}-data: not base64", key));
  pem = *decoded;
  file.clear();
  return {};
}

Status read_user(const Value* user, const std::string& directory, KubeConfig& out) {
  if (user == nullptr) return {};
  for (const char* key : {"exec", "auth-provider", "username"}) {
    if (user->find(key) != nullptr) {
      return fail(Fault::kInvalid, fmt::format("user: {} is not supported", key));
    }
  }
  out.token = kube_text(user, "token");
  out.token_file = kube_text(user, "tokenFile");
  if (!out.token_file.empty() && !out.token_file.starts_with('/')) {
    out.token_file = directory + "/" + out.token_file;
  }
  for (const Status& read :
       {read_pair(user, "client-certificate", directory, out.chain_pem, out.chain_file),
        read_pair(user, "client-key", directory, out.key_pem, out.key_file)}) {
    if (!read) return read;
  }
  return {};
}

}  // namespace

std::string KubeConfig::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

Result<KubeConfig> in_cluster_config(
    const std::function<std::optional<std::string>(const char*)>& environment,
    const std::string& directory) {
  const std::optional<std::string> host = environment("KUBERNETES_SERVICE_HOST");
  const std::optional<std::string> port = environment("KUBERNETES_SERVICE_PORT");
  if (!host || host->empty() || !port) {
    return fail(Fault::kInvalid,
                "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set "
                "(or give --kubeconfig FILE)");
  }
  KubeConfig out{
      .host = *host, .roots_file = directory + "/ca.crt", .token_file = directory + "/token"};
  const Result<std::uint16_t> number = read_port(*port);
  if (!number) return fail(Fault::kInvalid, "KUBERNETES_SERVICE_PORT: " + number.error().detail);
  out.port = *number;
  return out;
}

Result<KubeConfig> read_kubeconfig(const std::string& path) {
  const Result<std::string> text = read_file(path, kKubeconfigBytesMax);
  if (!text) return fail(text.error());
  const Result<std::vector<config::Document>> documents = config::parse_documents(*text, path);
  if (!documents) return fail(documents.error());
  if (documents->size() != 1 || !documents->front().root.is_map()) {
    return fail(Fault::kInvalid, path + ": want one kubeconfig");
  }
  const Value& root = documents->front().root;
  const std::string directory =
      path.find('/') == std::string::npos ? std::string(".") : path.substr(0, path.rfind('/'));
  const std::string current = kube_text(&root, "current-context");
  const Value* context = named(root, "contexts", current, "context");
  if (context == nullptr) {
    return fail(Fault::kInvalid, fmt::format("{}: there is no context '{}'", path, current));
  }
  const std::string cluster_name = kube_text(context, "cluster");
  const Value* cluster = named(root, "clusters", cluster_name, "cluster");
  if (cluster == nullptr || !cluster->is_map()) {
    return fail(Fault::kInvalid, fmt::format("{}: there is no cluster '{}'", path, cluster_name));
  }
  KubeConfig out;
  if (kube_text(cluster, "insecure-skip-tls-verify") == "true") {
    return fail(Fault::kInvalid, path + ": insecure-skip-tls-verify is not supported");
  }
  out.server_name = kube_text(cluster, "tls-server-name");
  for (const Status& read :
       {read_server(kube_text(cluster, "server"), out),
        read_pair(cluster, "certificate-authority", directory, out.roots_pem, out.roots_file),
        read_user(named(root, "users", kube_text(context, "user"), "user"), directory, out)}) {
    if (!read) return fail(Fault::kInvalid, path + ": " + read.error().detail);
  }
  if (out.secured && out.roots_pem.empty() && out.roots_file.empty()) {
    return fail(Fault::kInvalid, path + ": certificate-authority is required");
  }
  return out;
}

}  // namespace weft::control::kube
