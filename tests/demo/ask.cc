#include "tests/demo/ask.h"

#include <fmt/format.h>

#include <optional>

#include "sidecar/net/connector.h"
#include "sidecar/net/loop.h"
#include "tests/demo/plain_dialer.h"
#include "tests/demo/shop.h"
#include "tls/dialer.h"

namespace weft::demo {

namespace {

// Remembers who answered.
class NotingDialer final : public Dialer, private DialHolder {
 public:
  explicit NotingDialer(Dialer& below) : below_(below) {}
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    holder_ = &holder;
    return below_.dial(*this);
  }
  [[nodiscard]] const TlsInfo& tls() const { return tls_; }

 private:
  void on_dialed(std::unique_ptr<Transport> transport) override {
    tls_ = transport->tls();
    holder_->on_dialed(std::move(transport));
  }
  void on_dial_failed(const Error& error) override { holder_->on_dial_failed(error); }

  Dialer& below_;
  DialHolder* holder_ = nullptr;
  TlsInfo tls_;
};

class Waiting final : public http::CallHolder {
 public:
  explicit Waiting(net::Loop& loop) : loop_(loop) {}
  void on_response(http::Call&, http::ClientResponse&& response) override {
    result_.emplace(std::move(response));
    loop_.stop();
  }
  void on_failure(http::Call&, const Error& error) override {
    result_.emplace(fail(error));
    loop_.stop();
  }
  [[nodiscard]] Result<http::ClientResponse> take() { return std::move(*result_); }

 private:
  net::Loop& loop_;
  std::optional<Result<http::ClientResponse>> result_;
};

Result<Asked> ask_through(net::Loop& loop, Dialer& dialer, http::Client::Speaks speaks,
                          http::ClientRequest&& request, Duration timeout) {
  NotingDialer noting(dialer);
  Waiting waiting(loop);
  Result<http::ClientResponse> response = [&] {
    http::Client client(
        loop.turn(), noting,
        {.speaks = speaks, .keep = false, .timeout = timeout, .body_bytes_max = 64 * 1024 * 1024});
    const std::unique_ptr<http::Call> call = client.send(std::move(request), waiting);
    loop.run();
    return waiting.take();
  }();
  if (!response) return fail(response.error());
  return Asked{.response = std::move(*response), .tls = noting.tls()};
}

}  // namespace

Result<Asked> ask(const SocketAddress& address, http::ClientRequest request, Duration timeout) {
  if (request.authority.empty()) request.authority = address.to_string();
  net::Loop loop;
  PlainDialer dialer(loop, address);
  return ask_through(loop, dialer, http::Client::Speaks::kHttp1, std::move(request), timeout);
}

Result<Asked> ask_secured(const SocketAddress& address, const TlsMaterial& material,
                          http::ClientRequest request, Duration timeout) {
  TlsSettings settings;
  settings.alpn = {"h2", "http/1.1"};
  settings.peer_names = {{.type = SanMatcher::Type::kUri,
                          .how = SanMatcher::How::kPrefix,
                          .value = fmt::format("spiffe://{}/", Shop::kTrustDomain)}};
  Result<std::shared_ptr<const tls::ClientContext>> context =
      tls::ClientContext::make(material, settings, tls::Library::make());
  if (!context) return fail(context.error());
  if (request.authority.empty()) request.authority = address.to_string();
  net::Loop loop;
  net::TcpConnector connector(loop);
  tls::Dialer dialer(loop.turn(), connector, std::move(*context), {.address = address});
  return ask_through(loop, dialer, http::Client::Speaks::kAlpn, std::move(request), timeout);
}

Result<std::string> get(const SocketAddress& address, const std::string& path) {
  Result<Asked> asked = ask(address, {.target = path});
  if (!asked) return fail(asked.error());
  if (asked->response.head.status != 200) {
    return fail(Fault::kInvalid, fmt::format("{}{}: status {}", address.to_string(), path,
                                             asked->response.head.status));
  }
  return std::move(asked->response.body);
}

Status post(const SocketAddress& address, const std::string& path) {
  const Result<Asked> asked = ask(address, {.method = "POST", .target = path});
  if (!asked) return fail(asked.error());
  if (asked->response.head.status / 100 != 2) {
    return fail(Fault::kInvalid, fmt::format("{}{}: status {}: {}", address.to_string(), path,
                                             asked->response.head.status, asked->response.body));
  }
  return {};
}

}  // namespace weft::demo
