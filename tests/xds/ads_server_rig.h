#pragma once
// Server: the server's half of ADS that is told requests and says responses as lines of text.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/xds/ads_text.h"
#include "xds/server_state.h"

namespace weft::xds::testing {

using Content = std::map<std::string, Named>;  // by type

inline std::vector<Resource> resources_of(const Content& content) {
  std::vector<Resource> out;
  for (const auto& [type, named] : content) {
    for (const auto& [name, text] : named) out.push_back(resource(type, name, text));
  }
  return out;
}

class Server {
 public:
  explicit Server(Variant v, const Content& content = {}) : variant(v), state(v, "weft") {
    has(content);
  }

  // A new generation with this content.
  void has(const Content& content) {
    set = make_resource_set(++generation, resources_of(content), set.get());
    state.on_resources(set);
  }
  // Everything it says without hearing anything.
  std::string says() {
    std::string out;
    while (const auto bytes = state.next_response()) out += response_text(variant, *bytes) + "\n";
    return out;
  }
  struct Sotw {
    std::string version;
    std::vector<std::string> names;
    std::string nonce;
    std::string error;
  };
  std::string hears(std::string_view type, const Sotw& said) {
    envoy::service::discovery::v3::DiscoveryRequest request;
    request.set_type_url(type_url(type));
    request.set_version_info(said.version);
    request.set_response_nonce(said.nonce);
    for (const auto& name : said.names) request.add_resource_names(name);
    if (!said.error.empty()) request.mutable_error_detail()->set_message(said.error);
    if (const Status s = state.on_request(request); !s) return to_string(s.error());
    return says();
  }
  struct Delta {
    std::vector<std::string> subscribe;
    std::vector<std::string> unsubscribe;
    std::map<std::string, std::string> holds;
    std::string nonce;
    std::string error;
  };
  std::string hears(std::string_view type, const Delta& said) {
    envoy::service::discovery::v3::DeltaDiscoveryRequest request;
    request.set_type_url(type_url(type));
    request.set_response_nonce(said.nonce);
    for (const auto& name : said.subscribe) request.add_resource_names_subscribe(name);
    for (const auto& name : said.unsubscribe) request.add_resource_names_unsubscribe(name);
    for (const auto& [name, version] : said.holds)
      (*request.mutable_initial_resource_versions())[name] = version;
    if (!said.error.empty()) request.mutable_error_detail()->set_message(said.error);
    if (const Status s = state.on_request(request); !s) return to_string(s.error());
    return says();
  }
  // Answers whatever is unanswered, until nothing more is said.
  std::string converses(std::string said) {
    std::string out = said;
    while (!said.empty()) {
      const std::size_t at = said.find(" n=") + 3;
      const std::string nonce = said.substr(at, said.find_first_of(" \n", at) - at);
      const std::string type = said.substr(0, said.find(' '));
      said = acks(type, nonce);
      out += said;
    }
    return out;
  }
  std::string acks(std::string_view type, const std::string& nonce, const std::string& error = "") {
    const std::string name(type == "ClusterLoadAssignment" ? "Endpoints"
                           : type == "RouteConfiguration"  ? "Route"
                                                           : type);
    if (variant == Variant::kDelta) return hears(name, Delta{.nonce = nonce, .error = error});
    for (const auto& report : state.report()) {
      if (report.type != full_name(name)) continue;
      Sotw said{.version = report.version, .nonce = nonce, .error = error};
      if (report.everything && !is_complete_type(report.type)) said.names = {"*"};
      for (const std::string& wanted : wants[name]) said.names.push_back(wanted);
      return hears(name, said);
    }
    return "no such type";
  }
  std::string version_of(std::string_view type) {
    for (const auto& report : state.report()) {
      if (report.type == full_name(type)) return report.version;
    }
    return {};
  }
  ServerState::TypeReport report_of(std::string_view type) {
    for (const auto& report : state.report()) {
      if (report.type == full_name(type)) return report;
    }
    return {};
  }

  Variant variant;
  ServerState state;
  std::uint64_t generation = 0;
  std::shared_ptr<const ResourceSet> set;
  std::map<std::string, std::vector<std::string>> wants;  // SotW: names repeated in every answer
};

}  // namespace weft::xds::testing
