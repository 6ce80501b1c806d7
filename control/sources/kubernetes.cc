#include "control/sources/kubernetes.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "control/kubernetes/watched_kinds.h"
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
constexpr Resource kNamespaces{.name = "namespaces",
                               .group = "",
                               .versions = {"v1"},
                               .plural = "namespaces",
                               .kind = "Namespace",
                               .always_there = true};

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
  out.refused_route = std::move(read.refused_route);
  return out;
}

std::optional<kube::PodFacts> facts_of(const Json& object, const kube::PodFacts*) {
  return kube::read_pod(object);
}
std::optional<kube::NodeFacts> facts_of(const Json& object, const kube::NodeFacts*) {
  return kube::read_node(object);
}
std::optional<kube::SliceFacts> facts_of(const Json& object, const kube::SliceFacts*) {
  return kube::read_slice(object);
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
      if (staged_.contains(name)) continue;
      source_.put(key_of(name), std::nullopt);
      source_.note_status(key_of(name), std::nullopt);
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
    source_.note_status(key_of(name), std::nullopt);
    source_.note_change();
  }

 protected:
  // Nothing for an object that is none of ours.
  [[nodiscard]] virtual std::optional<KeyedChange::Text> read(const ObjectKey& key,
                                                              Json&& object) const {
    const std::string version = reflector_->api_version();
    if (kind_ == Kind::kConfigMap) {
      const Json document = kube::config_map_document(object);
      if (document.is_null()) return std::nullopt;
      return read_text(key, document);
    }
    source_.note_status(key, kube::read_held_status(key.kind, object, version));
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

// Labels of Namespaces, for whoever asks; they change nothing of the Mesh.
class KubernetesSource::NamespaceStore final : public kube::Reflector::Store, public StoreHolder {
 public:
  explicit NamespaceStore(KubernetesSource& source) : source_(source) {}
  kube::Reflector::Store& store() override { return *this; }

  void on_list_begun() override { staged_.clear(); }
  void on_list_item(const ObjectName& name, Json&& object) override {
    staged_.insert_or_assign(name.name, kube::labels_of(object));
  }
  void on_listed() override {
    source_.namespaces_ = std::exchange(staged_, {});
    source_.note_change();
  }
  void on_put(const ObjectName& name, Json&& object) override {
    source_.namespaces_.insert_or_assign(name.name, kube::labels_of(object));
  }
  void on_removed(const ObjectName& name) override { source_.namespaces_.erase(name.name); }

 private:
  KubernetesSource& source_;
  kube::NamespaceLabels staged_;
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
    // Both may be large.
    if (resource.plural == kPods.plural || resource.kind == "ConfigMap") {
      reflector.page = std::min(reflector.page, options_.pods_page);
    }
    feeds_.push_back(std::make_unique<kube::ResourceFeed>(turn_, client_, *this, resource,
                                                          store->store(), random_, reflector));
    stores_.push_back(std::move(store));
  };
  feed(kServices, std::make_unique<ServiceStore>(*this));
  feed(kSlices, std::make_unique<FactsStore<kube::SliceFacts>>(*this));
  feed(kNodes, std::make_unique<FactsStore<kube::NodeFacts>>(*this));
  feed(kPods, std::make_unique<FactsStore<kube::PodFacts>>(*this));
  feed(kNamespaces, std::make_unique<NamespaceStore>(*this));
  for (const kube::WatchedKind& watched : kube::kWatchedKinds) {
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

void KubernetesSource::note_status(const ObjectKey& key, std::optional<kube::HeldStatus> status) {
  if (!kube::is_booked(key.kind)) return;
  statuses_waiting_.insert_or_assign(key, std::move(status));
}

void KubernetesSource::note_change() {
  if (!stopped_ && !settle_timer_.armed()) settle_timer_.arm(options_.settle);
}

void KubernetesSource::on_heard_again() {
  for (const auto& feed : feeds_) feed->hurry();
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
      change.text.emplace(KeyedChange::Text{});
      change.text->json = kube::workload_document(*workload);
      change.text->object = std::make_shared<const Workload>(std::move(*workload));
      if (std::string objection = translation_.objection_to(name); !objection.empty()) {
        change.text->notes.push_back(std::move(objection));
      }
    }
    changes.push_back(std::move(change));
  }
  for (auto& [key, status] : std::exchange(statuses_waiting_, {})) {
    if (status) {
      book_.put(key, std::move(*status));
    } else {
      book_.remove(key);
    }
  }
  if (!changes.empty()) owner_.on_objects(std::move(changes));
}

}  // namespace weft::control
