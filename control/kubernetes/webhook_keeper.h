#pragma once
// WebhookKeeper: keeps the caBundle of our webhook configurations at the mesh's root, so that the
// API server believes our certificate: whoever applies the manifests anew, or edits them, takes it
// away for a moment.
//
// Both configurations are watched by their names, all that our account may see of them, and patched
// where the bundle is another. Every replica does so, leading or not: all have the same root and so
// write the same, and webhooks are to work before anybody leads. Only the bundles change hands
// here, never a rule or a selector, and a configuration that is not there is not made. Owner:
// Control. Thread: its loop's.

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/resource_feed.h"

namespace weft::control::kube {

class WebhookKeeper final : public ResourceFeed::Owner {
 public:
  struct Options {
    std::string revision = "default";
    Reflector::Options reflector;
  };
  struct Stats {
    Counter patched;
    Counter failures;
  };
  static constexpr std::size_t kWebhooksMax = 64;  // of one configuration

  WebhookKeeper(Turn& turn, KubeClient& client, Random& random, const Options& options);
  WebhookKeeper(const WebhookKeeper&) = delete;
  WebhookKeeper& operator=(const WebhookKeeper&) = delete;
  ~WebhookKeeper();

  void start(const std::string& root_pem);
  void stop();
  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] std::vector<const ResourceFeed*> feeds() const;

  void on_heard_again() override;

 private:
  class Kept;

  Turn& turn_;
  KubeClient& client_;
  Random& random_;
  std::string bundle_;  // base64
  std::string injector_;
  std::string validator_;
  std::vector<std::unique_ptr<Kept>> kept_;
  Stats stats_;
};

// The JSON Patch that gives every webhook of `configuration` that calls a Service this bundle, and
// fails where it is not the one that was seen; empty: it has it.
[[nodiscard]] std::string bundle_patch(const Json& configuration, const std::string& bundle);

}  // namespace weft::control::kube
