#pragma once
// AppCall: asks the app one of its probes, as the kubelet would have done it, on the pod's own
// address; and judges the answer as the kubelet does.
//
// A status from 200 to 399 is well. A redirect to the same host is followed, up to ten times; one
// that leads elsewhere counts as an answer. TLS is spoken without judging the certificate; gRPC is
// grpc.health.v1. Answers are bounded. The holder hears exactly one on_app_answer, later; dropping
// the call cancels it silently. Owner: StatusServer. Thread: main loop. Source: mesh-standards 3.5.

#include <memory>
#include <string>

#include "sidecar/app_probe.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "tls/context.h"

namespace weft::sidecar {

struct AppAnswer {
  bool well = false;
  std::uint16_t status = 503;  // to hand on
  std::string content_type;
  std::string body;
  std::string why;  // of a failure without an answer of the app's
};

class AppCall;

class AppCallHolder {
 public:
  // May destroy the call.
  virtual void on_app_answer(AppCall& call, AppAnswer&& answer) = 0;

 protected:
  ~AppCallHolder() = default;
};

class AppCall {
 public:
  static constexpr int kRedirectsMax = 10;
  static constexpr std::size_t kProbeBytesMax = 1024 * 1024;
  static constexpr std::size_t kMetricsBytesMax = 8 * 1024 * 1024;

  struct Place {
    Turn& turn;
    Connector& connector;
    IpAddress app;                                  // the pod's own address
    std::shared_ptr<const tls::ClientContext> tls;  // which judges nothing
  };

  virtual ~AppCall() = default;

  // `probe` outlives the call. `user_agent`: of whoever asks.
  [[nodiscard]] static std::unique_ptr<AppCall> begin(const Place& place, const AppProbe& probe,
                                                      std::string user_agent,
                                                      AppCallHolder& holder);
};

}  // namespace weft::sidecar
