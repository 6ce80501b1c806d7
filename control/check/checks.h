#pragma once
// Checks: what `weft check` makes of what the API server told: line by line what holds and what
// does not, and what to do about it. Each part looks at one thing and adds its lines. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "control/check/cluster_facts.h"
#include "control/check/report.h"
#include "control/kubernetes/resource.h"
#include "sidecar/core/clock.h"

namespace weft::control::check {

// Before anything is installed: could it be, and would it work?
[[nodiscard]] Report check_before_install(const ClusterFacts& facts);
// What is installed: is it whole, and does it do its work?
[[nodiscard]] Report check_installed(const ClusterFacts& facts, WallTime now);

// ---- their parts ----

void check_kubernetes(const ClusterFacts& facts, Report& report);
// Ours, which have to be those of this weft; and others' (Gateway API, Istio), which are never ours
// to write.
void check_own_definitions(const ClusterFacts& facts, bool before_install, Report& report);
// Whether somebody else has to bring the kind: neither ours nor the API server's own.
[[nodiscard]] bool is_foreign_definition(const kube::Resource& resource);
void check_foreign_definitions(const ClusterFacts& facts, Report& report);
void check_permissions(const ClusterFacts& facts, std::string_view who, std::string_view remedy,
                       Report& report);
void check_control_plane(const ClusterFacts& facts, Report& report);
// The root certificate in PEM; empty where it is not known.
[[nodiscard]] std::string check_root(const ClusterFacts& facts, WallTime now, Report& report);
void check_webhooks(const ClusterFacts& facts, const std::string& root_pem, WallTime now,
                    Report& report);
// What weft-control counts of itself: how long its certificate lasts, which sidecars it misses.
void check_figures(const ClusterFacts& facts, WallTime now, Report& report);
void check_namespaces(const ClusterFacts& facts, Report& report);
void check_pods(const ClusterFacts& facts, Report& report);

// The version of weft-control that is installed, as its image says; empty: not known.
[[nodiscard]] std::string control_version(const ClusterFacts& facts);

// The sum of a family's samples whose labels are these, "" for any: `state="missing"`; nothing
// where there is none.
[[nodiscard]] std::optional<double> figure_in(std::string_view page, std::string_view family,
                                              std::string_view labels = "");

// "128Mi" -> bytes; nothing where it is no quantity.
[[nodiscard]] std::optional<double> parse_quantity(std::string_view text);

}  // namespace weft::control::check
