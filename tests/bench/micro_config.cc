// micro_config: what a large configuration costs a sidecar: the last of many routes, and many
// clusters in memory and at each change; and how long the API server waits for many pods.
//
// Everything goes the way it goes in production, without sockets and threads: YAML -> Registry ->
// Planner -> xDS -> from_proto -> Publisher with its TLS contexts -> ClusterSet, as one worker does
// it. Times are those of the core, those of routes the best of some repeats; memory is what malloc
// holds. Prints a line for each figure, with the limit it must keep where there is one, and ends
// with 1 when one is broken.
//
//   micro_config [--request-ns N]              everything
//   micro_config --match ROUTES KIND ROUNDS    only finds the last of so many routes, so often: for
//                                              whoever counts instructions. KIND: exact, prefixes,
//                                              header

#include <fmt/format.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/injection/admission_review.h"
#include "control/injection/pod_wishes.h"
#include "control/json.h"
#include "control/planner/planner.h"
#include "control/registry.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/publisher.h"
#include "sidecar/upstream/cluster_set.h"
#include "tls/context.h"
#include "tls/issue.h"
#include "xds/from_proto.h"

namespace weft {
namespace {

double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double took_ms(const std::function<void()>& work) {
  const double begin = cpu_ms();
  work();
  return cpu_ms() - begin;
}

double held_mb() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

bool all_kept = true;

// limit 0: told only.
void tell(const std::string& what, double value, const char* unit, double limit = 0) {
  const bool kept = limit <= 0 || value <= limit;
  all_kept = all_kept && kept;
  const std::string bound = limit <= 0 ? "" : fmt::format("  (at most {:g})", limit);
  fmt::print("{:<64} {:10.3f} {}{}{}\n", what, value, unit, bound, kept ? "" : "  BROKEN");
}

// ---- routes ----

// What one request costs in all, of which finding its route may be a twentieth: `--request-ns`.
double request_ns = 10'000;

config::Route route_to(std::size_t number, config::PathMatch::How how, bool by_header) {
  config::Route out;
  out.path.how = how;
  out.path.text.value = by_header ? "/" : fmt::format("/team-{}/service-{}", number % 97, number);
  if (by_header) {
    config::HeaderMatch header;
    header.name = "x-tenant";
    header.text.value = fmt::format("tenant-{}", number);
    out.headers.push_back(std::move(header));
  }
  out.action = config::DirectResponse{};
  return out;
}

struct RouteKind {
  const char* word;
  const char* name;
  config::PathMatch::How how;
  bool by_header;
};
constexpr std::array<RouteKind, 3> kRouteKinds = {
    {{"exact", "exact paths", config::PathMatch::How::kExact, false},
     {"prefixes", "path prefixes", config::PathMatch::How::kSegmentPrefix, false},
     {"header", "one path, by header", config::PathMatch::How::kPrefix, true}}};

// A table, and a request that its last route takes.
class Lookup final {
 public:
  Lookup(std::size_t routes, const RouteKind& kind) {
    config::RouteConfig config;
    config.virtual_hosts.push_back({.name = "all", .domains = {"*"}});
    for (std::size_t number = 0; number < routes; ++number) {
      config.virtual_hosts[0].routes.push_back(route_to(number, kind.how, kind.by_header));
    }
    auto table = config::RouteTable::compile(std::move(config));
    if (!table) std::abort();
    table_ = *table;
    head_.authority = "cart.shop.svc.cluster.local";
    target_ = table_->config().virtual_hosts[0].routes.back().path.text.value;
    head_.target = target_;
    for (const char* name : {"user-agent", "accept", "x-request-id", "traceparent"}) {
      head_.headers.add_copy(name, "something of a usual length");
    }
    head_.headers.add_copy("x-tenant", fmt::format("tenant-{}", routes - 1));
    const auto* last = &table_->config().virtual_hosts[0].routes.back();
    if (table_->match(head_, random_).route != last) std::abort();
  }
  void find(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      if (table_->match(head_, random_).route == nullptr) std::abort();
    }
  }

