#include "control/kubernetes/kube_client.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

http::Client::Options client_options(Duration timeout, std::size_t bytes_max) {
  http::Client::Options options;
  options.speaks = http::Client::Speaks::kAlpn;
  options.timeout = timeout;
  options.body_bytes_max = bytes_max;
  return options;
}

}  // namespace

KubeClient::KubeClient(Turn& turn, Dialer& dialer, KubeIdentity identity)
    : turn_(turn),
      dialer_(dialer),
      identity_(std::move(identity)),
      lists_(turn, dialer, client_options(kListTimeout, kListBytesMax)),
      quick_(turn, dialer, client_options(kQuickTimeout, kQuickBytesMax)) {}

http::ClientRequest KubeClient::request_of(KubeRequest&& request) {
  http::ClientRequest out{
      .method = std::move(request.method),
      .authority = identity_.authority(),
      .target = identity_.base_path() + request.target,
      .fields = {{"accept", "application/json"}, {"user-agent", "weft-control/" WEFT_VERSION}},
      .body = std::move(request.body)};
  if (!out.body.empty()) out.fields.emplace_back("content-type", std::move(request.content_type));
  if (std::string token = identity_.token(); !token.empty()) {
    out.fields.emplace_back("authorization", "Bearer " + std::move(token));
  }
  return out;
}

std::unique_ptr<http::Call> KubeClient::list(const std::string& target, http::CallHolder& holder) {
  return lists_.send(request_of({.target = target}), holder);
}

std::unique_ptr<http::Call> KubeClient::send(KubeRequest request, http::CallHolder& holder) {
  return quick_.send(request_of(std::move(request)), holder);
}

std::unique_ptr<KubeWatch> KubeClient::watch(const std::string& target, Duration time,
                                             KubeWatch::Holder& holder) {
  http::ClientRequest request = request_of({.target = target});
  return std::make_unique<KubeWatch>(turn_, dialer_,
                                     KubeWatch::Request{.authority = std::move(request.authority),
                                                        .target = std::move(request.target),
                                                        .fields = std::move(request.fields),
                                                        .time = time + kWatchGrace},
                                     holder);
}

Duration retry_after_of(const http::ResponseHead& head) {
  const auto text = head.headers.find(http::HeaderId::kRetryAfter);
  const auto seconds = text ? parse_u64(trim(*text)) : std::nullopt;
  if (!seconds) return Duration::zero();
  return std::chrono::seconds(std::min<std::uint64_t>(*seconds, 24 * 3600));
}

}  // namespace weft::control::kube
