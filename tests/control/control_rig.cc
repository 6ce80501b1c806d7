#include "tests/control/control_rig.h"

#include <algorithm>
#include <utility>

#include "control/planner/node.h"
#include "tls/csr.h"
#include "tls/key.h"
#include "xds/ads.h"

namespace weft::control::testing {

namespace {

constexpr int kQuietRounds = 6;

TlsSettings caller_settings() {
  TlsSettings settings;
  settings.version_min = TlsSettings::Version::kTls13;
  settings.alpn = {"h2"};
  settings.server_name = "weft-control";
  settings.peer_names = {{.type = SanMatcher::Type::kUri,
                          .value = "spiffe://cluster.local/ns/weft-system/sa/weft-control"}};
  return settings;
}

}  // namespace

WallTime ControlRig::wall_now{};

// A dial that is answered in the next round.
class ControlRig::Pending final : public Dial {
 public:
  Pending(ControlRig& made_by, std::uint16_t port_called, DialHolder& held_by)
      : rig(made_by), port(port_called), holder(held_by) {
    rig.pending_.push_back(this);
  }
  ~Pending() override { std::erase(rig.pending_, this); }

  ControlRig& rig;
  const std::uint16_t port;
  DialHolder& holder;
};

ControlRig::ControlRig() {
  wall_now = read_wall_clock();
  library = tls::Library::make({.wall_clock = [] { return wall_now; }});
}

ControlRig::~ControlRig() {
  control.reset();
  turn.end();
}

std::string ControlRig::try_start(Control::Options options) {
  options_ = std::move(options);
  options_.config_dir = files.path();
  options_.state_dir = kept.path();
  options_.wall_clock = options_.server.wall_clock = [] { return wall_now; };
  control = std::make_unique<Control>(turn, *this, options_);
  const Status loaded = control->load();
  return loaded ? std::string() : loaded.error().detail;
}

void ControlRig::start(const Control::Options& options) { EXPECT_EQ(try_start(options), ""); }

void ControlRig::restart() {
  control.reset();
  turn.end();
  for (auto& pipe : pipes) {
    pipe->break_end(weft::testing::MemoryPipe::End::kLeft,
                    {Fault::kReset, Side::kUpstream, "the control plane is gone"});
  }
  run();
  start(options_);
}

bool ControlRig::answer_dials() {
  const std::vector<Pending*> now = std::exchange(pending_, {});
  for (Pending* dial : now) {
    if (control == nullptr) {
      dial->holder.on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
      continue;
    }
    pipes.push_back(std::make_unique<weft::testing::MemoryPipe>(turn));
    Door& door = dial->port == kTlsPort       ? control->server().tls_door()
                 : dial->port == kWebhookPort ? control->server().webhook_door()
                                              : control->server().plain_door();
    door.adopt(pipes.back()->take_right());
    dial->holder.on_dialed(pipes.back()->take_left());
  }
  return !now.empty();
}

void ControlRig::run() {
  for (int quiet = 0; quiet < kQuietRounds; ++quiet) {
    if (answer_dials()) quiet = 0;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i]->step()) quiet = 0;
    }
    turn.advance(turn.now() + std::chrono::milliseconds(1));
    turn.end();
  }
}

void ControlRig::pass(Duration time, Duration step) {
  for (Duration passed{}; passed < time; passed += step) {
    turn.advance(turn.now() + step);
    run();
  }
}

std::unique_ptr<Dial> ControlRig::connect(const SocketAddress& address, const ConnectOptions&,
                                          DialHolder& holder) {
  return std::make_unique<Pending>(*this, address.port(), holder);
}

std::shared_ptr<const tls::ClientContext> ControlRig::context(const std::string& name_space,
                                                              const std::string& account) const {
  TlsMaterial material{.version = name_space + account,
                       .roots_pem = control->authority().root_pem()};
  if (!account.empty()) {
    const tls::Key key = tls::Key::generate().value();
    const SpiffeId id = SpiffeId::make("cluster.local", name_space, account).value();
    const auto issued = control->authority().sign(tls::make_csr(key, id).value(), {}, {.peer = id});
    EXPECT_TRUE(issued);
    material.chain_pem = issued->leaf_pem;
    material.key_pem = key.private_pem();
  }
  auto made = tls::ClientContext::make(material, caller_settings(), library);
  EXPECT_TRUE(made) << made.error().detail;
  return *made;
}

std::unique_ptr<tls::Dialer> ControlRig::webhook_dialer(bool http1) {
  TlsSettings settings;
  settings.alpn =
      http1 ? std::vector<std::string>{"http/1.1"} : std::vector<std::string>{"h2", "http/1.1"};
  settings.server_name = "weft-control.weft-system.svc";
  settings.peer_names = {{.type = SanMatcher::Type::kDns, .value = settings.server_name}};
  auto made = tls::ClientContext::make(
      {.version = "webhook", .roots_pem = control->authority().root_pem()}, settings, library);
  EXPECT_TRUE(made) << made.error().detail;
  return std::make_unique<tls::Dialer>(
      turn, *this, *made,
      tls::Dialer::Options{.address = SocketAddress(IpAddress::v4(0x7f000001), kWebhookPort),
                           .connect = {},
                           .tls = {}});
}

