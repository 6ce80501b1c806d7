#include "sidecar/proxy/view.h"

namespace weft::proxy {

LiveTable::LiveTable(std::shared_ptr<const config::RouteTable> table, Random& random)
    : table_(std::move(table)) {
  splits_.resize(table_->splits());
  for (const config::VirtualHost& host : table_->config().virtual_hosts) {
    for (const config::Route& route : host.routes) {
      const auto* forward = std::get_if<config::ForwardAction>(&route.action);
      if (forward != nullptr && forward->splits())
        splits_[route.split] = config::Split(forward->clusters, random);
    }
  }
}

LiveTableRef::~LiveTableRef() {
  if (table_ == nullptr || --table_->references_ != 0) return;
  // The count is the table's only owner: whoever lets go last frees it.
  const std::unique_ptr<LiveTable> last(table_);
}

View::View(std::shared_ptr<const config::Snapshot> snapshot, const View* before, Random& random)
    : snapshot_(std::move(snapshot)) {
  for (const auto& [key, table] : snapshot_->routes) {
    if (before != nullptr) {
      const auto old = before->tables_.find(key);
      if (old != before->tables_.end() && &old->second->table() == table.get()) {
        tables_.emplace(key, old->second);
        continue;
      }
    }
    auto fresh = std::make_unique<LiveTable>(table, random);
    tables_.emplace(key, LiveTableRef(*fresh.release()));
  }
}

LiveTableRef View::table(std::string_view name) const {
  const auto found = tables_.find(name);
  return found == tables_.end() ? LiveTableRef() : found->second;
}

}  // namespace weft::proxy
