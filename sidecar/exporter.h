#pragma once
// Exporter: spans from the workers' rings to the recent-traces page and to an OTLP collector over
// HTTP (POST /v1/traces).
//
// Bounded and counted throughout (telemetry::ExporterQueue); a collector that is slow, gone or
// refusing costs spans, never a request. Looks at the rings every kCollect while spans come, and
// less often when nothing does. Owner: Sidecar. Thread: main loop.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/client.h"
#include "telemetry/exporter_queue.h"
#include "telemetry/recent_traces.h"
#include "telemetry/span_ring.h"

namespace weft::sidecar {

class Exporter final : public TimerSink, public http::CallHolder {
 public:
  static constexpr Duration kCollect = std::chrono::milliseconds(250);
  static constexpr Duration kCollectIdle = std::chrono::seconds(2);

  // Without a cluster spans are only kept for /traces.
  struct Collector {
    std::string cluster;
    std::string target = "/v1/traces";

    // The one that the listeners name; `otherwise` as long as none does.
    [[nodiscard]] static Collector of(const config::Snapshot& snapshot,
                                      const std::string& otherwise);
  };

  // `dialer` leads to the collector's cluster, whichever that is at the time.
  Exporter(Turn& turn, Random random, telemetry::OtlpEncoder::Resource resource,
           std::unique_ptr<Dialer> dialer, std::vector<telemetry::SpanRing*> rings);
  ~Exporter();

  void start();
  // From the next batch on.
  void set_collector(Collector collector) { collector_ = std::move(collector); }
  [[nodiscard]] const Collector& collector() const { return collector_; }
  // Takes what the rings have now; for a page that wants to be fresh.
  void collect();
  // Sends what there is without waiting for more; idle() says when it has gone.
  void flush();
  [[nodiscard]] bool idle() const { return queue_.empty() || !exports(); }
  [[nodiscard]] const telemetry::RecentTraces& recent() const { return recent_; }
  [[nodiscard]] const telemetry::ExporterQueue::Totals& totals() const { return queue_.totals(); }

  void on_timer(Timer& timer) override;
  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;

 private:
  void send_what_is_due();
  [[nodiscard]] bool exports() const { return !collector_.cluster.empty(); }

  Turn& turn_;
  std::unique_ptr<Dialer> dialer_;
  Collector collector_;
  std::vector<telemetry::SpanRing*> rings_;
  telemetry::ExporterQueue queue_;
  telemetry::RecentTraces recent_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
  Timer collect_timer_;
  Timer send_timer_;
};

}  // namespace weft::sidecar
