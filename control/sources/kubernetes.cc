#include "control/sources/kubernetes.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "sidecar/config/document.h"

namespace weft::control {

namespace {

using kube::Json;
using kube::Resource;

constexpr Resource kPods{.name = "pods",
                         .group = "",
                         .versions = {"v1"},
                         .plural = "pods",
                         .kind = "Pod",
                         .always_there = true};
constexpr Resource kNodes{.name = "nodes",
                          .group = "",
                          .versions = {"v1"},
                          .plural = "nodes",
                          .kind = "Node",
                          .always_there = true};
constexpr Resource kServices{.name = "services",
                             .group = "",
                             .versions = {"v1"},
                             .plural = "services",
                             .kind = "Service",
                             .always_there = true};
constexpr Resource kSlices{.name = "endpointslices",
                           .group = "discovery.k8s.io",
                           .versions = {"v1"},
                           .plural = "endpointslices",
                           .kind = "EndpointSlice",
                           .always_there = true};

struct WatchedKind {
  Kind kind;
  Resource resource;
};
constexpr std::string_view kGateway = "gateway.networking.k8s.io";
constexpr std::string_view kIstio = "networking.istio.io";
constexpr std::array<WatchedKind, 10> kWatchedKinds = {{
    {Kind::kHttpRoute, {"httproutes", kGateway, {"v1", "v1beta1"}, "httproutes", "HTTPRoute"}},
    {Kind::kGrpcRoute, {"grpcroutes", kGateway, {"v1"}, "grpcroutes", "GRPCRoute"}},
    {Kind::kTlsRoute, {"tlsroutes", kGateway, {"v1", "v1alpha2"}, "tlsroutes", "TLSRoute"}},
    {Kind::kTcpRoute, {"tcproutes", kGateway, {"v1", "v1alpha2"}, "tcproutes", "TCPRoute"}},
    {Kind::kReferenceGrant,
     {"referencegrants", kGateway, {"v1", "v1beta1"}, "referencegrants", "ReferenceGrant"}},
    {Kind::kBackendTrafficPolicy,
     {"xbackendtrafficpolicies",
      "gateway.networking.x-k8s.io",
      {"v1alpha1"},
      "xbackendtrafficpolicies",
      "XBackendTrafficPolicy"}},
    {Kind::kVirtualService,
     {"virtualservices",
      kIstio,
      {"v1", "v1beta1", "v1alpha3"},
      "virtualservices",
      "VirtualService"}},
    {Kind::kDestinationRule,
     {"destinationrules",
      kIstio,
      {"v1", "v1beta1", "v1alpha3"},
      "destinationrules",
      "DestinationRule"}},
    {Kind::kTrafficPolicy,
     {"trafficpolicies", "weft.dev", {"v1alpha1"}, "trafficpolicies", "TrafficPolicy"}},
    {Kind::kMeshConfig, {"meshconfigs", "weft.dev", {"v1alpha1"}, "meshconfigs", "MeshConfig"}},
}};

// The object as the model understands it.
KeyedChange::Text read_text(const ObjectKey& key, const Json& document) {
  KeyedChange::Text out;
  out.json = document.dump(-1, ' ', true, Json::error_handler_t::replace);
  const auto documents = config::parse_documents(out.json, key.to_string());
  if (!documents || documents->size() != 1) {
    out.mistakes = {documents ? key.to_string() + ": not one object" : documents.error().detail};
    return out;
  }
  ReadObject read = read_object(documents->front());
  out.json = config::to_json(documents->front().root);
  out.object = std::move(read.object);
  out.mistakes = std::move(read.mistakes);
  out.notes = std::move(read.notes);
  return out;
}

std::optional<kube::PodFacts> facts_of(const Json& json, const kube::PodFacts*) {
  return kube::read_pod(json);
}
std::optional<kube::NodeFacts> facts_of(const Json& json, const kube::NodeFacts*) {
  return kube::read_node(json);
}
std::optional<kube::SliceFacts> facts_of(const Json& json, const kube::SliceFacts*) {
  return kube::read_slice(json);
}
void remove_facts(kube::Translation& from, const ObjectName& name, const kube::PodFacts*) {
  from.remove_pod(name);
}
void remove_facts(kube::Translation& from, const ObjectName& name, const kube::NodeFacts*) {
  from.remove_node(name);
}
void remove_facts(kube::Translation& from, const ObjectName& name, const kube::SliceFacts*) {
  from.remove_slice(name);
}

}  // namespace

// Reflector::Store has no virtual destructor, as nobody destroys one by that name.
struct KubernetesSource::StoreHolder {
  virtual ~StoreHolder() = default;
  virtual kube::Reflector::Store& store() = 0;
};

// Of what Workloads are made of.
template <typename Facts>
class KubernetesSource::FactsStore final : public kube::Reflector::Store, public StoreHolder {
 public:
  explicit FactsStore(KubernetesSource& source) : source_(source) {}
  kube::Reflector::Store& store() override { return *this; }

