#pragma once
// Place: an endpoint without a network, for the balancers. Its load is what the test says.

#include <string>
#include <utility>
#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/endpoint_load.h"

namespace weft::upstream::testing {

class Place final : public Endpoint {
 public:
  explicit Place(std::string address = {}, config::Endpoint config = {})
      : config_(std::move(config)), text_(std::move(address)) {}
  [[nodiscard]] const config::Endpoint& config() const override { return config_; }
  [[nodiscard]] const EndpointLoad& load() const override { return load_; }
  [[nodiscard]] bool ejected() const override { return false; }
  [[nodiscard]] telemetry::PeerId peer() const override { return telemetry::PeerId::kUnknown; }
  [[nodiscard]] const std::string& address_text() const override { return text_; }

  void begin(TimePoint now = {}) { load_.begin(now); }
  void end() { load_.end(); }
  void answer(TimePoint now, Duration latency, Verdict verdict = Verdict::kSuccess,
              Duration decay = std::chrono::seconds(10)) {
    load_.answered(now, latency);
    load_.sample(now, {.verdict = verdict, .latency = latency}, decay);
  }

 private:
  config::Endpoint config_;
  std::string text_;
  EndpointLoad load_;
};

// "127.0.0.1:90", "127.0.0.1:91" and so on, as many as asked for.
inline std::vector<std::unique_ptr<Place>> places(std::size_t count, unsigned first_port = 90) {
  std::vector<std::unique_ptr<Place>> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(std::make_unique<Place>("127.0.0.1:" + std::to_string(first_port + i)));
  }
  return out;
}

inline std::vector<Candidate> candidates(const std::vector<std::unique_ptr<Place>>& places) {
  std::vector<Candidate> out;
  for (const auto& place : places) out.push_back({.endpoint = place.get()});
  return out;
}

}  // namespace weft::upstream::testing
