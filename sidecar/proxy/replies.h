#pragma once
// Replies: the one table from what went wrong to the answer that we make up ourselves (behaviour.md
// section 15).
//
// A test prints the whole table and compares it with the text in README.md of this room.

#include <cstdint>
#include <string>

#include "sidecar/core/error.h"
#include "telemetry/cause.h"

namespace weft::proxy {

struct LocalReply {
  std::uint16_t status = 500;  // 0: nobody is there to be answered
  std::int8_t grpc_status = 13;
  telemetry::Cause cause = telemetry::Cause::kInternal;
  telemetry::ResponseFlags flags;
  // True when the request reached no application, so that anybody may send it again.
  bool unprocessed = false;
};

[[nodiscard]] LocalReply reply_for(const Error& error);

// The whole table as text, a line per fault and side.
[[nodiscard]] std::string describe_replies();

}  // namespace weft::proxy
