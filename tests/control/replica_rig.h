#pragma once
// ReplicaRig: several weft-control of one cluster, on a turn that is moved by hand, before a
// FakeApiServer: each a Control that the API server knows by its token; their admin ports at the
// addresses of their pods; and sidecars that are connected to one of them, over mTLS.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/control.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/random.h"
#include "tests/control/fake_api_server.h"
#include "tests/xds/wire_rig.h"
#include "tls/dialer.h"
#include "xds/ads_client.h"

namespace weft::control::testing {

// The admin ports of pods, by address.
class AdminPorts final : public Connector {
 public:
  explicit AdminPorts(xds::testing::WireRig& rig) : rig_(rig) {}
  [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress& address,
                                              const ConnectOptions& options,
                                              DialHolder& holder) override;

  std::map<std::string, Admin*> at;

 private:
  class Answer;
  xds::testing::WireRig& rig_;
};

// One weft-control of several, known to the API server by its token, which is its pod's name too.
class Replica final : public Control::Owner {
 public:
  Replica(xds::testing::WireRig& rig, const std::string& token, Connector& connector);
  // As SIGKILL: no goodbye.
  ~Replica();

  void on_drained() override { drained = true; }
  void on_failed(const Error& error) override { ADD_FAILURE() << error.detail; }
  [[nodiscard]] bool leads() const { return control->writer()->lease().leads(); }
  [[nodiscard]] bool says(const std::string& line) const {
    return control->metrics().find(line + "\n") != std::string::npos;
  }

  static WallTime wall_now;
  std::unique_ptr<kube::KubeClient> client;
  std::unique_ptr<Control> control;
  bool drained = false;
};

// A sidecar's stream to one replica: it takes everything, but for a resource named `refuse`.
class ReplicaCaller final : public Dialer, public xds::AdsClient::Owner {
 public:
  // As the pod `shop/NAME` with the ServiceAccount of that app.
  ReplicaCaller(xds::testing::WireRig& rig, Replica& replica, const std::string& name,
                const std::string& app);
  ~ReplicaCaller();

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override;
  std::vector<xds::Refusal> on_resources(std::string_view type,
                                         std::vector<xds::AdsClient::Arrival>&& changed,
                                         const std::vector<std::string>& removed) override;
  void on_generation(const xds::Generation&) override {}
  void on_ads_connected() override {}
  void on_ads_disconnected(const Error&) override {}
  [[nodiscard]] const std::string& last_error() const { return client_->stats().last_error; }

  std::string refuse;

 private:
  // The TLS door of the replica, by a pipe of its own.
  class Pipes final : public Connector {
   public:
    Pipes(xds::testing::WireRig& rig, Replica& replica) : rig_(rig), replica_(replica) {}
    [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress& address,
                                                const ConnectOptions& options,
                                                DialHolder& holder) override;

   private:
    xds::testing::WireRig& rig_;
    Replica& replica_;
  };

  Random random_{7};
  Pipes pipes_;
  std::shared_ptr<tls::Library> library_;
  std::unique_ptr<tls::Dialer> dialer_;
  std::unique_ptr<xds::AdsClient> client_;
};

// A pod of weft-control, as the manifests label it.
[[nodiscard]] FakeApiServer::Json make_control_pod(const std::string& name,
                                                   const std::string& address);

}  // namespace weft::control::testing
