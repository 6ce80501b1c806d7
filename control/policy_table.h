#pragma once
// PolicyTable: which TrafficPolicy holds at which place of the hierarchy: at most one each, since
// the older of two wins whole (GEP-713).
//
// A policy in the namespace of what it names holds for everybody; one from elsewhere for traffic
// from its own namespace only. Immutable once joined; part of a Mesh.

#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/condition.h"
#include "control/model/traffic_policy.h"

namespace weft::control {

struct Mesh;

class PolicyTable final {
 public:
  struct Place {
    PolicyTarget::Kind kind = PolicyTarget::Kind::kService;
    ObjectName object;
    std::string section;           // a Service's port by number, a route's rule by name
    std::string client_namespace;  // empty: everybody
    auto operator<=>(const Place&) const = default;
  };

  PolicyTable() = default;
  // `policies` in order of precedence. What names nothing or loses everywhere is said in
  // `conditions`.
  PolicyTable(const Mesh& mesh, const std::vector<std::shared_ptr<const TrafficPolicy>>& policies,
              std::vector<Condition>& conditions);

  [[nodiscard]] const TrafficPolicy* find(const Place& place) const;
  // Namespaces with policies of their own for what is elsewhere.
  [[nodiscard]] const std::set<std::string>& consumers() const { return consumers_; }
  [[nodiscard]] const std::map<Place, std::shared_ptr<const TrafficPolicy>>& all() const {
    return policies_;
  }

 private:
  std::map<Place, std::shared_ptr<const TrafficPolicy>> policies_;
  std::set<std::string> consumers_;
};

}  // namespace weft::control