 private:
  std::shared_ptr<const config::RouteTable> table_;
  std::string target_;
  http::RequestHead head_;
  Random random_{1};
};

double match_ns(std::size_t routes, const RouteKind& kind) {
  Lookup lookup(routes, kind);
  constexpr int kRounds = 20'000;
  double best = 1e18;
  for (int repeat = 0; repeat < 7; ++repeat) {
    best = std::min(best, took_ms([&] { lookup.find(kRounds); }));
  }
  return best * 1e6 / kRounds;
}

// The words behind --match; false when they are none.
bool only_match(const char* routes, std::string_view word, const char* rounds) {
  for (const RouteKind& kind : kRouteKinds) {
    if (word != kind.word) continue;
    const int number = std::atoi(routes);
    if (number < 1 || number > 1'000'000) return false;
    Lookup(static_cast<std::size_t>(number), kind).find(std::atoi(rounds));
    return true;
  }
  return false;
}

void measure_routes() {
  for (const RouteKind& kind : kRouteKinds) {
    const double few = match_ns(10, kind);
    const double many = match_ns(10'000, kind);
    tell(fmt::format("last of 10 routes, {}", kind.name), few, "ns");
    tell(fmt::format("last of 10,000 routes, {}", kind.name), many, "ns");
    tell(fmt::format("  more than of 10, of a request of {:g} us", request_ns / 1000),
         (many - few) / request_ns * 100, "%", 5);
  }
}

// ---- clusters ----

constexpr std::size_t kServices = 1'000;
constexpr std::size_t kEndpoints = 10;

// What is not as it was first.
enum class Change : std::uint8_t {
  kNone,
  kOneMoves,  // one endpoint of the first Service has another address
  kAll        // of every Service one endpoint has, and all of them another identity
};

bool moves(Change change, std::size_t service, std::size_t endpoint) {
  return endpoint == 0 && (change == Change::kAll || (change == Change::kOneMoves && service == 0));
}

std::vector<control::SourceFile> mesh_of(Change change) {
  std::vector<control::SourceFile> files;
  for (std::size_t s = 0; s < kServices; ++s) {
    std::string text = fmt::format(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: s{0}, namespace: shop}}\n"
        "spec: {{selector: {{app: s{0}}}, ports: [{{name: http, port: 80, targetPort: http}}]}}\n",
        s);
    for (std::size_t e = 0; e < kEndpoints; ++e) {
      text += fmt::format(
          "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\n"
          "metadata: {{name: s{0}-{1}, namespace: shop, labels: {{app: s{0}, version: v1}}}}\n"
          "spec: {{address: 127.{2}.{3}.{4}, sidecar: true, serviceAccount: s{0}{5}, "
          "ports: [{{name: http, port: 8080, appProtocol: http}}]}}\n",
          s, e, 1 + s / 250, 1 + s % 250, 1 + e + (moves(change, s, e) ? 100 : 0),
          change == Change::kAll ? "-new" : "");
    }
    files.push_back({.name = fmt::format("s{}.yaml", s), .text = std::move(text)});
  }
  return files;
}

class Nowhere final : public Connector {
 public:
  [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress&, const ConnectOptions&,
                                              DialHolder&) override {
    return nullptr;
  }
};

// A sidecar with one worker, as far as configuration goes.
class Sidecar final : public sidecar::Publisher::Owner {
 public:
  Sidecar() : shard_({}), publisher_(turn_, *this, {library_}) {
    renew("1");
    // What OpenSSL makes once for all is not what clusters cost.
    if (!tls::ClientContext::make(certificate_, {}, library_)) std::abort();
  }

  // Returns how long the main loop took; the worker's part of it is `pause_ms`.
  double take(const std::vector<std::shared_ptr<const xds::Resource>>& resources) {
    return publish([&] {
      for (const auto& resource : resources) put(*resource);
    });
  }
  // The same for a certificate that takes the place of the one before.
  double take_certificate(const std::string& version) {
    renew(version);
    return publish([] {});
  }
  // The longest of the worker's steps since, the first with the push.
  double pause_ms = 0;
  std::size_t steps = 0;

  // Every cluster is asked for; the longest that one of them made its first request wait.
  double use_all() {
    double longest = 0;
    for (const auto& [name, entry] : keep_->clusters) {
      longest = std::max(longest, took_ms([&] {
                           if (!clusters_->find(name)) std::abort();
                         }));
    }
    return longest;
  }

  void on_adoption(std::uint32_t, std::shared_ptr<sidecar::Adoption> adoption) override {
    in_worker_ms_ = took_ms([&] { clusters_->apply(adoption->snapshot, adoption->contexts); });
    turn_.end();
    keep_ = adoption->snapshot;
  }
  void on_published(const config::Snapshot&) override { publisher_.forget_unused(); }
  [[nodiscard]] std::size_t clusters() const {
    return keep_ == nullptr ? 0 : keep_->clusters.size();
  }

