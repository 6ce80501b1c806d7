#pragma once
// Webhook: the HTTPS door of the API server: POST /inject, /inject/pods and /validate.
//
// Which pods are asked about is the webhook configuration's to select: /inject is for namespaces
// that have the label, /inject/pods for pods that have it where their namespace has not. Every
// review is answered (injection/admission_review.h), counted and, where somebody will look for it,
// told in one log line. Bodies are bounded; connections are few and kept. Owner: Server. Thread:
// its loop's.

#include <array>
#include <functional>
#include <string>

#include "control/injection/admission_review.h"
#include "sidecar/core/counters.h"
#include "sidecar/http/service.h"

namespace weft::control {

class Webhook final {
 public:
  static constexpr std::size_t kBodyMax = 4 * 1024 * 1024;  // the API server sends at most 3 MiB
  static constexpr const char* kInject = "/inject";
  static constexpr const char* kInjectPods = "/inject/pods";
  static constexpr const char* kValidate = "/validate";

  struct Stats {
    // By verdict; those of pods also by reason.
    std::array<Counter, injection::kReviewVerdicts> injections;
    std::array<Counter, injection::kInjectionReasons> reasons;
    std::array<Counter, injection::kReviewVerdicts> validations;
    Histogram seconds;  // to answer one
  };

  // `context`: everything but the namespace.
  Webhook(injection::InjectionContext context, WallTime (*wall_clock)());
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  void serve(http::Service& service);
  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] const injection::InjectionContext& context() const { return context_; }

 private:
  [[nodiscard]] http::Reply inject(const http::ServiceRequest& request, bool namespace_asks);
  [[nodiscard]] http::Reply validate(const http::ServiceRequest& request);

  const injection::InjectionContext context_;
  WallTime (*const wall_clock_)();
  Stats stats_;
};

}  // namespace weft::control
