#pragma once
// XdsSource: what the control plane says over ADS, as changes to the Publisher's sources; and what
// the Publisher needs, as subscriptions.
//
// Listeners and clusters are asked for as a whole, routes, endpoints and secrets by the names that
// the former use. A resource is refused by name: what it says was judged by from_proto, here it may
// still be a port in use or a name of the start file. A push is published when the Generation that
// closes it arrives (decisions A5); a server that sends none within kFirstPatience is taken for a
// foreign one, and its changes are published once per turn. Losing the control plane changes
// nothing that was published. Owner: Sidecar. Thread: main loop. Source: xDS v3 reference 2.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/publisher.h"
#include "telemetry/proxy_metrics.h"
#include "xds/ads_client.h"

namespace weft::sidecar {

class XdsSource final : public xds::AdsClient::Owner, public TimerSink {
 public:
  // From the first change of a push to the Generation that closes it; then what there is counts.
  static constexpr Duration kPatience = std::chrono::seconds(5);
  // As long as no Generation has ever come.
  static constexpr Duration kFirstPatience = std::chrono::seconds(1);
  static constexpr Duration kLookEvery = std::chrono::milliseconds(100);

  class Owner {
   public:
    // Once: the first configuration is complete, or is no longer waited for.
    virtual void on_xds_settled() = 0;
    // A zone's names are told, or gone. They count from the next on_published of the Publisher.
    virtual void on_names(xds::NameTable&& table) = 0;
    virtual void on_names_gone(const std::string& zone) = 0;
    // Of the destinations that are subscribed to. Known: what belongs to it was told before, and
    // counts when it is published.
    virtual void on_destination_known(const xds::Destination& destination) = 0;
    virtual void on_destination_unknown(const std::string& name) = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    xds::AdsClient::Options ads;
    bool listeners = true;
    bool clusters = true;
    bool names = false;                                         // for the pod's DNS
    bool generations = true;                                    // ask for them
    Duration initial_fetch_timeout = std::chrono::seconds(15);  // zero: as long as it takes
    // Of the start file; no control plane may touch these.
    std::set<std::string, std::less<>> static_listeners;
    std::set<std::string, std::less<>> static_clusters;
    std::set<std::string, std::less<>> static_secrets;
  };

  XdsSource(Turn& turn, Dialer& dialer, Random& random, Publisher& publisher, Owner& owner,
            Options options);

  void start();
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool settled() const { return settled_; }
  // What the app called and nobody knew; any time.
  void want(const std::set<std::string, std::less<>>& destinations);
  // The Publisher has published: what only the version before used may be let go.
  void on_published();

  [[nodiscard]] const xds::AdsClient& client() const { return client_; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  // For /config_dump: one line per resource with its version and why a newer one was refused.
  [[nodiscard]] std::string describe() const;
  // Adds what happened since the last call, for /metrics.
  void count(telemetry::ProxyMetrics& metrics);

  // xds::AdsClient::Owner
  [[nodiscard]] std::vector<xds::Refusal> on_resources(
      std::string_view type, std::vector<xds::AdsClient::Arrival>&& changed,
      const std::vector<std::string>& removed) override;
  void on_generation(const xds::Generation& generation) override;
  void on_ads_connected() override;
  void on_ads_disconnected(const Error& reason) override;
  void on_timer(Timer& timer) override;

 private:
  Status apply(xds::AdsClient::Arrival&& arrival);
  void remove(std::string_view type, const std::string& name);
  void subscribe_to_what_is_used();
  void subscribe(std::string_view type, std::vector<std::string> names);
  void publish_later();
  [[nodiscard]] bool heard_of(std::string_view type) const;
  void settle_if_complete();

  Turn& turn_;
  Publisher& publisher_;
  Owner& owner_;
  const Options options_;
  xds::AdsClient client_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> subscribed_;
  std::map<std::string, std::uint64_t, std::less<>> refusals_counted_;  // of each type
  Timer push_timer_;                                                    // the Generation is late
  Timer settle_timer_;  // looks whether the first configuration is complete
  TimePoint started_at_{};
  std::uint64_t generation_ = 0;
  std::uint64_t asked_at_ = 0;  // Publisher::names_version() of what is subscribed to
  bool started_ = false;
  bool settled_ = false;
  bool closes_pushes_;    // Generations are expected
  bool changed_ = false;  // since the last Generation
};

}  // namespace weft::sidecar
