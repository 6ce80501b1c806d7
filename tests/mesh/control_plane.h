#pragma once
// ControlPlane: an xds::AdsServer and a CA on a loop and a thread of their own, over loopback, that
// tells every node the same: what a test puts in. It can go away and come back at the same port.
//
// Plain, or with TLS (Security::kMutual): then ADS wants a certificate of its CA, and the CA signs
// for a token or for the certificate that is shown, and writes down which. Owner: a test. Thread:
// the test's.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sidecar/net/loop.h"
#include "sidecar/sidecar.h"
#include "tls/key.h"
#include "xds/ads_server.h"
#include "xds/resource.h"

namespace weft::mesh_test {

// ---- resources, from YAML ----

[[nodiscard]] xds::Resource resource(std::string_view type, std::string_view name,
                                     std::string_view yaml);
// An HTTP listener on a port of its own that takes its routes by RDS.
[[nodiscard]] xds::Resource dynamic_listener(std::string_view name, std::string_view routes,
                                             std::uint16_t port = 0);
// Everything to one cluster.
[[nodiscard]] xds::Resource dynamic_routes(std::string_view name, std::string_view cluster);
// `more` is added to the Cluster.
[[nodiscard]] xds::Resource dynamic_cluster(std::string_view name, std::string_view more = {});
[[nodiscard]] xds::Resource dynamic_endpoints(std::string_view cluster,
                                              const std::vector<SocketAddress>& addresses);

class ControlPlane final {
 public:
  enum class Security { kPlain, kMutual };
  struct Options {
    Security security = Security::kPlain;
    bool generations = true;  // ends each push with one
    Duration certificate_lifetime = std::chrono::hours(1);
    // Everything that a client is told which wants these destinations; without it nobody is there.
    using Names = std::set<std::string, std::less<>>;
    std::function<std::vector<xds::Resource>(const Names&)> wanted = {};
  };
  ControlPlane() : ControlPlane(Options{}) {}
  explicit ControlPlane(Options options);
  ~ControlPlane();

  // What is told from now on, as the next generation, which it returns.
  std::uint64_t tell(std::vector<xds::Resource> resources);
  // Waits until a client has answered all of it; returns what it refused: "Listener: …".
  [[nodiscard]] std::string settled(std::uint64_t generation);
  [[nodiscard]] std::string tell_and_settle(std::vector<xds::Resource> resources) {
    return settled(tell(std::move(resources)));
  }
  void go_away();
  void come_back();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // A start file's worth of settings for a sidecar that takes everything from here.
  [[nodiscard]] sidecar::Start start() const;
  [[nodiscard]] const std::string& root_pem() const { return root_; }
  [[nodiscard]] std::string root_spki() const { return root_key_.spki_sha256(); }
  [[nodiscard]] std::string join_token(const std::string& account) const;
  // Who proved what to the CA, in order: "token", "certificate".
  [[nodiscard]] std::vector<std::string> proofs() const;
  [[nodiscard]] std::size_t streams_begun() const { return streams_begun_; }

 private:
  class House;  // what lives on the loop
  void on_loop(const std::function<void(House&)>& call);
  [[nodiscard]] std::shared_ptr<const xds::ResourceSet> set_of(
      std::uint64_t number, std::vector<xds::Resource> resources) const;

  const Options options_;
  tls::Key root_key_;
  std::string root_;
  std::uint16_t port_ = 0;
  std::uint64_t generation_ = 0;
  std::shared_ptr<const xds::ResourceSet> set_;
  std::atomic<std::size_t> streams_begun_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> proofs_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<House> house_;
  std::thread thread_;
};

}  // namespace weft::mesh_test
