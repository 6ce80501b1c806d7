#pragma once
// KubernetesSource: the objects of a cluster as a source of configuration: lists and watches what
// the mesh is made of, and tells what changed, object by object.
//
// Nothing is told before every kind has been listed once, or is known not to be installed: a mesh
// of half a cluster would be a wrong one. Afterwards changes are gathered for `settle`. While the
// API server is silent nothing changes. Owner: Control. Thread: its loop's.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/kubernetes/resource_feed.h"
#include "control/kubernetes/status_book.h"
#include "control/kubernetes/translation.h"
#include "control/kubernetes/unmeshed_pods.h"
#include "control/registry.h"

namespace weft::control {

class KubernetesSource final : public kube::UnmeshedPods::Source,
                               public kube::ResourceFeed::Owner,
                               public TimerSink {
 public:
  struct Options {
    kube::Reflector::Options reflector;
    // A Pod is large; a page of them is read whole.
    std::uint32_t pods_page = 250;
    Duration settle = std::chrono::milliseconds(20);
    std::uint64_t seed = 0;  // of its delays; 0: the system's
  };

  class Owner {
   public:
    // Each object at most once.
    virtual void on_objects(std::vector<KeyedChange> changes) = 0;
    // Everything has been told once; comes once, after the first on_objects().
    virtual void on_objects_known() = 0;

   protected:
    ~Owner() = default;
  };

  KubernetesSource(Turn& turn, kube::KubeClient& client, Owner& owner, const Options& options);
  KubernetesSource(const KubernetesSource&) = delete;
  KubernetesSource& operator=(const KubernetesSource&) = delete;
  ~KubernetesSource();

  void start();
  void stop();
  [[nodiscard]] bool known() const { return known_; }
  // Why the cluster cannot be heard; empty while it can.
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] const std::vector<std::unique_ptr<kube::ResourceFeed>>& feeds() const {
    return feeds_;
  }
  // What stands under `status` of what was told.
  [[nodiscard]] const kube::StatusBook& status_book() const { return book_; }
  [[nodiscard]] const kube::Translation::Pods& pods() const override {
    return translation_.all_pods();
  }
  [[nodiscard]] const kube::NamespaceLabels& namespaces() const override { return namespaces_; }

  void on_heard_again() override;
  void on_timer(Timer& timer) override;

 private:
  struct StoreHolder;
  template <typename Facts>
  class FactsStore;
  class ServiceStore;
  class ObjectStore;
  class NamespaceStore;

  void put(const ObjectKey& key, std::optional<KeyedChange::Text> text);
  // What is there of its status; told together with what was read of it.
  void note_status(const ObjectKey& key, std::optional<kube::HeldStatus> status);
  // A store has changed.
  void note_change();
  void tell();

  Turn& turn_;
  kube::KubeClient& client_;
  Owner& owner_;
  const Options options_;
  Random random_;
  Timer settle_timer_;
  kube::Translation translation_;
  std::map<ObjectKey, std::optional<KeyedChange::Text>> waiting_;
  std::map<ObjectKey, std::optional<kube::HeldStatus>> statuses_waiting_;
  kube::StatusBook book_;
  kube::NamespaceLabels namespaces_;
  std::vector<std::unique_ptr<StoreHolder>> stores_;
  std::vector<std::unique_ptr<kube::ResourceFeed>> feeds_;
  bool known_ = false;
  bool stopped_ = false;
};

}  // namespace weft::control
