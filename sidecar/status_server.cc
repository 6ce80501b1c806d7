#include "sidecar/status_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

http::Service::Options status_options() {
  http::Service::Options options;
  options.connections_max = StatusServer::kConnectionsMax;
  options.body_bytes_max = 0;
  return options;
}

// Sample and comment lines of process_… go: the app's page has its own, and a name twice on one
// page is an error to a scraper.
std::string without_process(const std::string& page) {
  std::string out;
  out.reserve(page.size());
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = std::min(page.find('\n', at), page.size() - 1) + 1;
    const std::string_view line = std::string_view(page).substr(at, end - at);
    const bool process = line.starts_with("process_") || line.starts_with("# HELP process_") ||
                         line.starts_with("# TYPE process_");
    if (!process) out += line;
    at = end;
  }
  return out;
}

}  // namespace

class StatusServer::Question final : public http::RequestSink, public AppCallHolder {
 public:
  Question(StatusServer& server, const AppProbe& probe, std::unique_ptr<http::ServerStream> stream,
           http::Method method)
      : server_(server), probe_(probe), stream_(std::move(stream)), method_(method) {
    stream_->set_sink(this);
  }

  void begin(std::string user_agent) {
    call_ = AppCall::begin({.turn = server_.loop_.turn(),
                            .connector = server_.connector_,
                            .app = server_.options_.app,
                            .tls = server_.tls_},
                           probe_, std::move(user_agent), *this);
  }

  void on_body(Buffer&& bytes, bool) override { stream_->consume(bytes.size()); }
  void on_trailers(http::Headers&&) override {}
  void on_sent(std::size_t) override {}
  // Whoever asked has gone.
  void on_stream_fault(const Error&) override {
    call_.reset();
    leave();
  }

  void on_app_answer(AppCall&, AppAnswer&& answer) override {
    http::send_reply(*stream_, method_, reply_to(std::move(answer)));
    leave();
  }

 private:
  http::Reply reply_to(AppAnswer&& answer) {
    if (probe_.path == kAppMetricsPath) return server_.metrics_with(answer);
    if (answer.well) return {.body = "ok\n"};
    http::Reply reply{.status = answer.status};
    if (answer.why.empty()) {
      reply.body =
          fmt::format("the app answers {}\n{}", answer.status, escape(answer.body, kShownMax));
    } else {
      reply.body = escape(answer.why, kShownMax) + "\n";
    }
    return reply;
  }
  // The call, if there is one, has answered.
  void leave() {
    server_.loop_.turn().retire(std::move(call_));
    stream_.reset();
    server_.remove(*this);
  }

  StatusServer& server_;
  const AppProbe& probe_;
  std::unique_ptr<http::ServerStream> stream_;
  const http::Method method_;
  std::unique_ptr<AppCall> call_;
};

StatusServer::StatusServer(net::Loop& loop, Connector& connector, Admin::Source& source,
                           std::shared_ptr<tls::Library> library, Options options)
    : loop_(loop),
      connector_(connector),
      source_(source),
      library_(std::move(library)),
      options_(std::move(options)),
      service_(loop.turn(), status_options()) {
  service_.handle("GET", "/ready",
                  [this](const http::ServiceRequest&) { return make_ready_page(source_); });
  bool own_metrics = false;
  for (const AppProbe& probe : options_.probes) {
    own_metrics = own_metrics || probe.path == kAppMetricsPath;
    service_.handle_stream(
        probe.path,
        [this, &probe](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool,
                       Transport&) { ask(probe, std::move(stream), head); },
        "GET");
  }
  if (own_metrics) return;
  service_.handle("GET", kAppMetricsPath, [this](const http::ServiceRequest&) {
    return http::Reply{.content_type = kMetricsType, .body = source_.metrics()};
  });
}

StatusServer::~StatusServer() = default;

Status StatusServer::listen() {
  if (std::ranges::any_of(options_.probes, &AppProbe::tls)) {
    // The kubelet judges no certificate of a probe either.
    auto context =
        tls::ClientContext::make({}, {.alpn = {"h2", "http/1.1"}, .verify_peer = false}, library_);
    if (!context) return fail(context.error());
    tls_ = std::move(*context);
  }
  for (const SocketAddress& address : options_.addresses) {
    Result<net::OwnedFd> socket = net::bind_listener(address);
    if (!socket) return fail(socket.error());
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, std::move(*socket), *this, net::Acceptor::Options{.reserve_descriptors = 2}));
  }
  return {};
}

SocketAddress StatusServer::address() const {
  return acceptors_.empty() ? SocketAddress() : acceptors_.front()->address();
}

void StatusServer::on_accept(std::unique_ptr<net::Socket> socket) {
  if (service_.connections() >= kConnectionsMax) {
    WEFT_LOG_LIMITED(kWarn, "status port: connection limit {} reached", kConnectionsMax);
    return;
  }
  service_.adopt(std::move(socket));
}

void StatusServer::ask(const AppProbe& probe, std::unique_ptr<http::ServerStream> stream,
                       const http::RequestHead& head) {
  if (questions_.size() >= kCallsMax) {
    http::send_reply(*stream, head.method,
                     {.status = 503, .body = "too many probes are under way\n"});
    return;
  }
  std::string agent(head.headers.find(http::HeaderId::kUserAgent).value_or(std::string_view()));
  questions_.push_back(std::make_unique<Question>(*this, probe, std::move(stream), head.method));
  questions_.back()->begin(std::move(agent));
}

void StatusServer::remove(Question& question) {
  const auto found = std::ranges::find(questions_, &question, &std::unique_ptr<Question>::get);
  WEFT_ASSERT(found != questions_.end());
  loop_.turn().retire(std::move(*found));
  questions_.erase(found);
}

http::Reply StatusServer::metrics_with(const AppAnswer& app) {
  http::Reply reply{.content_type = kMetricsType, .body = source_.metrics()};
  if (app.well) {
    reply.body = without_process(reply.body) + app.body;
    if (!reply.body.ends_with('\n')) reply.body += '\n';
    return reply;
  }
  const std::string why = app.why.empty() ? fmt::format("status {}", app.status) : app.why;
  WEFT_LOG_LIMITED(kWarn, "the app's own metrics are not read: {}", escape(why));
  return reply;
}

}  // namespace weft::sidecar
