#pragma once
// ResourceSet: everything one node is to be told, at one generation. Immutable.
//
// Structural sharing: a resource that did not change is the same object in the next set, a type
// without changes the same table, and streams of nodes with the same configuration hold the same
// set. A resource is encoded once, when it is made. Owner: whoever holds it. Thread: any; made on
// one.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "xds/resource.h"
#include "xds/resource_table.h"

namespace weft::xds {

struct ResourceSet {
  using Table = ResourceTable;
  struct Type {
    Table resources;
    std::uint64_t digest = 0;  // sum of digest_of: equal tables have equal digests
  };

  std::uint64_t generation = 0;
  std::map<std::string, std::shared_ptr<const Type>, std::less<>>
      types;  // by full name of the message

  // Null when there are none of that type.
  [[nodiscard]] const Type* find(std::string_view type) const;
};

// Of a name and its version; sums do not depend on order and can be kept up to date one resource at
// a time.
[[nodiscard]] std::uint64_t digest_of(const Resource& resource);

// Takes over from `previous` (may be null) what is equal to it. A name that is there twice: the
// last one counts.
[[nodiscard]] std::shared_ptr<const ResourceSet> make_resource_set(std::uint64_t generation,
                                                                   std::vector<Resource> resources,
                                                                   const ResourceSet* previous);

}  // namespace weft::xds