  void on_list_begun() override { staged_.clear(); }
  void on_list_item(const ObjectName& name, Json&& object) override {
    if (auto facts = facts_of(object, kTag)) staged_.insert_or_assign(name, std::move(*facts));
  }
  void on_listed() override {
    source_.translation_.replace(std::exchange(staged_, {}));
    source_.note_change();
  }
  void on_put(const ObjectName& name, Json&& object) override {
    if (auto facts = facts_of(object, kTag)) {
      source_.translation_.put(name, std::move(*facts));
    } else {
      remove_facts(source_.translation_, name, kTag);
    }
    source_.note_change();
  }
  void on_removed(const ObjectName& name) override {
    remove_facts(source_.translation_, name, kTag);
    source_.note_change();
  }

 private:
  static constexpr const Facts* kTag = nullptr;
  KubernetesSource& source_;
  std::map<ObjectName, Facts> staged_;
};

// Of what the model reads itself.
class KubernetesSource::ObjectStore : public kube::Reflector::Store, public StoreHolder {
 public:
  ObjectStore(KubernetesSource& source, Kind kind, const Resource& resource)
      : source_(source), kind_(kind), resource_(resource) {}
  kube::Reflector::Store& store() override { return *this; }
  void read_as(const kube::Reflector& reflector) { reflector_ = &reflector; }

  void on_list_begun() override { staged_.clear(); }
  void on_list_item(const ObjectName& name, Json&& object) override {
    if (auto text = read(key_of(name), std::move(object))) {
      staged_.insert_or_assign(name, std::move(*text));
    }
  }
  void on_listed() override {
    for (const ObjectName& name : there_) {
      if (!staged_.contains(name)) source_.put(key_of(name), std::nullopt);
    }
    there_.clear();
    for (auto& [name, text] : staged_) {
      there_.insert(there_.end(), name);
      source_.put(key_of(name), std::move(text));
    }
    staged_.clear();
    source_.note_change();
  }
  void on_put(const ObjectName& name, Json&& object) override {
    auto text = read(key_of(name), std::move(object));
    if (!text) return on_removed(name);
    there_.insert(name);
    source_.put(key_of(name), std::move(text));
    source_.note_change();
  }
  void on_removed(const ObjectName& name) override {
    if (there_.erase(name) == 0) return;
    source_.put(key_of(name), std::nullopt);
    source_.note_change();
  }

 protected:
  // Nothing for an object that is none of ours.
  [[nodiscard]] virtual std::optional<KeyedChange::Text> read(const ObjectKey& key,
                                                              Json&& object) const {
    const std::string version = reflector_->api_version();
    return read_text(key, kube::plain_document(std::move(object), resource_.kind, version));
  }
  [[nodiscard]] ObjectKey key_of(const ObjectName& name) const { return {kind_, name}; }

  KubernetesSource& source_;

 private:
  const Kind kind_;
  const Resource resource_;
  const kube::Reflector* reflector_ = nullptr;
  std::map<ObjectName, KeyedChange::Text> staged_;
  std::set<ObjectName> there_;
};

// Services are both.
class KubernetesSource::ServiceStore final : public ObjectStore {
 public:
  explicit ServiceStore(KubernetesSource& source)
      : ObjectStore(source, Kind::kService, kServices) {}