 private:
  double publish(const std::function<void()>& before) {
    const double all = took_ms([&] {
      before();
      publisher_.publish(++generation_);
    });
    pause_ms = in_worker_ms_;
    for (steps = 1; clusters_->behind() != 0; ++steps) {
      const TimePoint next = turn_.now() + std::chrono::milliseconds(10);
      pause_ms = std::max(pause_ms, took_ms([&] { turn_.advance(next); }));
      turn_.end();
    }
    return all - in_worker_ms_;
  }
  void renew(const std::string& version) {
    const SpiffeId id = SpiffeId::make("cluster.local", "shop", "s0").value();
    const tls::Key leaf = tls::Key::generate().value();
    certificate_ = {.version = version,
                    .chain_pem = tls::sign_leaf({key_, root_}, leaf, {.id = id}).value(),
                    .key_pem = leaf.private_pem(),
                    .roots_pem = root_};
    publisher_.put_secret(
        "default",
        {.version = version, .chain_pem = certificate_.chain_pem, .key_pem = certificate_.key_pem});
    publisher_.put_secret("ROOTCA", {.version = "1", .roots_pem = root_});
  }
  void put(const xds::Resource& resource) {
    xds::Findings findings;
    auto decoded = xds::decode(resource.body, {}, findings);
    if (!decoded) {
      fmt::print(stderr, "{}: {}\n", resource.name, decoded.error().detail);
      std::abort();
    }
    if (auto* cluster = std::get_if<config::ClusterConfig>(&*decoded)) {
      if (!publisher_.put(std::move(*cluster))) std::abort();
    } else if (auto* endpoints = std::get_if<config::EndpointSet>(&*decoded)) {
      if (!publisher_.put(std::move(*endpoints))) std::abort();
    }
  }

  Turn turn_{TimePoint{}};
  Random random_{1};
  Nowhere nowhere_;
  telemetry::Shard shard_;
  upstream::SharedLimitsTable limits_;
  std::unique_ptr<upstream::ClusterSet> clusters_ =
      upstream::ClusterSet::make({.turn = turn_,
                                  .connector = nowhere_,
                                  .random = random_,
                                  .shard = shard_,
                                  .limits = limits_});
  std::shared_ptr<const config::Snapshot> keep_;
  tls::Key key_ = tls::Key::generate().value();
  std::string root_ = tls::make_root(key_, {.trust_domain = "cluster.local"}).value();
  std::shared_ptr<tls::Library> library_ = tls::Library::make();
  TlsMaterial certificate_;
  double in_worker_ms_ = 0;
  std::uint64_t generation_ = 0;
  sidecar::Publisher publisher_;
};

std::vector<std::shared_ptr<const xds::Resource>> news(const xds::ResourceSet& set,
                                                       const xds::ResourceSet* before) {
  std::vector<std::shared_ptr<const xds::Resource>> out;
  for (const std::string_view type : {xds::kClusterType, xds::kEndpointType}) {
    const xds::ResourceSet::Type* now = set.find(xds::message_name(type));
    const xds::ResourceSet::Type* then =
        before == nullptr ? nullptr : before->find(xds::message_name(type));
    for (const auto& [name, resource] : now->resources) {
      if (then != nullptr) {
        const auto old = then->resources.find(name);
        if (old != then->resources.end() && old->second->version == resource->version) continue;
      }
      out.push_back(resource);
    }
  }
  return out;
}

