#include "sidecar/dns/name_table.h"

#include <utility>

namespace weft::dns {

void NameTable::put(std::string zone, std::vector<NameEntry> entries) {
  remove(zone);
  Zone& names = zones_[std::move(zone)];
  names.reserve(entries.size());
  for (NameEntry& entry : entries) {
    std::string key = entry.name;
    names.insert_or_assign(std::move(key), std::move(entry));
  }
  size_ += names.size();
}

void NameTable::remove(std::string_view zone) {
  const auto old = zones_.find(zone);
  if (old == zones_.end()) return;
  size_ -= old->second.size();
  zones_.erase(old);
}

const NameEntry* NameTable::find(std::string_view name) const {
  std::size_t dot = 0;
  for (std::size_t labels = 0; labels < kEntryLabelsMax; ++labels) {
    dot = name.find('.', labels == 0 ? 0 : dot + 1);
    if (dot == std::string_view::npos) return nullptr;
    const auto zone = zones_.find(name.substr(dot + 1));
    if (zone == zones_.end()) continue;
    const auto entry = zone->second.find(name.substr(0, dot));
    if (entry != zone->second.end()) return &entry->second;
  }
  return nullptr;
}

}  // namespace weft::dns
