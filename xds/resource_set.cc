#include "xds/resource_set.h"

#include <utility>

#include "sidecar/core/xxhash.h"

namespace weft::xds {

namespace {

bool same(const ResourceSet::Table& a, const ResourceSet::Table& b) {
  if (a.size() != b.size()) return false;
  for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
    if (left->second != right->second) return false;  // shared objects: equal ones are the same
  }
  return true;
}

}  // namespace

const ResourceSet::Type* ResourceSet::find(std::string_view type) const {
  const auto at = types.find(type);
  return at == types.end() ? nullptr : at->second.get();
}

std::uint64_t digest_of(const Resource& resource) {
  return xxh64(resource.version, xxh64(resource.name));
}

std::shared_ptr<const ResourceSet> make_resource_set(std::uint64_t generation,
                                                     std::vector<Resource> resources,
                                                     const ResourceSet* previous) {
  std::map<std::string, ResourceSet::Table, std::less<>> sorted;
  for (Resource& resource : resources) {
    const std::string_view type = message_name(resource.body.type_url());
    auto table = sorted.find(type);
    if (table == sorted.end())
      table = sorted.emplace(std::string(type), ResourceSet::Table{}).first;
    const ResourceSet::Type* before = previous == nullptr ? nullptr : previous->find(type);
    std::shared_ptr<const Resource>& place = table->second[resource.name];
    if (before != nullptr) {
      const auto old = before->resources.find(resource.name);
      if (old != before->resources.end() && old->second->version == resource.version) {
        place = old->second;
        continue;
      }
    }
    place = std::make_shared<const Resource>(std::move(resource));
  }
  auto set = std::make_shared<ResourceSet>();
  set->generation = generation;
  for (auto& [type, table] : sorted) {
    const ResourceSet::Type* before = previous == nullptr ? nullptr : previous->find(type);
    if (before != nullptr && same(before->resources, table)) {
      set->types[type] = previous->types.find(type)->second;
      continue;
    }
    auto made = std::make_shared<ResourceSet::Type>();
    for (const auto& [name, resource] : table) made->digest += digest_of(*resource);
    made->resources = std::move(table);
    set->types[type] = std::move(made);
  }
  return set;
}

}  // namespace weft::xds
