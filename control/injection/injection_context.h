#pragma once
// InjectionContext: everything that decides how a pod is injected and does not stand in the pod:
// its namespace, the control plane that does it, the defaults of the sidecar. Values only.

#include <map>
#include <string>
#include <vector>

namespace weft::control::injection {

// Requests are what a busy sidecar of a small service needs (it idles far below), so that meshing a
// cluster does not fill its nodes on paper. Memory has a limit because the sidecar's own guard
// sheds load against it; processor time has none: throttling in the middle of a request is latency
// for everybody, and the request already shares fairly.
struct SidecarResources {
  std::string cpu_request = "20m";
  std::string memory_request = "32Mi";
  std::string cpu_limit;  // empty: none
  std::string memory_limit = "256Mi";
};

struct InjectionContext {
  // Where the pod will be; a pod under review often does not say.
  std::string name_space = "default";
  std::map<std::string, std::string> namespace_labels;

  std::string image = "weft-sidecar:" WEFT_VERSION;
  // With the tools that load rules; empty: weft-redirect, where `image` is weft-sidecar, as its
  // own.
  std::string redirect_image;
  std::string pull_policy;  // empty: Kubernetes' own default
  std::string binary = "/usr/local/bin/weft-sidecar";
  std::string version = WEFT_VERSION;
  std::string revision = "default";

  std::string control = "weft-control.weft-system.svc:15012";
  std::string trust_domain = "cluster.local";
  std::vector<std::string> roots_sha256;  // whom the sidecar trusts at first

  bool native = true;  // false: for clusters without native sidecars (before Kubernetes 1.29)
  bool dns = false;    // capture the pod's DNS
  SidecarResources resources;
};

}  // namespace weft::control::injection
