#pragma once
// Manifests: what weft is in a cluster, as YAML: namespace, access, the control plane, webhooks.
//
// One source for `weft install`, k8s/install (kustomize) and k8s/helm: the texts are in
// manifest_texts/, and tests compare what is in the tree with what comes from here. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::control::cli {

struct InstallOptions {
  std::string name_space = "weft-system";
  std::string revision;  // beside another one; empty: the only one
  std::string image = "weft-control:" WEFT_VERSION;
  std::string sidecar_image = "weft-sidecar:" WEFT_VERSION;
  std::string bind = "0.0.0.0";  // "[::]" where pods have IPv6 only
  bool ha = false;               // several replicas, spread, with a budget
  bool crds = true;
};

struct Manifest {
  std::string file;  // "control.yaml"
  std::string text;  // one or more documents
};

// What of the options could not stand in a manifest.
[[nodiscard]] Status check_install(const InstallOptions& options);

// In the order in which they are to be applied. REQUIRES check_install().
[[nodiscard]] std::vector<Manifest> manifests(const InstallOptions& options);

// The templates of the chart; the namespace is Helm's.
[[nodiscard]] std::vector<Manifest> chart_templates();

// What `weft uninstall` takes away, head by head, in the order in which nothing stands in the way
// of anything: webhooks first, the namespace last, and the CRDs (with everybody's policies) only
// where `options.crds`. Of a revision the namespace stays.
[[nodiscard]] std::string uninstall_heads(const InstallOptions& options);

}  // namespace weft::control::cli
