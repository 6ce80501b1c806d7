#pragma once
// ResourceTable: the resources of one type, by name: what is told to a node of it. Immutable.
//
// A sorted list of pointers and not a tree: two thousand sidecars of a mesh of a thousand Services
// may have a table each. Reads as a map does: begin(), end(), find(), at(), `first`, `second`.
// Owner: ResourceSet::Type.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/assert.h"
#include "xds/resource.h"

namespace weft::xds {

class ResourceTable final {
 public:
  using Pointer = std::shared_ptr<const Resource>;

  struct Entry {
    const std::string& first;  // the name
    const Pointer& second;
  };
  class Iterator final {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using reference = Entry;
    using pointer = void;

    struct Arrow {
      Entry entry;
      const Entry* operator->() const { return &entry; }
    };
    Iterator() = default;
    explicit Iterator(const Pointer* at) : at_(at) {}
    Entry operator*() const { return {(*at_)->name, *at_}; }
    Arrow operator->() const { return {**this}; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    const Pointer* at_ = nullptr;
  };

  ResourceTable() = default;
  // In any order; of several with one name the last one counts.
  explicit ResourceTable(std::vector<Pointer> resources) : resources_(std::move(resources)) {
    std::stable_sort(resources_.begin(), resources_.end(),
                     [](const Pointer& a, const Pointer& b) { return a->name < b->name; });
    const auto same = [](const Pointer& a, const Pointer& b) { return a->name == b->name; };
    const auto kept = std::unique(resources_.rbegin(), resources_.rend(), same);
    resources_.erase(resources_.begin(), kept.base());
    resources_.shrink_to_fit();
  }

  [[nodiscard]] Iterator begin() const { return Iterator(resources_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(resources_.data() + resources_.size()); }
  [[nodiscard]] std::size_t size() const { return resources_.size(); }
  [[nodiscard]] bool empty() const { return resources_.empty(); }
  [[nodiscard]] Iterator find(std::string_view name) const {
    const auto at =
        std::lower_bound(resources_.begin(), resources_.end(), name,
                         [](const Pointer& a, std::string_view b) { return a->name < b; });
    if (at == resources_.end() || (*at)->name != name) return end();
    return Iterator(&*at);
  }
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != end(); }
  // REQUIRES contains(name).
  [[nodiscard]] const Pointer& at(std::string_view name) const {
    const Iterator found = find(name);
    WEFT_ASSERT(found != end());
    return found->second;
  }
  // The same names, with these in place of what has their names here.
  // REQUIRES contains() of each.
  [[nodiscard]] ResourceTable with(const std::vector<Pointer>& replacing) const {
    ResourceTable out;
    out.resources_ = resources_;
    for (const Pointer& one : replacing) {
      const auto at =
          std::lower_bound(out.resources_.begin(), out.resources_.end(), one->name,
                           [](const Pointer& a, std::string_view b) { return a->name < b; });
      WEFT_ASSERT(at != out.resources_.end() && (*at)->name == one->name);
      *at = one;
    }
    return out;
  }
  // The same objects.
  bool operator==(const ResourceTable&) const = default;

 private:
  std::vector<Pointer> resources_;
};

}  // namespace weft::xds
