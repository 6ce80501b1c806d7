#include "control/model/destination_rule.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

const PolicyFields& DestinationPolicy::of(std::uint16_t port) const {
  const auto found = ports.find(port);
  return found == ports.end() ? fields : found->second;
}

const Subset* DestinationRule::find_subset(std::string_view name) const {
  const auto found = std::ranges::find(subsets, name, &Subset::name);
  return found == subsets.end() ? nullptr : &*found;
}

DestinationRule read_destination_rule(Reader& document) {
  DestinationRule out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    std::string host;
    if (spec.require("host") && spec.text("host", host)) {
      if (std::optional<ObjectName> service = service_of_host(host, out.metadata.name.name_space)) {
        out.service = *std::move(service);
      } else {
        spec.refuse("host", fmt::format("'{}' is no Service of the cluster; others are not "
                                        "supported yet",
                                        escape(host, 64)));
      }
    }
    read_exports(spec, out.metadata.name, out.exports);
    spec.unsupported("workloadSelector");
    read_destination_policy(spec, out.policy);
    spec.each("subsets", DestinationRule::kSubsetsMax, [&](Reader& item) {
      Subset subset{.line = item.position().line};
      // Its name is a part of the cluster's, between '|'.
      if (item.require("name")) item.text("name", subset.name, check_label_value);
      if (item.has("name") && subset.name.empty()) item.refuse("name", "must not be empty");
      item.text_map("labels", subset.labels, 64, check_label_key, check_label_value);
      read_destination_policy(item, subset.policy);
      if (out.find_subset(subset.name) != nullptr) {
        item.refuse("name", "is another subset's name already");
      }
      out.subsets.push_back(std::move(subset));
    });
  });
  return out;
}

}  // namespace weft::control
