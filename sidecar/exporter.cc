#include "sidecar/exporter.h"

#include <algorithm>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

Exporter::Collector Exporter::Collector::of(const config::Snapshot& snapshot,
                                            const std::string& otherwise) {
  Collector collector{.cluster = otherwise};
  for (const auto& listener : snapshot.listeners) {
    for (const config::FilterChain& chain : listener->chains) {
      const auto* http = std::get_if<config::HttpSettings>(&chain.what);
      if (http == nullptr || !http->tracing.enabled || http->tracing.collector_cluster.empty())
        continue;
      if (http->tracing.collector_path.empty()) {
        WEFT_LOG_LIMITED(kWarn, "listener {}: traces go out over HTTP only, not over gRPC",
                         listener->name);
        continue;
      }
      collector = {.cluster = http->tracing.collector_cluster,
                   .target = http->tracing.collector_path};
    }
  }
  return collector;
}

Exporter::Exporter(Turn& turn, Random random, telemetry::OtlpEncoder::Resource resource,
                   std::unique_ptr<Dialer> dialer, std::vector<telemetry::SpanRing*> rings)
    : turn_(turn),
      dialer_(std::move(dialer)),
      rings_(std::move(rings)),
      queue_(telemetry::OtlpEncoder(std::move(resource)), {}, random),
      client_(turn, *dialer_, http::Client::Options{}),
      collect_timer_(turn.timers(), *this),
      send_timer_(turn.timers(), *this) {}

Exporter::~Exporter() { call_.reset(); }

void Exporter::start() { collect_timer_.arm(kCollectIdle); }

void Exporter::collect() {
  std::uint32_t taken = 0;
  for (telemetry::SpanRing* ring : rings_) {
    taken += ring->drain([&](const telemetry::Span& span) {
      recent_.add(span);
      if (exports()) queue_.add(span, turn_.now());
    });
  }
  collect_timer_.arm(taken != 0 ? kCollect : kCollectIdle);
  send_what_is_due();
}

void Exporter::flush() {
  collect();
  queue_.flush();
  send_what_is_due();
}

void Exporter::on_timer(Timer& timer) {
  if (&timer == &collect_timer_) {
    collect();
  } else {
    send_what_is_due();
  }
}

void Exporter::send_what_is_due() {
  if (!exports() || call_ != nullptr) return;
  if (const std::optional<std::string_view> batch = queue_.next(turn_.now())) {
    http::ClientRequest request;
    request.method = "POST";
    request.authority = collector_.cluster;
    request.target = collector_.target;
    request.fields = {{"content-type", "application/x-protobuf"},
                      {"user-agent", "weft/" WEFT_VERSION}};
    request.body = std::string(*batch);
    call_ = client_.send(std::move(request), *this);
    return;
  }
  if (const std::optional<TimePoint> due = queue_.due())
    send_timer_.arm_at(std::max(*due, turn_.now()));
}

void Exporter::on_response(http::Call&, http::ClientResponse&& response) {
  turn_.retire(std::move(call_));
  switch (telemetry::judge_http_status(response.head.status)) {
    case telemetry::ExportVerdict::kAccepted: {
      const Result<telemetry::ExportResponse> parsed =
          telemetry::parse_export_response(response.body);
      queue_.on_accepted(parsed ? parsed->spans_rejected : 0);
      break;
    }
    case telemetry::ExportVerdict::kRetry: {
      std::optional<Duration> after;
      if (const auto text = response.head.headers.find(http::HeaderId::kRetryAfter)) {
        if (const auto seconds = parse_u64(*text))
          after = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 3600));
      }
      queue_.on_retry(turn_.now(), after);
      break;
    }
    case telemetry::ExportVerdict::kRefused:
      WEFT_LOG_LIMITED(kWarn, "trace collector {} refused spans with {}", collector_.cluster,
                       response.head.status);
      queue_.on_refused();
      break;
  }
  send_what_is_due();
}

void Exporter::on_failure(http::Call&, const Error& error) {
  turn_.retire(std::move(call_));
  WEFT_LOG_LIMITED(kWarn, "trace collector {}: {}", collector_.cluster, to_string(error));
  queue_.on_retry(turn_.now(), std::nullopt);
  send_what_is_due();
}

}  // namespace weft::sidecar
