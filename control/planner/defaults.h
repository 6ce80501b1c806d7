#pragma once
// Defaults: what weft does where nobody wrote anything. behaviour.md section 2, in one place; the
// planner writes each of them into xDS explicitly, because a sidecar alone has Envoy's (decisions
// A3).

#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft::control::defaults {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Timeouts. No head and no total timeout: long polls and streams must live.
inline constexpr Duration kConnect = seconds(2);
inline constexpr Duration kDnsRefresh = seconds(30);  // of an ExternalName
inline constexpr Duration kTlsHandshake = seconds(5);
inline constexpr Duration kStreamIdle = minutes(5);
inline constexpr Duration kTcpIdle = hours(1);
inline constexpr Duration kRequestHead =
    seconds(30);  // a client that does not finish its head: 408
inline constexpr Duration kDrain = seconds(5);

// Retries: only what was provably not processed, elsewhere first.
inline constexpr const char* kRetryOn = "connect-failure,refused-stream,reset-before-request";
inline constexpr std::uint32_t kRetries = 2;
inline constexpr Duration kBackoffBase = milliseconds(25);
inline constexpr Duration kBackoffMax = milliseconds(250);
inline constexpr Duration kRetryAfterMax = seconds(1);
inline constexpr double kBudgetPercent = 20;
inline constexpr Duration kBudgetInterval = seconds(10);
inline constexpr std::uint32_t kBudgetMinPerSecond = 10;
inline constexpr std::uint32_t kReplayBytes = 64 * 1024;
inline constexpr std::uint32_t kTcpConnectAttempts = 3;

// Ejection: 5 gateway errors or 5 local failures in a row, never the last ready one. Plain 5xx:
// off; success rates a sidecar does not judge.
inline constexpr std::uint32_t kConsecutiveFailures = 5;
inline constexpr Duration kEjectionInterval = seconds(10);
inline constexpr Duration kEjection = seconds(30);
inline constexpr Duration kEjectionMax = minutes(5);
inline constexpr std::uint32_t kEjectedPercentMax = 10;

// Limits per destination.
inline constexpr std::uint32_t kConnectionsMax = 1024;
inline constexpr std::uint32_t kRequestsMax = 4096;
inline constexpr std::uint32_t kPendingMax = 1024;
inline constexpr std::uint32_t kTunnelsMax = 1024;
inline constexpr Duration kPendingTimeout = seconds(1);

// HTTP.
inline constexpr Duration kHttp1UpstreamIdle = seconds(3);
inline constexpr Duration kHttp2UpstreamIdle = minutes(5);
// Connections made together are not closed together: each up to so much later than its age.
inline constexpr double kMaxAgeJitterPercent = 10;
inline constexpr Duration kDownstreamIdle = hours(1);
inline constexpr std::uint32_t kHeadKilobytesMax = 60;
inline constexpr std::uint32_t kFieldsMax = 100;
inline constexpr std::uint32_t kStreamsMax = 1024;
inline constexpr std::uint32_t kStreamWindow = 256 * 1024;  // decisions D4
inline constexpr std::uint32_t kConnectionWindow = 16 * 1024 * 1024;

// First calls on demand: how long one waits to hear what is there, and how many may, of one worker.
inline constexpr Duration kOnDemandWait = seconds(2);
inline constexpr std::uint32_t kOnDemandWaitingMax = 1024;

}  // namespace weft::control::defaults
