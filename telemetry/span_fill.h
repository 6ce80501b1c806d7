#pragma once
// fill_span: from what an exchange or an attempt tells to a Span. Called by the worker into a slot
// of its SpanRing, only for requests that are sampled or kept for their failure.

#include <cstdint>
#include <string_view>

#include "telemetry/access_record.h"
#include "telemetry/proxy_metrics.h"
#include "telemetry/span.h"

namespace weft::telemetry {

// One try of an exchange. Its context is a child of the exchange's (make_child), and its ids are
// what the upstream sees.
struct AttemptRecord {
  TraceContext trace;
  WallTime started{};
  Duration total{0};
  Duration queue = AccessRecord::kNotKnown;
  std::uint32_t number = 1;  // 1: the first
  std::string_view method;
  std::string_view upstream_address;
  LabelId backend = LabelId::kEmpty;
  std::uint16_t status = 0;
  std::int8_t grpc_status = AccessRecord::kNoGrpcStatus;
  AttemptResult result = AttemptResult::kOk;
  std::string_view details;
};

// Whether the trace is exported as a whole, or only this sidecar's own spans because the request
// failed.
enum class KeptFor : std::uint8_t { kSampled, kFailure };

void fill_span(const AccessRecord& record, KeptFor kept_for, Span& span);
void fill_span(const AttemptRecord& record, KeptFor kept_for, Span& span);

}  // namespace weft::telemetry
