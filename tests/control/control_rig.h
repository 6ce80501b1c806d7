#pragma once
// ControlRig: a Control on a turn that is moved by hand, with directories of its own, and clients
// that call its doors over memory pipes, TLS included.
//
// The wall clock stands still unless a test moves it. restart() is a SIGKILL: the old Control is
// gone without a goodbye, the directories stay.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/control.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/random.h"
#include "tests/control/temporary_directory.h"
#include "tests/support/memory_transport.h"
#include "tls/dialer.h"
#include "xds/ads_client.h"
#include "xds/certificate_client.h"

namespace weft::control::testing {

class ControlRig final : public Connector, public Control::Owner {
 public:
  ControlRig();
  ~ControlRig();

  // Both may be called after the directories have been filled; load_error() instead of a failure.
  void start(const Control::Options& options);
  void start() { start(Control::Options{}); }
  [[nodiscard]] std::string try_start(Control::Options options);
  void restart();

  // Until nothing moves; a few milliseconds go by.
  void run();
  void pass(Duration time, Duration step = std::chrono::milliseconds(10));
  // Long enough for an edit of the directory to be noticed and told.
  void settle() { pass(std::chrono::milliseconds(800)); }

  [[nodiscard]] std::string page(const std::string& path, const std::string& host = "localhost");
  // At the scraper's door.
  [[nodiscard]] std::string scrape(const std::string& path, const std::string& host);

  // Connector: the port says which door.
  static constexpr std::uint16_t kTlsPort = 15012;
  static constexpr std::uint16_t kPlainPort = 15010;
  static constexpr std::uint16_t kWebhookPort = 15017;
  [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress& address,
                                              const ConnectOptions& options,
                                              DialHolder& holder) override;
  void on_drained() override { drained = true; }

  // What somebody needs to call the TLS door, with that identity's certificate; without one when
  // both are empty.
  [[nodiscard]] std::shared_ptr<const tls::ClientContext> context(
      const std::string& name_space = "", const std::string& account = "") const;
  // As the API server: it knows the root and the name of the Service, and shows no certificate.
  [[nodiscard]] std::unique_ptr<tls::Dialer> webhook_dialer(bool http1);
  [[nodiscard]] std::unique_ptr<tls::Dialer> dialer(
      std::shared_ptr<const tls::ClientContext> context);

  static WallTime wall_now;

  Turn turn{TimePoint(std::chrono::hours(1))};
  TemporaryDirectory files;
  TemporaryDirectory kept;
  std::unique_ptr<Control> control;
  std::vector<std::unique_ptr<weft::testing::MemoryPipe>> pipes;
  std::shared_ptr<tls::Library> library;
  bool drained = false;

 private:
  class Pending;
  bool answer_dials();

  Control::Options options_;
  std::vector<Pending*> pending_;
};

// An ADS client that believes everything and writes down what it is told.
class Subscriber final : public xds::AdsClient::Owner {
 public:
  // A sidecar over TLS; a gRPC client in the plain.
  static std::unique_ptr<Subscriber> sidecar(ControlRig& rig, const std::string& id,
                                             const std::string& account,
                                             const std::string& name_space = "shop");
  static std::unique_ptr<Subscriber> plain(ControlRig& rig, const std::string& id);

  Subscriber(ControlRig& rig, std::unique_ptr<Dialer> dialer, const std::string& id);

  std::vector<xds::Refusal> on_resources(std::string_view type,
                                         std::vector<xds::AdsClient::Arrival>&& changed,
                                         const std::vector<std::string>& removed) override;
  void on_generation(const xds::Generation& generation) override;
  void on_ads_connected() override {}
  void on_ads_disconnected(const Error&) override {}

  [[nodiscard]] std::set<std::string> names(const std::string& type) const;
  [[nodiscard]] const std::string& last_error() const { return client_.stats().last_error; }

  // "1 2": the generations that were closed, in order.
  std::string generations;
  // By short name of the type, then by name: the version.
  std::map<std::string, std::map<std::string, std::string>> held;
  std::size_t arrivals = 0;
  std::string refuse;  // a resource of this name is refused

 private:
  [[nodiscard]] xds::AdsClient::Options options(const std::string& id) const;

  Random random_{7};
  std::unique_ptr<Dialer> dialer_;
  xds::AdsClient client_;
};

}  // namespace weft::control::testing
