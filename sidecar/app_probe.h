#pragma once
// AppProbe: one question about the app, as the pod asked it before the injection led it through the
// sidecar (WEFT_PROBES of pod_contract.h). Values and their reader. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::sidecar {

struct AppProbe {
  enum class Kind : std::uint8_t { kHttp, kTcp, kGrpc };
  std::string path;  // on the status port: "/app-health/cart/livez"
  Kind kind = Kind::kHttp;
  std::uint16_t port = 0;
  Duration timeout = std::chrono::seconds(1);
  // HTTP
  std::string target = "/";
  bool tls = false;  // without looking at the certificate, as the kubelet
  std::string host;  // of a Host field
  std::vector<std::pair<std::string, std::string>> fields;
  // gRPC
  std::string service;
};

inline constexpr std::size_t kAppProbesMax = 256;
inline constexpr const char* kAppMetricsPath = "/metrics";

// kInvalid: everything that is wrong, a line each.
[[nodiscard]] Result<std::vector<AppProbe>> read_app_probes(std::string_view json);

}  // namespace weft::sidecar
