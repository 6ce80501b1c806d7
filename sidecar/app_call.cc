#include "sidecar/app_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/client.h"
#include "sidecar/http/grpc.h"
#include "sidecar/upstream/health_probe.h"
#include "tls/dialer.h"

namespace weft::sidecar {

namespace {

// The redirect rules know deliveries to the app by their source: anything else that the sidecar
// sends to its own pod would be led back to itself.
SocketAddress delivery_source(const IpAddress& app) {
  const char* source = app.is_v4() ? pod::kDeliverySource : pod::kDeliverySourceV6;
  return {*IpAddress::parse(source), 0};
}

AppAnswer no_app_answer(const Error& error) { return {.why = to_string(error)}; }

class AppDialer final : public Dialer {
 public:
  AppDialer(Connector& connector, const SocketAddress& address, const ConnectOptions& options)
      : connector_(connector), address_(address), options_(options) {}
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return connector_.connect(address_, options_, holder);
  }

 private:
  Connector& connector_;
  const SocketAddress address_;
  const ConnectOptions options_;
};

class HttpAppCall final : public AppCall, public http::CallHolder {
 public:
  HttpAppCall(const Place& place, const AppProbe& probe, std::string user_agent,
              AppCallHolder& holder)
      : probe_(probe),
        holder_(holder),
        user_agent_(std::move(user_agent)),
        address_(place.app, probe.port),
        dialer_(make_dialer(place, probe, address_)),
        client_(place.turn, *dialer_, options(probe)) {
    ask(probe.target);
  }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    if (probe_.kind == AppProbe::Kind::kGrpc) return finish(judge_grpc(response));
    const std::string next = same_host_target(response.head);
    if (!next.empty() && redirects_ < kRedirectsMax) {
      ++redirects_;
      return ask(next);
    }
    const std::uint16_t status = response.head.status;
    const bool well = status >= 200 && status < 400;
    AppAnswer answer{.well = well, .status = well ? std::uint16_t{200} : status};
    answer.content_type =
        response.head.headers.find(http::HeaderId::kContentType).value_or(std::string_view());
    answer.body = std::move(response.body);
    finish(std::move(answer));
  }
  void on_failure(http::Call&, const Error& error) override { finish(no_app_answer(error)); }

 private:
  static std::unique_ptr<Dialer> make_dialer(const Place& place, const AppProbe& probe,
                                             const SocketAddress& address) {
    const ConnectOptions connect{.timeout = probe.timeout, .source = delivery_source(place.app)};
    if (!probe.tls) return std::make_unique<AppDialer>(place.connector, address, connect);
    tls::Stream::Options tls{.handshake_timeout = probe.timeout};
    if (!IpAddress::parse(probe.host)) tls.server_name = probe.host;
    return std::make_unique<tls::Dialer>(
        place.turn, place.connector, place.tls,
        tls::Dialer::Options{.address = address, .connect = connect, .tls = tls});
  }
  static http::Client::Options options(const AppProbe& probe) {
    using Speaks = http::Client::Speaks;
    return {.speaks = probe.kind == AppProbe::Kind::kGrpc ? Speaks::kHttp2
                      : probe.tls                         ? Speaks::kAlpn
                                                          : Speaks::kHttp1,
            .keep = false,
            .timeout = probe.timeout,
            .body_bytes_max = probe.path == kAppMetricsPath ? kMetricsBytesMax : kProbeBytesMax,
            .limits = {},
            .http2 = {}};
  }

  void ask(const std::string& target) {
    http::ClientRequest request;
    request.authority = probe_.host.empty() ? address_.to_string() : probe_.host;
    if (probe_.kind == AppProbe::Kind::kGrpc) {
      request.method = "POST";
      request.target = "/grpc.health.v1.Health/Check";
      request.fields = {{"content-type", "application/grpc"}, {"te", "trailers"}};
      request.body = upstream::make_check_request(probe_.service);
    } else {
      request.target = target;
      request.fields = probe_.fields;
      const auto add = [&](const char* name, const std::string& value) {
        const bool there = std::ranges::any_of(
            request.fields, [&](const auto& field) { return field.first == name; });
        if (!there && !value.empty()) request.fields.emplace_back(name, value);
      };
      add("user-agent", user_agent_);
      add("accept", "*/*");
    }
    call_ = client_.send(std::move(request), *this);
  }

  // Where a redirect leads, when it stays here; empty otherwise.
  static std::string same_host_target(const http::ResponseHead& head) {
    const std::uint16_t status = head.status;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
      return {};
    const std::string_view to =
        head.headers.find(http::HeaderId::kLocation).value_or(std::string_view());
    if (!to.starts_with('/') || to.starts_with("//")) return {};
    return std::string(to.substr(0, to.find('#')));
  }

  static AppAnswer judge_grpc(const http::ClientResponse& response) {
    const http::Headers* trailers = response.trailers.empty() ? nullptr : &response.trailers;
    const http::GrpcOutcome outcome = http::read_grpc_outcome(response.head, trailers);
    if (outcome.status != http::GrpcStatus::kOk)
      return {.why = fmt::format("grpc.health.v1 answers {}", http::name_of(outcome.status))};
    const std::optional<std::uint64_t> status = upstream::read_check_status(response.body);
    if (status == 1U) return {.well = true, .status = 200, .body = "SERVING\n"};
    return {.why = "grpc.health.v1 does not answer SERVING"};
  }

  void finish(AppAnswer&& answer) {
    call_.reset();
    holder_.on_app_answer(*this, std::move(answer));
  }

  const AppProbe& probe_;
  AppCallHolder& holder_;
  const std::string user_agent_;
  const SocketAddress address_;
  const std::unique_ptr<Dialer> dialer_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
  int redirects_ = 0;
};

class TcpAppCall final : public AppCall, public DialHolder {
 public:
  TcpAppCall(const Place& place, const AppProbe& probe, AppCallHolder& holder)
      : turn_(place.turn), holder_(holder) {
    dial_ = place.connector.connect(
        SocketAddress(place.app, probe.port),
        {.timeout = probe.timeout, .source = delivery_source(place.app)}, *this);
  }

  void on_dialed(std::unique_ptr<Transport> transport) override {
    turn_.retire(std::move(dial_));
    turn_.retire(std::move(transport));
    holder_.on_app_answer(*this, {.well = true, .status = 200, .body = "connected\n"});
  }
  void on_dial_failed(const Error& error) override {
    AppAnswer answer = no_app_answer(error);
    turn_.retire(std::move(dial_));
    holder_.on_app_answer(*this, std::move(answer));
  }

 private:
  Turn& turn_;
  AppCallHolder& holder_;
  std::unique_ptr<Dial> dial_;
};

}  // namespace

std::unique_ptr<AppCall> AppCall::begin(const Place& place, const AppProbe& probe,
                                        std::string user_agent, AppCallHolder& holder) {
  if (probe.kind == AppProbe::Kind::kTcp) return std::make_unique<TcpAppCall>(place, probe, holder);
  return std::make_unique<HttpAppCall>(place, probe, std::move(user_agent), holder);
}

}  // namespace weft::sidecar
