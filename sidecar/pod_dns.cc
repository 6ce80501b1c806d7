#include "sidecar/pod_dns.h"

#include <utility>
#include <vector>

namespace weft::sidecar {

PodDns::PodDns(net::Loop& loop, telemetry::Registry& registry, const DnsServer::Options& options)
    : registry_(registry), server_(loop, options) {}

Status PodDns::listen() {
  if (Status listening = server_.listen(); !listening) return listening;
  metrics_ = std::make_unique<DnsMetrics>(registry_, server_);
  return {};
}

void PodDns::put(xds::NameTable&& table) {
  std::string zone = table.name;
  told_.insert_or_assign(std::move(zone), std::move(table));
}

void PodDns::remove(const std::string& zone) { told_.insert_or_assign(zone, std::nullopt); }

void PodDns::publish() {
  for (auto& [zone, table] : std::exchange(told_, {})) {
    if (!table) {
      server_.names().remove(zone);
      continue;
    }
    std::vector<dns::NameEntry> entries;
    entries.reserve(table->entries.size());
    for (xds::NameTable::Entry& entry : table->entries)
      entries.push_back({.name = std::move(entry.name), .addresses = std::move(entry.addresses)});
    server_.names().put(zone, std::move(entries));
  }
}

void PodDns::update_metrics() {
  if (metrics_ != nullptr) metrics_->update();
}

std::string PodDns::describe(std::string_view name) const {
  return name.empty() ? server_.describe() : server_.describe(name);
}

}  // namespace weft::sidecar
