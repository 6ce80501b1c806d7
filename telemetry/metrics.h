#pragma once
// Shard: everything one thread counts. One writer, its thread; one reader, the main loop's scrape
// (telemetry/registry.h).
//
// A finished request costs one hash look-up by its labels (24 bytes of ids fixed beforehand), one
// by its route, and plain stores: no lock, no allocation once its series exists, no string. A label
// set beyond the bound is counted under `other` and in weft_series_overflow_total; series nobody
// touched for a while expire (Registry::advance). Owner: Registry.

#include <atomic>
#include <cstdint>
#include <utility>

#include "sidecar/core/counters.h"
#include "telemetry/access_record.h"
#include "telemetry/proxy_metrics.h"
#include "telemetry/series_table.h"

namespace weft::telemetry {

// The labels of a request as 24 bytes.
struct SeriesKey {
  PeerId source = PeerId::kUnknown;
  PeerId destination = PeerId::kUnknown;
  ServiceId service = ServiceId::kUnknown;
  ResponseFlags flags;
  std::uint16_t status = 0;  // 1 … 5 in an overflow series: the class
  std::uint8_t grpc_status = kNoGrpc;
  Cause cause = Cause::kNone;
  Direction direction = Direction::kInbound;
  RequestProtocol protocol = RequestProtocol::kHttp;
  SecurityPolicy security = SecurityPolicy::kUnknown;

  static constexpr std::uint8_t kNoGrpc = 0xff;
  static constexpr std::uint8_t kGrpcMax = 16;  // UNAUTHENTICATED; what is above becomes UNKNOWN

  [[nodiscard]] static SeriesKey of(const AccessRecord& record);
  [[nodiscard]] static SeriesKey overflow_of(const AccessRecord& record);
  [[nodiscard]] SeriesBits pack() const;
  [[nodiscard]] static SeriesKey unpack(const SeriesBits& bits);
  bool operator==(const SeriesKey&) const = default;
};

struct RequestSeries {
  Counter bytes_in;
  Counter bytes_out;
  Histogram duration;  // its count is the number of requests

  void clear();
};

struct TcpSeries {
  Counter opened;
  Counter closed;
  Counter sent;
  Counter received;

  void clear();
};

struct CountSeries {
  Counter count;

  void clear() { count.clear(); }
};

enum class AccessDecision : std::uint8_t { kAllow, kDeny };
enum class ResponseClass : std::uint8_t { kNone, k1xx, k2xx, k3xx, k4xx, k5xx };
[[nodiscard]] std::string_view name_of(ResponseClass response_class);
[[nodiscard]] std::string_view name_of(AccessDecision decision);

class Shard final {
 public:
  struct Options {
    std::uint32_t series_max = 5000;  // MeshConfig metrics.maxSeries, for requests and for TCP
    std::uint32_t routes_max = 5000;
    std::uint32_t clusters_max = 8192;
    std::uint32_t access_max = 2048;
  };

  class Flow;
  class ClusterRef;

  explicit Shard(const Options& options);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Writer. The exchange or tunnel has ended.
  void record(const AccessRecord& record);
  // Writer. A tunnel begins: count its bytes as they pass. At its end drop the Flow and call
  // record().
  [[nodiscard]] Flow open_flow(const AccessRecord& record);
  // Writer. The counters of one destination, kept as long as the reference lives.
  [[nodiscard]] ClusterRef acquire_cluster(LabelId destination_service, LabelId backend);
  // Writer. A policy has spoken.
  void count_access(LabelId policy, LabelId rule, AccessDecision decision, bool dry_run);
  [[nodiscard]] ProxyMetrics& proxy() { return proxy_; }

  // Reader.
  [[nodiscard]] const ProxyMetrics& proxy() const { return proxy_; }

 private:
  friend class Registry;
  using RequestTable = SeriesTable<RequestSeries>;
  using TcpTable = SeriesTable<TcpSeries>;
  using CountTable = SeriesTable<CountSeries>;
  using ClusterTable = SeriesTable<ClusterMetrics>;

  // One for each direction, protocol and class of answer.
  static constexpr std::uint32_t kOverflowSeries = 2 * 3 * 6;

  [[nodiscard]] std::uint32_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  void record_route(const AccessRecord& record);
  [[nodiscard]] TcpTable::Entry& tcp_series(const AccessRecord& record);
  void count_in(CountTable& table, const SeriesBits& key, const SeriesBits& other,
                SeriesMetric metric);

  RequestTable requests_;
  TcpTable tcp_;
  CountTable routes_;
  CountTable access_;
  ClusterTable clusters_;
  ProxyMetrics proxy_;
  alignas(64) std::atomic<std::uint32_t> epoch_{
      1};  // written by the main loop, about once a minute
};

// One tunnel's bytes. Thread: the shard's. Must not outlive the Shard.
class Shard::Flow final {
 public:
  Flow() = default;
  Flow(Flow&& other) noexcept
      : shard_(std::exchange(other.shard_, nullptr)), entry_(other.entry_) {}
  Flow& operator=(Flow&& other) noexcept {
    std::swap(shard_, other.shard_);
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~Flow();

  void add_received(std::uint64_t bytes) { entry_->values.received.add(bytes); }  // from the client
  void add_sent(std::uint64_t bytes) { entry_->values.sent.add(bytes); }          // to the client

 private:
  friend class Shard;
  Flow(Shard& shard, TcpTable::Entry& entry) : shard_(&shard), entry_(&entry) {}
  Shard* shard_ = nullptr;
  TcpTable::Entry* entry_ = nullptr;
};

// A destination's counters. Thread: the shard's. Must not outlive the Shard.
class Shard::ClusterRef final {
 public:
  ClusterRef() = default;
  ClusterRef(ClusterRef&& other) noexcept
      : shard_(std::exchange(other.shard_, nullptr)), entry_(other.entry_) {}
  ClusterRef& operator=(ClusterRef&& other) noexcept {
    std::swap(shard_, other.shard_);
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~ClusterRef();

  [[nodiscard]] explicit operator bool() const { return shard_ != nullptr; }
  [[nodiscard]] ClusterMetrics& operator*() const { return entry_->values; }
  ClusterMetrics* operator->() const { return &entry_->values; }

 private:
  friend class Shard;
  ClusterRef(Shard& shard, ClusterTable::Entry& entry) : shard_(&shard), entry_(&entry) {}
  Shard* shard_ = nullptr;
  ClusterTable::Entry* entry_ = nullptr;
};

}  // namespace weft::telemetry
