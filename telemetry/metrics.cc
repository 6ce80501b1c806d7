#include "telemetry/metrics.h"

#include <algorithm>

#include "sidecar/core/assert.h"

namespace weft::telemetry {
namespace {

std::uint64_t join(std::uint32_t high, std::uint32_t low) {
  return (std::uint64_t{high} << 32) | low;
}

template <typename Id>
std::uint64_t join_ids(Id high, Id low) {
  return join(static_cast<std::uint32_t>(high), static_cast<std::uint32_t>(low));
}

std::uint8_t grpc_of(const AccessRecord& record) {
  constexpr std::uint8_t kUnknown = 2;
  if (record.grpc_status < 0) return SeriesKey::kNoGrpc;
  const auto status = static_cast<std::uint8_t>(record.grpc_status);
  return status <= SeriesKey::kGrpcMax ? status : kUnknown;
}

// Codes outside 100 … 599 are nobody's; they must not become labels.
std::uint16_t status_of(const AccessRecord& record) {
  return record.status >= 100 && record.status < 600 ? record.status : 0;
}

ResponseClass class_of(const AccessRecord& record) {
  return static_cast<ResponseClass>(status_of(record) / 100);
}

}  // namespace

SeriesKey SeriesKey::of(const AccessRecord& record) {
  return {.source = record.source,
          .destination = record.destination,
          .service = record.service,
          .flags = record.flags,
          .status = status_of(record),
          .grpc_status = grpc_of(record),
          .cause = record.cause,
          .direction = record.direction,
          .protocol = record.protocol,
          .security = record.security};
}

SeriesKey SeriesKey::overflow_of(const AccessRecord& record) {
  return {.source = PeerId::kOther,
          .destination = PeerId::kOther,
          .service = ServiceId::kOther,
          .status = static_cast<std::uint16_t>(class_of(record)),
          .direction = record.direction,
          .protocol = record.protocol};
}

SeriesBits SeriesKey::pack() const {
  const auto byte = [](auto value, unsigned shift) {
    return static_cast<std::uint64_t>(value) << shift;
  };
  return {join_ids(source, destination), join(static_cast<std::uint32_t>(service), flags.bits()),
          byte(status, 40) | byte(grpc_status, 32) | byte(cause, 24) | byte(direction, 16) |
              byte(protocol, 8) | byte(security, 0)};
}

SeriesKey SeriesKey::unpack(const SeriesBits& bits) {
  const auto byte = [&bits](unsigned shift) { return static_cast<std::uint8_t>(bits[2] >> shift); };
  return {.source = static_cast<PeerId>(bits[0] >> 32),
          .destination = static_cast<PeerId>(static_cast<std::uint32_t>(bits[0])),
          .service = static_cast<ServiceId>(bits[1] >> 32),
          .flags = ResponseFlags::from_bits(static_cast<std::uint32_t>(bits[1])),
          .status = static_cast<std::uint16_t>(bits[2] >> 40),
          .grpc_status = byte(32),
          .cause = static_cast<Cause>(byte(24)),
          .direction = static_cast<Direction>(byte(16)),
          .protocol = static_cast<RequestProtocol>(byte(8)),
          .security = static_cast<SecurityPolicy>(byte(0))};
}

void RequestSeries::clear() {
  bytes_in.clear();
  bytes_out.clear();
  duration.clear();
}

void TcpSeries::clear() {
  opened.clear();
  closed.clear();
  sent.clear();
  received.clear();
}

std::string_view name_of(ResponseClass response_class) {
  switch (response_class) {
    case ResponseClass::kNone:
      return "none";
    case ResponseClass::k1xx:
      return "1xx";
    case ResponseClass::k2xx:
      return "2xx";
    case ResponseClass::k3xx:
      return "3xx";
    case ResponseClass::k4xx:
      return "4xx";
    case ResponseClass::k5xx:
      return "5xx";
  }
  return "none";
}

std::string_view name_of(AccessDecision decision) {
  return decision == AccessDecision::kAllow ? "allow" : "deny";
}

Shard::Shard(const Options& options)
    : requests_(options.series_max, kOverflowSeries),
      tcp_(options.series_max, kOverflowSeries),
      routes_(options.routes_max, static_cast<std::uint32_t>(ResponseClass::k5xx) + 1),
      access_(options.access_max, 4),
      clusters_(options.clusters_max, 1) {}

void Shard::record(const AccessRecord& record) {
  const std::uint32_t now = epoch();
  if (record.protocol == RequestProtocol::kTcp) {
    tcp_series(record).values.closed.add();
  } else {
    RequestTable::Entry* entry = requests_.find_or_add(SeriesKey::of(record).pack(), now);
    if (entry == nullptr) [[unlikely]] {
      proxy_.series_overflow(SeriesMetric::kRequests).add();
      entry = requests_.find_or_add(SeriesKey::overflow_of(record).pack(), now, true);
    }
    entry->values.bytes_in.add(record.bytes_in);
    entry->values.bytes_out.add(record.bytes_out);
    entry->values.duration.observe(record.total);
  }
  if (record.route != LabelId::kEmpty) record_route(record);
}

void Shard::record_route(const AccessRecord& record) {
  const auto response_class = static_cast<std::uint64_t>(class_of(record));
  count_in(routes_, {join_ids(record.route, record.backend), response_class, 0},
           {join_ids(LabelId::kOther, LabelId::kOther), response_class, 0}, SeriesMetric::kRoutes);
}

void Shard::count_access(LabelId policy, LabelId rule, AccessDecision decision, bool dry_run) {
  const std::uint64_t what = static_cast<std::uint64_t>(decision) * 2 + (dry_run ? 1 : 0);
  count_in(access_, {join_ids(policy, rule), what, 0},
           {join_ids(LabelId::kOther, LabelId::kOther), what, 0}, SeriesMetric::kAccess);
}

void Shard::count_in(CountTable& table, const SeriesBits& key, const SeriesBits& other,
                     SeriesMetric metric) {
  CountTable::Entry* entry = table.find_or_add(key, epoch());
  if (entry == nullptr) [[unlikely]] {
    proxy_.series_overflow(metric).add();
    entry = table.find_or_add(other, epoch(), true);
  }
  entry->values.count.add();
}

Shard::TcpTable::Entry& Shard::tcp_series(const AccessRecord& record) {
  TcpTable::Entry* entry = tcp_.find_or_add(SeriesKey::of(record).pack(), epoch());
  if (entry == nullptr) [[unlikely]] {
    proxy_.series_overflow(SeriesMetric::kTcp).add();
    entry = tcp_.find_or_add(SeriesKey::overflow_of(record).pack(), epoch(), true);
  }
  return *entry;
}

Shard::Flow Shard::open_flow(const AccessRecord& record) {
  WEFT_ASSERT(record.protocol == RequestProtocol::kTcp);
  TcpTable::Entry& entry = tcp_series(record);
  tcp_.pin(entry);
  entry.values.opened.add();
  return Flow(*this, entry);
}

Shard::Flow::~Flow() {
  if (shard_ != nullptr) shard_->tcp_.unpin(*entry_, shard_->epoch());
}

Shard::ClusterRef Shard::acquire_cluster(LabelId destination_service, LabelId backend) {
  ClusterTable::Entry* entry =
      clusters_.find_or_add({join_ids(destination_service, backend), 0, 0}, epoch());
  if (entry == nullptr) [[unlikely]] {
    proxy_.series_overflow(SeriesMetric::kClusters).add();
    entry =
        clusters_.find_or_add({join_ids(LabelId::kOther, LabelId::kOther), 0, 0}, epoch(), true);
  }
  clusters_.pin(*entry);
  return ClusterRef(*this, *entry);
}

Shard::ClusterRef::~ClusterRef() {
  if (shard_ != nullptr) shard_->clusters_.unpin(*entry_, shard_->epoch());
}

}  // namespace weft::telemetry
