#pragma once
// Resource: one kind of object that is watched: where the API server has it, under which versions
// it may be served. Values only.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::control::kube {

struct Resource {
  std::string_view name;   // in logs and metrics: "pods"
  std::string_view group;  // "" is core
  // The first that the API server has is used.
  std::array<std::string_view, 3> versions;
  std::string_view plural;
  std::string_view kind;
  // Every cluster has it, so that "there is none" is a fault and not an answer.
  bool always_there = false;
  // Of all there are, the one of this name; empty: all. An account may be allowed no more.
  std::string_view only = {};

  [[nodiscard]] std::size_t versions_count() const {
    std::size_t count = 0;
    while (count < versions.size() && !versions[count].empty()) ++count;
    return count;
  }
  // "/apis/discovery.k8s.io/v1/endpointslices", "/api/v1/pods".
  [[nodiscard]] std::string path(std::size_t version) const {
    return path_of(group, versions[version], "", plural);
  }
  [[nodiscard]] std::string api_version(std::size_t version) const {
    return (group.empty() ? std::string() : std::string(group) + "/") +
           std::string(versions[version]);
  }
  [[nodiscard]] static std::string path_of(std::string_view group, std::string_view version,
                                           std::string_view name_space, std::string_view plural) {
    std::string out = group.empty() ? "/api/" : "/apis/" + std::string(group) + "/";
    out += version;
    if (!name_space.empty()) out += "/namespaces/" + std::string(name_space);
    return out + "/" + std::string(plural);
  }
};

}  // namespace weft::control::kube
