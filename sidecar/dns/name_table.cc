#include "sidecar/dns/name_table.h"

#include <algorithm>
#include <utility>

namespace weft::dns {

namespace {

bool cut_end(std::string_view& name, std::string_view end) {
  if (!name.ends_with(end) || name.size() == end.size()) return false;
  name.remove_suffix(end.size());
  return true;
}

}  // namespace

NameTable::NameTable(std::vector<NameEntry> entries, Options options)
    : options_(std::move(options)) {
  entries_.reserve(entries.size());
  for (NameEntry& entry : entries) {
    std::string key = entry.name;
    entries_.insert_or_assign(std::move(key), std::move(entry));
  }
}

const NameEntry* NameTable::find(std::string_view name) const {
  const bool whole = cut_end(name, "." + options_.cluster_domain);
  const bool service = cut_end(name, ".svc");
  if (whole && !service) return nullptr;  // "x.pod.cluster.local" and the like
  std::string key(name);
  if (!service && std::ranges::find(name, '.') == name.end()) key += "." + options_.name_space;
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace weft::dns
