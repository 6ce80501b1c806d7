#include "tests/control/route_rig.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "control/cli/route_query.h"
#include "control/planner/planner.h"
#include "tests/control/objects.h"

namespace weft::control::testing {

namespace {

std::string rig_workload(const std::string& name, const std::string& name_space,
                         const std::string& app, const std::string& version, int address) {
  return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         ", namespace: " + name_space + ", labels: {app: " + app + ", version: " + version +
         "}}\nspec: {address: 127.5.1." + std::to_string(address) + ", serviceAccount: " + app +
         ", ports: [{name: http, port: 8080, appPort: 9001}, {name: tcp, port: 8081, appPort: "
         "9002}]}\n---\n";
}

// "outbound|80|v2|a.shop.svc.cluster.local" -> "a|v2".
std::string short_cluster(const std::string& cluster) {
  const std::size_t first = cluster.find('|', cluster.find('|') + 1);
  const std::size_t second = cluster.find('|', first + 1);
  if (first == std::string::npos || second == std::string::npos) return cluster;
  const std::string host = cluster.substr(second + 1);
  const std::string subset = cluster.substr(first + 1, second - first - 1);
  return host.substr(0, host.find('.')) + (subset.empty() ? "" : "|" + subset);
}

}  // namespace

const std::string& route_shop() {
  static const std::string kText =
      "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {selector: {app: "
      "a}, ports: [{name: http, port: 80, targetPort: http}, {name: tcp, port: 9000, targetPort: "
      "tcp}]}\n---\n"
      "apiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: shop}\nspec: {selector: {app: "
      "b}, ports: [{name: http, port: 80, targetPort: http}, {name: tcp, port: 81, targetPort: "
      "tcp}]}\n---\n" +
      rig_workload("a-1", "shop", "a", "v1", 1) + rig_workload("a-2", "shop", "a", "v2", 2) +
      rig_workload("b-1", "shop", "b", "v1", 3) + rig_workload("a-9", "other", "c", "v1", 9);
  return kText;
}

std::string went(const std::shared_ptr<const Mesh>& mesh, const std::string& url,
                 const RequestHeaders& headers, const std::string& from,
                 const std::string& method) {
  const auto answer =
      cli::ask_route(mesh, {.method = method, .url = url, .headers = headers, .from = from});
  if (!answer) return answer.error().detail;
  if (answer->route.empty()) return "404";
  std::string out = answer->route + ":";
  for (const auto& group : answer->groups) {
    out += (&group == answer->groups.data() ? " " : ", ") + short_cluster(group.cluster);
    if (answer->groups.size() > 1) out += " " + std::to_string(group.weight);
  }
  return answer->groups.empty() ? out + " " + answer->outcome : out;
}

std::shared_ptr<const xds::ResourceSet> told_to(const std::shared_ptr<const Mesh>& mesh,
                                                const std::string& workload) {
  const std::size_t slash = workload.find('/');
  const ObjectName name{workload.substr(0, slash), workload.substr(slash + 1)};
  auto set = plan(mesh, Node::parse(Node::make_id("127.5.1.1", name)));
  EXPECT_EQ(judge(*set), "");
  return set;
}

std::string text_of(const xds::ResourceSet& set, std::string_view type, const std::string& name) {
  const auto* table = set.find(type);
  if (table == nullptr || !table->resources.contains(name)) return "no " + name;
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  std::string out;
  printer.PrintToString(table->resources.at(name)->body, &out);
  return out;
}

}  // namespace weft::control::testing
