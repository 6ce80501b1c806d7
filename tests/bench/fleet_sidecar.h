#pragma once
// FleetSidecar: what a sidecar says and hears over ADS, without the rest of it: one connection with
// mTLS, one delta stream, subscriptions to what its clusters name, an answer to everything.
//
// Nothing is decoded but names, so that thousands of them need less than the one control plane.
// Owner: Fleet. Thread: its loop's.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"
#include "xds/grpc_stream.h"
#include "xds/proto/discovery.pb.h"

namespace weft::bench {

class FleetSidecar final : public DialHolder,
                           public http::ClientConnection::Owner,
                           public xds::GrpcStream::Holder {
 public:
  class Owner {
   public:
    // It has answered these endpoints. / A push that a Generation closed.
    virtual void on_endpoints(FleetSidecar& sidecar, std::string_view cluster) = 0;
    virtual void on_generation(FleetSidecar& sidecar) = 0;
    // It cannot go on; the run is void.
    virtual void on_broken(FleetSidecar& sidecar, const Error& error) = 0;

   protected:
    ~Owner() = default;
  };

  FleetSidecar(Turn& turn, Dialer& dialer, Owner& owner, std::size_t number, std::string node_id);
  ~FleetSidecar();

  void start();
  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }  // 0: none yet
  [[nodiscard]] std::size_t clusters() const { return clusters_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection& connection, const Error& reason) override;
  void on_message(Buffer&& message) override;
  void on_last_message() override {}
  void on_writable() override {}
  void on_grpc_end(const http::GrpcOutcome& outcome) override;

 private:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  [[nodiscard]] static Request request_for(std::string_view type_url);
  void send(const Request& request);
  void follow_clusters(const envoy::service::discovery::v3::DeltaDiscoveryResponse& response);

  Turn& turn_;
  Dialer& dialer_;
  Owner& owner_;
  const std::size_t number_;
  const std::string node_id_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<http::ClientConnection> connection_;
  std::unique_ptr<xds::GrpcClientStream> stream_;
  std::set<std::string> clusters_;  // with endpoints
  std::uint64_t generation_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace weft::bench
