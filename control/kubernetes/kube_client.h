#pragma once
// KubeClient: requests to the API server: whole answers, and watches.
//
// Every request carries the token as it is at that moment. Lists may take long and be large, the
// rest is quick: each sort has connections and a deadline of its own, so that a Lease is not late
// because a list is long. Owner: Control; it outlives its calls and watches. Thread: its loop's.

#include <memory>
#include <string>

#include "control/kubernetes/kube_access.h"
#include "control/kubernetes/kube_watch.h"
#include "sidecar/http/client.h"

namespace weft::control::kube {

struct KubeRequest {
  std::string method = "GET";
  std::string target;  // path and query
  std::string content_type = "application/json";
  std::string body;
};

class KubeClient final {
 public:
  static constexpr std::size_t kListBytesMax = 64 * 1024 * 1024;
  static constexpr Duration kListTimeout = std::chrono::seconds(60);
  static constexpr std::size_t kQuickBytesMax = 4 * 1024 * 1024;
  // Short, so that what was asked under a Lease is over before the Lease is.
  static constexpr Duration kQuickTimeout = std::chrono::seconds(4);
  // A watch may last so much longer than it was asked for.
  static constexpr Duration kWatchGrace = std::chrono::seconds(30);

  KubeClient(Turn& turn, Dialer& dialer, KubeIdentity identity);

  [[nodiscard]] std::unique_ptr<http::Call> list(const std::string& target,
                                                 http::CallHolder& holder);
  [[nodiscard]] std::unique_ptr<http::Call> send(KubeRequest request, http::CallHolder& holder);
  [[nodiscard]] std::unique_ptr<KubeWatch> watch(const std::string& target, Duration time,
                                                 KubeWatch::Holder& holder);

 private:
  [[nodiscard]] http::ClientRequest request_of(KubeRequest&& request);

  Turn& turn_;
  Dialer& dialer_;
  KubeIdentity identity_;
  http::Client lists_;
  http::Client quick_;
};

// What Retry-After says; zero where it says nothing, or not in seconds.
[[nodiscard]] Duration retry_after_of(const http::ResponseHead& head);

}  // namespace weft::control::kube
