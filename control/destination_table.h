#pragma once
// DestinationTable: which DestinationRule holds for a Service and clients of a namespace: at most
// one, the first of those in the client's namespace, the Service's and the mesh's own; the older of
// two there. Immutable once joined; part of a Mesh.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/condition.h"
#include "control/model/destination_rule.h"

namespace weft::control {

struct Mesh;

class DestinationTable final {
 public:
  using RulePtr = std::shared_ptr<const DestinationRule>;

  DestinationTable() = default;
  // `rules` in order of precedence. What names nothing, selects nothing or loses everywhere is said
  // in `conditions`.
  DestinationTable(const Mesh& mesh, const std::vector<RulePtr>& rules,
                   std::vector<Condition>& conditions);

  // Null when there is none. `clients`: their namespace; empty: one without rules of its own.
  [[nodiscard]] const DestinationRule* find(const ObjectName& service,
                                            std::string_view clients) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }
  // Namespaces whose clients have other rules than everybody.
  [[nodiscard]] const std::set<std::string>& consumers() const { return consumers_; }

 private:
  using Place = std::pair<ObjectName, std::string>;  // a Service and the clients' namespace
  void choose(const ObjectName& service, const std::vector<RulePtr>& rules,
              std::vector<Condition>& conditions);

  std::map<Place, RulePtr> rules_;
  std::set<std::string> consumers_;
};

// Whether a Workload with those labels is of the subset, if it is of the Service.
[[nodiscard]] bool selects(const Subset& subset, const Labels& labels);

}  // namespace weft::control