void measure_clusters() {
  control::Registry registry;
  std::shared_ptr<const xds::ResourceSet> first;
  tell("weft-control: read and judge 1,000 Services x 10 Workloads",
       took_ms([&] { registry.set_files(mesh_of(Change::kNone)); }), "ms");
  if (!registry.problems().empty()) {
    fmt::print(stderr, "{}\n", registry.problems()[0].text);
    std::abort();
  }
  const control::Node sidecar_node{.kind = control::Node::Kind::kSidecar,
                                   .workload = {"shop", "s0-0"}};
  control::Planner planner(registry.mesh());
  tell("weft-control: plan for one sidecar", took_ms([&] { first = planner.plan(sidecar_node); }),
       "ms");

  Sidecar sidecar;
  const double empty_mb = held_mb();
  const auto all = news(*first, nullptr);
  tell("sidecar: first apply, main loop", sidecar.take(all), "ms", 100);
  tell("sidecar: first apply, worker's pause", sidecar.pause_ms, "ms", 1);
  tell("sidecar: clusters", static_cast<double>(sidecar.clusters()), "");
  tell("sidecar: memory of 1,000 clusters x 10 endpoints, one worker", held_mb() - empty_mb, "MB",
       6);

  registry.set_files(mesh_of(Change::kOneMoves));
  control::Planner next(registry.mesh(), &planner);
  const auto second = next.plan(sidecar_node);
  const auto there = news(*second, first.get());
  tell("one endpoint moves: resources told", static_cast<double>(there.size()), "");
  tell("sidecar: one endpoint moves, main loop", sidecar.take(there), "ms", 2);
  tell("sidecar: one endpoint moves, worker's pause", sidecar.pause_ms, "ms", 1);
  tell("sidecar: all clusters again, main loop", sidecar.take(all), "ms", 100);
  tell("sidecar: all clusters again, worker's pause", sidecar.pause_ms, "ms", 1);

  registry.set_files(mesh_of(Change::kAll));
  control::Planner last(registry.mesh(), &next);
  const auto third = last.plan(sidecar_node);
  const auto changed = news(*third, second.get());
  tell("all clusters change: resources told", static_cast<double>(changed.size()), "");
  tell("sidecar: all clusters change, main loop", sidecar.take(changed), "ms", 100);
  tell("sidecar: all clusters change, worker's pause", sidecar.pause_ms, "ms", 1);
  sidecar.take(all);

  // Every one of them in use: what no sidecar does, and none may fail by.
  const double before_use_mb = held_mb();
  tell("all in use: a cluster's first request waits at most", sidecar.use_all(), "ms", 1);
  tell("all in use: memory more, one worker", held_mb() - before_use_mb, "MB");
  tell("all in use: one endpoint moves, main loop", sidecar.take(there), "ms", 2);
  tell("all in use: one endpoint moves, worker's pause", sidecar.pause_ms, "ms", 1);
  tell("all in use: all clusters again, main loop", sidecar.take(all), "ms", 100);
  tell("all in use: all clusters again, worker's longest step", sidecar.pause_ms, "ms", 1);
  tell("all in use: all clusters change, main loop", sidecar.take(changed), "ms", 100);
  tell("all in use: all clusters change, worker's longest step", sidecar.pause_ms, "ms", 1);
  tell("all in use: all clusters change, steps", static_cast<double>(sidecar.steps), "");
  tell("all in use: a new certificate, main loop", sidecar.take_certificate("2"), "ms");
  tell("all in use: a new certificate, worker's longest step", sidecar.pause_ms, "ms", 1);
}

// ---- injection ----

// The API server may ask for many pods at once, and waits; they are answered one after the other.
void measure_injection() {
  control::Json pod = {{"metadata", {{"name", "cart"}, {"namespace", "shop"}}},
                       {"spec", {{"containers", control::Json::array()}}}};
  for (int i = 0; i < 20; ++i) {
    pod["spec"]["containers"].push_back(
        {{"name", fmt::format("c{}", i)},
         {"image", "x"},
         {"livenessProbe", {{"httpGet", {{"path", "/"}, {"port", 80}}}}}});
  }
  const control::Json review = {{"apiVersion", "admission.k8s.io/v1"},
                                {"kind", "AdmissionReview"},
                                {"request",
                                 {{"uid", "u-1"},
                                  {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
                                  {"operation", "CREATE"},
                                  {"namespace", "shop"},
                                  {"object", pod}}}};
  const std::string body = review.dump();
  control::injection::InjectionContext context;
  context.namespace_labels[control::injection::kInjectLabel] = "enabled";
  tell("weft-control: 50 pods of 20 containers asked for at once", took_ms([&] {
         for (int i = 0; i < 50; ++i) {
           const auto answer = control::injection::review_injection(body, context);
           if (answer.verdict != control::injection::ReviewVerdict::kPatched) std::abort();
         }
       }),
       "ms", 100);
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  if (argc > 2 && std::string_view(argv[1]) == "--request-ns") {
    weft::request_ns = std::max(1.0, std::atof(argv[2]));
  }
  if (argc == 5 && std::string_view(argv[1]) == "--match") {
    if (weft::only_match(argv[2], argv[3], argv[4])) return 0;
    fmt::print(stderr, "--match ROUTES exact|prefixes|header ROUNDS\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  weft::measure_routes();
  weft::measure_clusters();
  weft::measure_injection();
  return weft::all_kept ? 0 : 1;
}
