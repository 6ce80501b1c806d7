#include "xds/resource_set.h"

#include <utility>

#include "sidecar/core/xxhash.h"

namespace weft::xds {

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
  std::map<std::string, std::vector<ResourceTable::Pointer>, std::less<>> by_type;
  for (Resource& resource : resources) {
    const std::string_view type = message_name(resource.body.type_url());
    auto list = by_type.find(type);
    if (list == by_type.end()) list = by_type.try_emplace(std::string(type)).first;
    const ResourceSet::Type* before = previous == nullptr ? nullptr : previous->find(type);
    if (before != nullptr) {
      const auto old = before->resources.find(resource.name);
      if (old != before->resources.end() && old->second->version == resource.version) {
        list->second.push_back(old->second);
        continue;
      }
    }
    list->second.push_back(std::make_shared<const Resource>(std::move(resource)));
  }
  auto set = std::make_shared<ResourceSet>();
  set->generation = generation;
  for (auto& [type, list] : by_type) {
    ResourceTable table(std::move(list));
    const ResourceSet::Type* before = previous == nullptr ? nullptr : previous->find(type);
    if (before != nullptr && before->resources == table) {
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
