#pragma once
// View: one worker's small handle on a Snapshot, and LiveTable: a route table with the split state
// that belongs to it.
//
// A request takes the worker's View when its head is complete (decisions A1) and keeps only the
// LiveTable it was routed by, so that a long stream never pins a whole Snapshot. Counts are plain:
// both belong to one worker's thread. A LiveTable that two Views share keeps its split state, so
// that a push which does not touch a route does not restart its split.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/random.h"

namespace weft::proxy {

class LiveTable final {
 public:
  LiveTable(std::shared_ptr<const config::RouteTable> table, Random& random);

  [[nodiscard]] const config::RouteTable& table() const { return *table_; }
  // Index into the route's clusters. REQUIRES a route of this table that splits.
  [[nodiscard]] std::size_t choose(const config::Route& route) {
    return splits_[route.split].next();
  }
  // The same among those `usable` says yes to; nothing when there is none with a weight.
  template <typename Usable>
  [[nodiscard]] std::optional<std::size_t> choose_among(const config::Route& route, Usable usable) {
    return splits_[route.split].next_among(usable);
  }

 private:
  friend class LiveTableRef;
  friend class View;
  std::shared_ptr<const config::RouteTable> table_;
  std::vector<config::Split> splits_;
  std::uint64_t references_ = 0;
};

class LiveTableRef final {
 public:
  LiveTableRef() = default;
  explicit LiveTableRef(LiveTable& table) : table_(&table) { ++table.references_; }
  LiveTableRef(const LiveTableRef& other) : table_(other.table_) {
    if (table_ != nullptr) ++table_->references_;
  }
  LiveTableRef(LiveTableRef&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {}
  LiveTableRef& operator=(LiveTableRef other) noexcept {
    std::swap(table_, other.table_);
    return *this;
  }
  ~LiveTableRef();
  [[nodiscard]] explicit operator bool() const { return table_ != nullptr; }
  LiveTable* operator->() const { return table_; }

 private:
  LiveTable* table_ = nullptr;
};

class View final {
 public:
  // Takes over the tables that `before` has of the same RouteTables; null at first.
  View(std::shared_ptr<const config::Snapshot> snapshot, const View* before, Random& random);

  [[nodiscard]] const config::Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] std::shared_ptr<const config::Snapshot> share() const { return snapshot_; }
  // By config::route_key; empty when that route configuration has not arrived.
  [[nodiscard]] LiveTableRef table(std::string_view name) const;

 private:
  std::shared_ptr<const config::Snapshot> snapshot_;
  std::unordered_map<std::string_view, LiveTableRef> tables_;  // names live in the snapshot
};

}  // namespace weft::proxy
