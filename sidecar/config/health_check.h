#pragma once
// HealthCheck: how the endpoints of a cluster are asked whether they are well
// (envoy.config.core.v3. HealthCheck). Plain data; defaults are Envoy's.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/core/clock.h"

namespace weft::config {

struct HealthCheck {
  enum class Kind : std::uint8_t { kHttp, kGrpc, kTcp };
  struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t end = 201;  // not in it
    bool operator==(const StatusRange&) const = default;
  };

  Kind kind = Kind::kHttp;
  Duration timeout = std::chrono::seconds(1);  // of one check, its connection included
  Duration interval = std::chrono::seconds(10);
  // While the endpoint fails, and while its state is about to change either way.
  Duration interval_failing = std::chrono::seconds(10);
  Duration interval_failing_edge = std::chrono::seconds(10);
  Duration interval_passing_edge = std::chrono::seconds(10);
  // While the cluster has had no connection yet, by the endpoint's state.
  Duration interval_unused = std::chrono::seconds(60);
  Duration interval_unused_passing = std::chrono::seconds(60);
  // Up to so much is added to each interval, the first one's is the wait for the first check.
  Duration jitter{0};
  std::uint32_t jitter_percent = 0;
  Duration first_jitter{0};
  std::uint32_t passes_min = 1;    // in a row, to come back
  std::uint32_t failures_max = 1;  // in a row, to leave; an answer that says no counts at once
  bool keep_connection = true;     // HTTP and gRPC
  std::string authority;           // empty: the cluster's name
  std::vector<std::pair<std::string, std::string>> fields;

  // HTTP
  std::string method = "GET";
  std::string path = "/";
  std::string body;
  bool http2 = false;
  std::vector<StatusRange> expected{StatusRange{}};
  std::vector<StatusRange> retriable;  // not expected, but counted like no answer at all
  // gRPC: grpc.health.v1.Health/Check
  std::string service;
  // TCP: what is sent, and what must come in this order; nothing: a connection is enough.
  std::string send;
  std::vector<std::string> receive;

  bool operator==(const HealthCheck&) const = default;
};

}  // namespace weft::config
