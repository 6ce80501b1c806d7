#pragma once
// StatusServer: what a pod's sidecar tells the cluster in the clear, on the pod's own addresses:
// /ready, /metrics, and the app's probes.
//
// The kubelet and Prometheus have no certificate. Nothing here changes anything or shows more than
// a scraper may see; the admin pages stay on loopback. A probe is asked of the app at most
// kCallsMax at once, each within its own time. Where the app has metrics of its own they follow the
// sidecar's on /metrics. Owner: Sidecar. Thread: main loop.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/admin.h"
#include "sidecar/app_call.h"
#include "sidecar/app_probe.h"
#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"
#include "tls/library.h"

namespace weft::sidecar {

class StatusServer final : public net::Acceptor::Owner {
 public:
  static constexpr std::size_t kConnectionsMax = 64;  // further ones are closed at once
  static constexpr std::size_t kCallsMax = 32;        // further ones are answered 503
  static constexpr std::size_t kShownMax = 1024;      // of an app's body, when it is not well

  struct Options {
    std::vector<SocketAddress> addresses;
    std::vector<AppProbe> probes;
    IpAddress app;  // where the app listens
  };

  StatusServer(net::Loop& loop, Connector& connector, Admin::Source& source,
               std::shared_ptr<tls::Library> library, Options options);
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;
  ~StatusServer();

  Status listen();
  [[nodiscard]] SocketAddress address() const;  // of the first; port 0 resolved

  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor&) override {}

 private:
  class Question;  // one probe under way

  void ask(const AppProbe& probe, std::unique_ptr<http::ServerStream> stream,
           const http::RequestHead& head);
  void remove(Question& question);
  [[nodiscard]] http::Reply metrics_with(const AppAnswer& app);

  net::Loop& loop_;
  Connector& connector_;
  Admin::Source& source_;
  const std::shared_ptr<tls::Library> library_;
  const Options options_;
  std::shared_ptr<const tls::ClientContext> tls_;  // where a probe asks over HTTPS
  http::Service service_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Question>> questions_;
};

}  // namespace weft::sidecar