  void on_list_begun() override {
    facts_.clear();
    ObjectStore::on_list_begun();
  }
  void on_list_item(const ObjectName& name, Json&& object) override {
    facts_.insert_or_assign(name, kube::read_service_facts(object));
    ObjectStore::on_list_item(name, std::move(object));
  }
  void on_listed() override {
    source_.translation_.replace(std::exchange(facts_, {}));
    ObjectStore::on_listed();
  }
  void on_put(const ObjectName& name, Json&& object) override {
    source_.translation_.put(name, kube::read_service_facts(object));
    ObjectStore::on_put(name, std::move(object));
  }
  void on_removed(const ObjectName& name) override {
    source_.translation_.remove_service(name);
    ObjectStore::on_removed(name);
  }

 protected:
  [[nodiscard]] std::optional<KeyedChange::Text> read(const ObjectKey& key,
                                                      Json&& object) const override {
    const Json document = kube::service_document(object);
    if (document.is_null()) return std::nullopt;
    return read_text(key, document);
  }

 private:
  kube::Translation::Services facts_;
};

KubernetesSource::KubernetesSource(Turn& turn, kube::KubeClient& client, Owner& owner,
                                   const Options& options)
    : turn_(turn),
      client_(client),
      owner_(owner),
      options_(options),
      random_(options.seed == 0 ? Random::from_system() : Random(options.seed)),
      settle_timer_(turn.timers(), *this) {
  const auto feed = [&](const Resource& resource, std::unique_ptr<StoreHolder> store) {
    kube::Reflector::Options reflector = options_.reflector;
    if (resource.plural == kPods.plural) reflector.page = options_.pods_page;
    feeds_.push_back(std::make_unique<kube::ResourceFeed>(turn_, client_, resource, store->store(),
                                                          random_, reflector));
    stores_.push_back(std::move(store));
  };
  feed(kServices, std::make_unique<ServiceStore>(*this));
  feed(kSlices, std::make_unique<FactsStore<kube::SliceFacts>>(*this));
  feed(kNodes, std::make_unique<FactsStore<kube::NodeFacts>>(*this));
  feed(kPods, std::make_unique<FactsStore<kube::PodFacts>>(*this));
  for (const WatchedKind& watched : kWatchedKinds) {
    auto store = std::make_unique<ObjectStore>(*this, watched.kind, watched.resource);
    ObjectStore& reads = *store;
    feed(watched.resource, std::move(store));
    reads.read_as(feeds_.back()->reflector());
  }
}

KubernetesSource::~KubernetesSource() = default;

void KubernetesSource::start() {
  for (const auto& feed : feeds_) feed->start();
}

void KubernetesSource::stop() {
  stopped_ = true;
  settle_timer_.cancel();
  for (const auto& feed : feeds_) feed->stop();
}

std::string KubernetesSource::problem() const {
  for (const auto& feed : feeds_) {
    if (!feed->reflector().problem().empty()) return feed->reflector().problem();
  }
  return {};
}

void KubernetesSource::put(const ObjectKey& key, std::optional<KeyedChange::Text> text) {
  waiting_.insert_or_assign(key, std::move(text));
}

void KubernetesSource::note_change() {
  if (!stopped_ && !settle_timer_.armed()) settle_timer_.arm(options_.settle);
}

void KubernetesSource::on_timer(Timer&) {
  const auto listed = [](const auto& feed) { return feed->reflector().listed(); };
  if (!known_ && !std::ranges::all_of(feeds_, listed)) return;
  tell();
  if (std::exchange(known_, true)) return;
  owner_.on_objects_known();
}

void KubernetesSource::tell() {
  std::vector<KeyedChange> changes;
  for (auto& [key, text] : std::exchange(waiting_, {})) {
    changes.push_back({.key = key, .text = std::move(text)});
  }
  for (const ObjectName& name : translation_.take_changed()) {
    KeyedChange change{.key = {Kind::kWorkload, name}};
    if (std::optional<Workload> workload = translation_.workload(name)) {
      change.text.emplace();
      change.text->json = kube::workload_document(*workload);
      change.text->object = std::make_shared<const Workload>(std::move(*workload));
    }
    changes.push_back(std::move(change));
  }
  if (!changes.empty()) owner_.on_objects(std::move(changes));
}

}  // namespace weft::control
