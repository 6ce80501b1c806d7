#pragma once
// Limits: how much of anything a peer may make us hold. Every codec takes one; every refusal names
// the limit.

#include <cstddef>
#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft::http {

struct Limits {
  std::size_t head_bytes_max = 60 * 1024;    // 431; the start line included
  std::size_t fields_max = 100;              // 431; cookie crumbs count one by one
  std::size_t target_bytes_max = 16 * 1024;  // 414
  std::size_t trailer_bytes_max = 8 * 1024;
  std::size_t trailer_fields_max = 32;
  std::size_t chunk_extension_bytes_max = 4 * 1024;  // per message
  std::uint32_t informational_max = 16;              // 1xx answers before the final one
  std::uint64_t requests_per_connection_max = 0;     // 0: no limit; the last one says goodbye
  // Undelivered request body that an HTTP/1 connection may hold before its socket is paused.
  std::size_t body_window = 256 * 1024;
};

struct Http2Limits {
  std::uint32_t streams_max = 100;  // SETTINGS_MAX_CONCURRENT_STREAMS we announce
  std::uint32_t stream_window = 256 * 1024;
  std::uint32_t connection_window = 16 * 1024 * 1024;
  std::uint32_t frame_bytes_max = 16 * 1024;
  std::uint32_t header_table_bytes = 4096;
  // Floods end the connection with ENHANCE_YOUR_CALM (threats.md 3.4).
  std::uint32_t resets_burst = 1000;  // stream resets by the peer or provoked by it
  std::uint32_t resets_per_second = 33;
  std::uint32_t queued_replies_max = 1000;  // PING and SETTINGS answers waiting to be sent
  std::uint32_t continuations_max = 8;
  std::uint32_t empty_data_frames_max = 100;  // in a row, on one stream
};

// How long a peer may take; zero: for ever.
struct ConnectionTimeouts {
  Duration head = std::chrono::seconds(10);   // from a request head's first byte to its last: 408
  Duration idle = std::chrono::hours(1);      // no request in flight
  Duration drain = std::chrono::seconds(10);  // from drain() to the end by force
  // No byte moved in either direction on a stream that waits for the peer: the body is not read or
  // not sent.
  Duration stream_idle = std::chrono::minutes(5);
  // HTTP/2: a PING after so long without a byte from the peer, and how long its answer may take.
  // Off unless asked for: some servers take pings for an attack.
  Duration ping = Duration::zero();
  Duration ping_answer = std::chrono::seconds(20);
};

}  // namespace weft::http
