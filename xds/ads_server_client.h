#pragma once
// AdsServer::Client: one stream of one client, from its first request to its end. Internal to
// AdsServer.

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "xds/ads_server.h"
#include "xds/grpc_stream.h"

namespace weft::xds {

class AdsServer::Client final : public GrpcStream::Holder,
                                public Catalog::Subscriber,
                                public TimerSink {
 public:
  Client(AdsServer& server, Variant variant, std::string_view type,
         std::unique_ptr<http::ServerStream> stream, const TlsInfo& tls, const SocketAddress& peer);
  ~Client();

  // Admitted: the Catalog is asked.
  void begin();
  // Says goodbye and is silent; the server retires it.
  void end(http::GrpcStatus status, std::string_view message);
  [[nodiscard]] ClientReport report() const;

  void on_message(Buffer&& message) override;
  void on_last_message() override { leave(http::GrpcStatus::kOk, ""); }
  void on_writable() override { tell(); }
  void on_grpc_end(const http::GrpcOutcome& outcome) override;
  void on_resources(std::shared_ptr<const ResourceSet> set) override;
  void on_timer(Timer& timer) override;

 private:
  enum class Step : std::uint8_t { kUnknown, kWaiting, kSubscribed, kServing, kOver };

  template <typename Request>
  void hear(Request&& request);
  template <typename Request>
  [[nodiscard]] bool identify(const Request& request);
  void hear_of_destinations();
  void tell();
  void leave(http::GrpcStatus status, std::string_view message);

  AdsServer& server_;
  const Variant variant_;
  const std::string type_;  // of a service for one type
  NodeInfo node_;
  Step step_ = Step::kUnknown;
  std::unique_ptr<GrpcServerStream> stream_;
  std::unique_ptr<Catalog::Subscription> subscription_;
  ServerState state_;
  std::set<std::string, std::less<>> destinations_;  // asked of the Catalog
  std::string first_;  // the request that said who asks, until the Catalog has answered
  std::uint64_t generation_ = 0;
  std::uint64_t settled_told_ = 0;  // to the watcher
  TimePoint since_;
  TimePoint behind_since_;
  std::optional<TimePoint> answered_at_;
  Timer patience_;
};

}  // namespace weft::xds