std::unique_ptr<tls::Dialer> ControlRig::dialer(std::shared_ptr<const tls::ClientContext> context) {
  return std::make_unique<tls::Dialer>(
      turn, *this, std::move(context),
      tls::Dialer::Options{
          .address = SocketAddress(IpAddress::v4(0x7f000001), kTlsPort), .connect = {}, .tls = {}});
}

namespace {

// Asks one page of the admin service, or of the scraper's door, over a pipe of its own.
std::string ask(ControlRig& rig, const std::string& path, const std::string& host, bool scraper) {
  weft::testing::MemoryPipe pipe(rig.turn);
  Admin& admin = rig.control->admin();
  if (scraper) {
    admin.adopt_scraper(pipe.take_right());
  } else {
    admin.adopt(pipe.take_right());
  }
  weft::testing::Ear ear;
  auto transport = pipe.take_left();
  transport->set_sink(&ear);
  transport->write(
      Buffer("GET " + path + " HTTP/1.1\r\nhost: " + host + "\r\nconnection: close\r\n\r\n"));
  transport->flush();
  pipe.run();
  return ear.text;
}

// In the plain.
class PlainDialer final : public Dialer {
 public:
  explicit PlainDialer(Connector& connector) : connector_(connector) {}
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return connector_.connect(SocketAddress(IpAddress::v4(0x7f000001), ControlRig::kPlainPort), {},
                              holder);
  }

 private:
  Connector& connector_;
};

}  // namespace

std::string ControlRig::page(const std::string& path, const std::string& host) {
  return ask(*this, path, host, false);
}

std::string ControlRig::scrape(const std::string& path, const std::string& host) {
  return ask(*this, path, host, true);
}

// ---- Subscriber ----

std::unique_ptr<Subscriber> Subscriber::sidecar(ControlRig& rig, const std::string& id,
                                                const std::string& account,
                                                const std::string& name_space) {
  return std::make_unique<Subscriber>(
      rig, rig.dialer(account.empty() ? rig.context() : rig.context(name_space, account)), id);
}

std::unique_ptr<Subscriber> Subscriber::plain(ControlRig& rig, const std::string& id) {
  return std::make_unique<Subscriber>(rig, std::make_unique<PlainDialer>(rig), id);
}

Subscriber::Subscriber(ControlRig& rig, std::unique_ptr<Dialer> dialer, const std::string& id)
    : dialer_(std::move(dialer)), client_(rig.turn, *dialer_, random_, *this, options(id)) {
  for (const char* type :
       {"envoy.config.cluster.v3.Cluster", "envoy.config.listener.v3.Listener"}) {
    client_.subscribe(type, {.everything = true});
  }
  client_.subscribe("weft.config.v1.Generation", {.names = {"generation"}});
  client_.start();
}

xds::AdsClient::Options Subscriber::options(const std::string& id) const {
  xds::AdsClient::Options options{.authority = "weft-control:15012"};
  options.node.set_id(id);
  auto& weft = *(*options.node.mutable_metadata()->mutable_fields())["weft"].mutable_struct_value();
  (*weft.mutable_fields())["admin"].set_string_value("127.0.0.1:15999");
  options.wall_clock = [] { return ControlRig::wall_now; };
  return options;
}

std::vector<xds::Refusal> Subscriber::on_resources(std::string_view type,
                                                   std::vector<xds::AdsClient::Arrival>&& changed,
                                                   const std::vector<std::string>& removed) {
  std::vector<xds::Refusal> refusals;
  auto& table = held[std::string(xds::short_name(type))];
  for (const auto& arrival : changed) {
    if (arrival.name == refuse) {
      refusals.push_back({arrival.name, "the port is in use"});
      continue;
    }
    ++arrivals;
    table[arrival.name] = arrival.version;
  }
  for (const std::string& name : removed) table.erase(name);
  if (type == "envoy.config.cluster.v3.Cluster") {
    xds::Interest wanted;
    for (const auto& [name, version] : table) {
      if (!name.starts_with("inbound")) wanted.names.insert(name);
    }
    client_.subscribe("envoy.config.endpoint.v3.ClusterLoadAssignment", wanted);
  }
  if (type == "envoy.config.listener.v3.Listener" && table.contains("outbound"))
    client_.subscribe("envoy.config.route.v3.RouteConfiguration", {.names = {"15001"}});
  return refusals;
}

void Subscriber::on_generation(const xds::Generation& generation) {
  generations += (generations.empty() ? "" : " ") + std::to_string(generation.number);
}

std::set<std::string> Subscriber::names(const std::string& type) const {
  std::set<std::string> out;
  const auto table = held.find(type);
  if (table == held.end()) return out;
  for (const auto& [name, version] : table->second) out.insert(name);
  return out;
}

}  // namespace weft::control::testing
