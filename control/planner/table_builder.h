#pragma once
// TableBuilder: the resources of one type under construction; those equal to the old ones become
// the old ones, and so does the table, so that streams see at once what did not change. Internal to
// the planner.

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "xds/resource.h"
#include "xds/resource_set.h"

namespace weft::control {

class TableBuilder final {
 public:
  using TypePtr = std::shared_ptr<const xds::ResourceSet::Type>;
  using ResourcePtr = xds::ResourceTable::Pointer;

  // `before`: the same table of the Mesh before. `also`: another one to share with, looked at
  // first. Both may be null.
  explicit TableBuilder(TypePtr before, TypePtr also = nullptr)
      : before_({std::move(also), std::move(before)}) {}

  void add(std::string_view name, const google::protobuf::Message& message) {
    ++made_;
    add(xds::make_resource(name, message));
  }
  void add(xds::Resource resource) {
    share(std::make_shared<const xds::Resource>(std::move(resource)));
  }
  void add(const ResourcePtr& resource) { resources_.push_back(resource); }
  // As add(), of one that may be equal to an old one.
  void share(const ResourcePtr& resource) {
    for (const TypePtr& before : before_) {
      if (before == nullptr) continue;
      const auto old = before->resources.find(resource->name);
      if (old != before->resources.end() && old->second->version == resource->version) {
        return add(old->second);
      }
    }
    add(resource);
  }
  void add_all(const xds::ResourceSet::Type& type) {
    for (const auto& [name, resource] : type.resources) add(resource);
  }
  // As add(), of what `from` may have.
  void add_from(const xds::ResourceSet::Type& from, std::string_view name) {
    const auto found = from.resources.find(name);
    if (found != from.resources.end()) add(found->second);
  }
  // Takes the one that the Mesh before had, where it is known to be right still. False: it had
  // none.
  [[nodiscard]] bool keep(std::string_view name) {
    const TypePtr& before = before_[1];
    if (before == nullptr) return false;
    const auto found = before->resources.find(name);
    if (found == before->resources.end()) return false;
    add(found->second);
    return true;
  }

  // How many were made of a message, whether they came out as they were or not.
  [[nodiscard]] std::size_t made() const { return made_; }

  [[nodiscard]] TypePtr finish() {
    xds::ResourceTable table(std::move(resources_));
    for (const TypePtr& before : before_) {
      if (before != nullptr && before->resources == table) return before;
    }
    auto made = std::make_shared<xds::ResourceSet::Type>();
    for (const auto& [name, resource] : table) made->digest += xds::digest_of(*resource);
    made->resources = std::move(table);
    return made;
  }

 private:
  const std::array<TypePtr, 2> before_;
  std::vector<ResourcePtr> resources_;
  std::size_t made_ = 0;
};

}  // namespace weft::control
