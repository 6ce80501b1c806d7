#pragma once
// CheckState: what the results of health checks make of one endpoint. Pure; one for each endpoint
// that is checked.
//
// Results in a row count, an opposite one starts the row again. The first result decides alone, in
// both directions, since nothing else is known; so does an answer that says no (xds-v3.md 1.2).
// Only edges are told.

#include <cstdint>
#include <optional>

#include "sidecar/config/health_check.h"
#include "sidecar/core/random.h"

namespace weft::upstream {

class CheckState final {
 public:
  enum class Result : std::uint8_t {
    kPass,
    kNo,       // an answer, and not the one that is wanted
    kNoAnswer  // none in time, or none at all, or one that counts like none
  };

  // Whether the endpoint passes from now on, if that is new.
  [[nodiscard]] std::optional<bool> note(const config::HealthCheck& settings, Result result);
  [[nodiscard]] bool passes() const { return passes_; }

  // Until the next check, after the one that was just noted. `used`: the cluster has had a
  // connection.
  [[nodiscard]] Duration next_in(const config::HealthCheck& settings, bool used,
                                 Random& random) const;

 private:
  bool known_ = false;
  bool passes_ = false;
  std::uint32_t row_ = 0;  // results against the present state
};

}  // namespace weft::upstream
