#include "tests/control/replica_rig.h"

#include <functional>
#include <utility>

#include "control/planner/node.h"
#include "tests/support/memory_transport.h"
#include "tls/csr.h"
#include "tls/key.h"
#include "xds/ads.h"

namespace weft::control::testing {

namespace {

using namespace std::chrono_literals;

// A dial that is answered a moment later: with the other end of a pipe, or with a refusal.
class LaterDial final : public Dial, public TimerSink {
 public:
  using Adopt = std::function<void(std::unique_ptr<Transport>)>;
  // `adopt` takes the far end; null: refused.
  LaterDial(xds::testing::WireRig& rig, Adopt adopt, DialHolder& holder)
      : rig_(rig), adopt_(std::move(adopt)), holder_(holder), soon_(rig.turn.timers(), *this) {
    soon_.arm(1ms);
  }
  void on_timer(Timer&) override {
    if (!adopt_) return holder_.on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
    auto& pipe = rig_.pipes.emplace_back(std::make_unique<weft::testing::MemoryPipe>(
        rig_.turn, weft::testing::MemoryPipe::Options{}));
    adopt_(pipe->take_right());
    holder_.on_dialed(pipe->take_left());
  }

 private:
  xds::testing::WireRig& rig_;
  const Adopt adopt_;
  DialHolder& holder_;
  Timer soon_;
};

WallTime replica_wall_clock() { return Replica::wall_now; }

TlsSettings settings_of_caller() {
  TlsSettings settings;
  settings.version_min = TlsSettings::Version::kTls13;
  settings.alpn = {"h2"};
  settings.server_name = "weft-control";
  settings.peer_names = {{.type = SanMatcher::Type::kUri,
                          .value = "spiffe://cluster.local/ns/weft-system/sa/weft-control"}};
  return settings;
}

}  // namespace

std::unique_ptr<Dial> AdminPorts::connect(const SocketAddress& address, const ConnectOptions&,
                                          DialHolder& holder) {
  LaterDial::Adopt adopt;
  if (const auto found = at.find(address.to_string()); found != at.end()) {
    adopt = [admin = found->second](std::unique_ptr<Transport> transport) {
      admin->adopt(std::move(transport));
    };
  }
  return std::make_unique<LaterDial>(rig_, std::move(adopt), holder);
}

// ---- Replica ----

WallTime Replica::wall_now{std::chrono::seconds(1'769'860'800)};

Replica::Replica(xds::testing::WireRig& rig, const std::string& token, Connector& connector) {
  client = std::make_unique<kube::KubeClient>(
      rig.turn, rig, kube::KubeIdentity({.host = "10.96.0.1", .token = token}));
  Control::Options options;
  options.kubernetes = client.get();
  options.cluster.seed = 7;
  options.replica = token;
  options.connector = &connector;
  options.wall_clock = options.server.wall_clock = replica_wall_clock;
  control = std::make_unique<Control>(rig.turn, *this, options);
  EXPECT_TRUE(control->load());
}

Replica::~Replica() { control.reset(); }

// ---- ReplicaCaller ----

std::unique_ptr<Dial> ReplicaCaller::Pipes::connect(const SocketAddress&, const ConnectOptions&,
                                                    DialHolder& holder) {
  return std::make_unique<LaterDial>(
      rig_,
      [this](std::unique_ptr<Transport> transport) {
        replica_.control->server().tls_door().adopt(std::move(transport));
      },
      holder);
}

ReplicaCaller::ReplicaCaller(xds::testing::WireRig& rig, Replica& replica, const std::string& name,
                             const std::string& app)
    : pipes_(rig, replica), library_(tls::Library::make({.wall_clock = replica_wall_clock})) {
  Authority& authority = replica.control->authority();
  const tls::Key key = tls::Key::generate().value();
  const SpiffeId id = SpiffeId::make("cluster.local", "shop", app).value();
  const auto issued = authority.sign(tls::make_csr(key, id).value(), {}, {.peer = id});
  EXPECT_TRUE(issued);
  const auto context = tls::ClientContext::make({.version = name,
                                                 .chain_pem = issued->leaf_pem,
                                                 .key_pem = key.private_pem(),
                                                 .roots_pem = authority.root_pem()},
                                                settings_of_caller(), library_);
  EXPECT_TRUE(context) << context.error().detail;
  dialer_ = std::make_unique<tls::Dialer>(
      rig.turn, pipes_, *context,
      tls::Dialer::Options{
          .address = SocketAddress(IpAddress::v4(0x7f000001), 15012), .connect = {}, .tls = {}});
  xds::AdsClient::Options options{.authority = "weft-control:15012"};
  options.node.set_id(control::Node::make_id("10.1.0.1", {"shop", name}));
  options.wall_clock = replica_wall_clock;
  client_ = std::make_unique<xds::AdsClient>(rig.turn, *this, random_, *this, std::move(options));
  client_->subscribe("envoy.config.cluster.v3.Cluster", {.everything = true});
  client_->subscribe("weft.config.v1.Generation", {.names = {"generation"}});
  client_->start();
}

ReplicaCaller::~ReplicaCaller() = default;

std::unique_ptr<Dial> ReplicaCaller::dial(DialHolder& holder) { return dialer_->dial(holder); }

std::vector<xds::Refusal> ReplicaCaller::on_resources(
    std::string_view, std::vector<xds::AdsClient::Arrival>&& changed,
    const std::vector<std::string>&) {
  std::vector<xds::Refusal> refusals;
  for (const auto& arrival : changed) {
    if (arrival.name == refuse) refusals.push_back({arrival.name, "not with me"});
  }
  return refusals;
}

FakeApiServer::Json make_control_pod(const std::string& name, const std::string& address) {
  using Json = FakeApiServer::Json;
  Json pod = make_pod(name, address, "weft-control", false, "weft-system");
  pod["metadata"]["labels"]["app.kubernetes.io/name"] = "weft-control";
  pod["spec"]["containers"][0]["ports"] =
      Json::array({Json{{"name", "admin"}, {"containerPort", 15014}}});
  return pod;
}

}  // namespace weft::control::testing
