#pragma once
// Metadata: what every document begins with: which kind it is, its name, labels and annotations.

#include <cstdint>
#include <map>
#include <string>

#include "control/model/names.h"
#include "control/model/reader.h"

namespace weft::control {

using Labels = std::map<std::string, std::string>;

struct Metadata {
  ObjectName name;
  Labels labels;
  Labels annotations;
  std::string created;  // RFC 3339 in UTC, so that text order is time order; empty when not known
  std::string place;    // "cart.yaml:12", for messages about what is only seen later
  // How often Kubernetes has seen its spec change; 0 where nobody counts.
  std::uint64_t generation = 0;

  bool operator==(const Metadata&) const = default;
};

// Reads `metadata` of a document; `namespaced` kinds without a namespace live in "default".
void read_metadata(Reader& document, bool namespaced, Metadata& out);

// Whether every pair of `selector` is a label; an empty selector selects nothing, as a Service's
// does.
[[nodiscard]] bool selects(const Labels& selector, const Labels& labels);

}  // namespace weft::control
