#include "tests/mesh/control_plane.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <future>

#include "sidecar/config/document.h"
#include "sidecar/core/base64.h"
#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"
#include "tests/mesh/mesh.h"
#include "tls/csr.h"
#include "tls/issue.h"
#include "tls/stream.h"
#include "xds/document_to_message.h"
#include "xds/grpc_stream.h"
#include "xds/known_types.h"
#include "xds/proto/ca.pb.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::mesh_test {

// ---- resources ----

namespace {

std::unique_ptr<google::protobuf::Message> make_message(std::string_view type_url) {
  if (type_url == xds::kListenerType)
    return std::make_unique<envoy::config::listener::v3::Listener>();
  if (type_url == xds::kClusterType) return std::make_unique<envoy::config::cluster::v3::Cluster>();
  if (type_url == xds::kRouteType)
    return std::make_unique<envoy::config::route::v3::RouteConfiguration>();
  if (type_url == xds::kEndpointType)
    return std::make_unique<envoy::config::endpoint::v3::ClusterLoadAssignment>();
  if (type_url == xds::kNameTableType) return std::make_unique<weft::config::v1::NameTable>();
  return std::make_unique<envoy::extensions::transport_sockets::tls::v3::Secret>();
}

}  // namespace

xds::Resource resource(std::string_view type, std::string_view name, std::string_view yaml) {
  const auto documents = config::parse_documents(yaml, "test");
  auto message = make_message(type);
  if (!documents) {
    ADD_FAILURE() << documents.error().detail << "\n" << yaml;
  } else if (Status read = xds::document_to_message(documents->front(), *message); !read) {
    ADD_FAILURE() << read.error().detail << "\n" << yaml;
  }
  return xds::make_resource(name, *message);
}

xds::Resource dynamic_listener(std::string_view name, std::string_view routes, std::uint16_t port) {
  return resource(xds::kListenerType, name,
                  fmt::format(R"(
name: "{}"
address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}
traffic_direction: OUTBOUND
filter_chains:
- filters:
  - name: http
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: "{}"
      rds: {{config_source: {{ads: {{}}, resource_api_version: V3}}, route_config_name: "{}"}}
      http_filters:
      - name: router
        typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
)",
                              name, port, name, routes));
}

xds::Resource dynamic_routes(std::string_view name, std::string_view cluster) {
  return resource(xds::kRouteType, name,
                  fmt::format(R"(
name: "{}"
virtual_hosts:
- name: all
  domains: ["*"]
  routes:
  - match: {{prefix: "/"}}
    route: {{cluster: "{}"}}
)",
                              name, cluster));
}

xds::Resource dynamic_cluster(std::string_view name, std::string_view more) {
  return resource(xds::kClusterType, name,
                  fmt::format(R"(
name: "{}"
type: EDS
eds_cluster_config: {{eds_config: {{ads: {{}}, resource_api_version: V3}}}}
connect_timeout: 2s
{}
)",
                              name, more));
}

xds::Resource dynamic_endpoints(std::string_view cluster,
                                const std::vector<SocketAddress>& addresses) {
  std::string list;
  for (const SocketAddress& address : addresses) {
    list += fmt::format(
        "  - endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}\n",
        address.ip().to_string(), address.port());
  }
  return resource(
      xds::kEndpointType, cluster,
      fmt::format("cluster_name: \"{}\"\n{}", cluster,
                  list.empty() ? std::string() : "endpoints:\n- lb_endpoints:\n" + list));
}

// ---- the house ----

class ControlPlane::House final : public xds::Catalog,
                                  public net::Acceptor::Owner,
                                  public tls::Stream::Owner,
                                  public Flushable {
 public:
  House(ControlPlane& owner, net::Loop& loop, net::OwnedFd socket)
      : owner_(owner),
        loop_(loop),
        service_(loop.turn(), {}),
        ads_(loop.turn(), *this, [this](const xds::NodeInfo& node) { return authorize(node); },
             {}) {
    ads_.serve(service_);
    service_.handle_stream(
        "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        [this](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool,
               Transport& transport) {
          const auto token = head.headers.find("authorization");
          calls_.push_back(std::make_unique<CaCall>(*this, std::move(stream), transport.tls().peer,
                                                    token ? std::string(*token) : std::string()));
        });
    if (owner_.options_.security == Security::kMutual) make_context();
    acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(socket), *this);
    loop_.turn().enlist(*this);
  }
  ~House() {
    ads_.drain();
    loop_.turn().end();
  }

  void set_changed() {
    for (Asked* one : asked_) one->told = false;
    loop_.turn().enlist(*this);
  }
  [[nodiscard]] std::vector<xds::AdsServer::ClientReport> report() const { return ads_.report(); }

  std::unique_ptr<Subscription> subscribe(const xds::NodeInfo&, Subscriber& subscriber) override {
    ++owner_.streams_begun_;
    loop_.turn().enlist(*this);
    return std::make_unique<Asked>(*this, subscriber);
  }
  void flush() override {
    const auto set = [this] {
      const std::lock_guard lock(owner_.mutex_);
      return owner_.set_;
    }();
    for (Asked* one : std::vector<Asked*>(asked_)) {
      if (set == nullptr || one->told) continue;
      one->told = true;
      one->subscriber.on_resources(set);
    }
  }

  void on_accept(std::unique_ptr<net::Socket> socket) override {
    if (context_ == nullptr) return service_.adopt(std::move(socket));
    handshakes_.push_back(
        tls::Stream::accept(loop_.turn(), std::move(socket), context_, *this, {}));
  }
  void on_drained(net::Acceptor&) override {}
  void on_tls_ready(tls::Stream& stream) override { service_.adopt(take(stream)); }
  void on_tls_failed(tls::Stream& stream, const Error&, tls::HandshakeResult) override {
    loop_.turn().retire(take(stream));
  }

 private:
  struct Asked final : Subscription {
    Asked(House& in, Subscriber& who) : house(in), subscriber(who) { house.asked_.push_back(this); }
    ~Asked() override { std::erase(house.asked_, this); }
    std::shared_ptr<const xds::ResourceSet> want(const Options::Names& names) override {
      const ControlPlane& owner = house.owner_;
      if (!owner.options_.wanted) return nullptr;
      const std::lock_guard lock(owner.mutex_);
      return owner.set_of(owner.set_->generation, owner.options_.wanted(names));
    }
    House& house;
    Subscriber& subscriber;
    bool told = false;
  };

  class CaCall final : public xds::GrpcStream::Holder {
   public:
    CaCall(House& house, std::unique_ptr<http::ServerStream> stream, SpiffeId peer,
           std::string token)
        : house_(house),
          peer_(std::move(peer)),
          token_(std::move(token)),
          stream_(std::make_unique<xds::GrpcServerStream>(house.loop_.turn(), std::move(stream),
                                                          *this, 64 * 1024)) {}
    ~CaCall() { stream_->close(); }
    void on_message(Buffer&& message) override {
      istio::v1::auth::IstioCertificateRequest request;
      istio::v1::auth::IstioCertificateResponse answer;
      const std::string leaf =
          request.ParseFromString(message.to_string())
              ? house_.sign(request.csr(), request.validity_duration(), peer_, token_)
              : std::string();
      if (leaf.empty()) return stream_->finish(http::GrpcStatus::kPermissionDenied, "no");
      answer.add_cert_chain(leaf);
      answer.add_cert_chain(house_.owner_.root_);
      stream_->send(answer.SerializeAsString());
      stream_->finish(http::GrpcStatus::kOk);
    }
    void on_last_message() override {}
    void on_writable() override {}
    void on_grpc_end(const http::GrpcOutcome&) override {}

   private:
    House& house_;
    SpiffeId peer_;
    std::string token_;
    std::unique_ptr<xds::GrpcServerStream> stream_;
  };

  Status authorize(const xds::NodeInfo& node) const {
    if (context_ != nullptr && node.identity.empty())
      return fail(Fault::kDenied, "show a certificate");
    return {};
  }

  std::string sign(const std::string& csr_pem, std::int64_t seconds, const SpiffeId& peer,
                   const std::string& token) {
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.proofs_.emplace_back(!peer.empty()    ? "certificate"
                                  : !token.empty() ? "token"
                                                   : "nothing");
    }
    const auto csr = tls::parse_csr(csr_pem);
    if (!csr || csr->names.uris.size() != 1 || (peer.empty() && token.empty())) return {};
    const auto id = SpiffeId::parse(csr->names.uris.front());
    if (!id || (!peer.empty() && peer != *id)) return {};
    const Duration lifetime =
        std::min<Duration>(std::chrono::seconds(seconds), owner_.options_.certificate_lifetime);
    return tls::sign_leaf({owner_.root_key_, owner_.root_}, csr->public_key,
                          {.id = *id, .lifetime = lifetime, .now = read_wall_clock()})
        .value_or("");
  }

  void make_context() {
    const tls::Key key = tls::Key::generate().value();
    const SpiffeId id = SpiffeId::make("cluster.local", "weft-system", "weft-control").value();
    TlsMaterial material{.version = "control"};
    material.chain_pem =
        tls::sign_leaf({owner_.root_key_, owner_.root_}, key, {.id = id}).value() + owner_.root_;
    material.key_pem = key.private_pem();
    material.roots_pem = owner_.root_;
    TlsSettings settings;
    settings.alpn = {"h2"};
    context_ = tls::ServerContext::make(material, settings, tls::Library::make()).value();
  }

  std::unique_ptr<tls::Stream> take(tls::Stream& stream) {
    const auto at = std::find_if(handshakes_.begin(), handshakes_.end(),
                                 [&](const auto& one) { return one.get() == &stream; });
    std::unique_ptr<tls::Stream> taken = std::move(*at);
    handshakes_.erase(at);
    return taken;
  }

  ControlPlane& owner_;
  net::Loop& loop_;
  http::Service service_;
  xds::AdsServer ads_;
  std::shared_ptr<const tls::ServerContext> context_;
  std::vector<std::unique_ptr<tls::Stream>> handshakes_;
  std::vector<std::unique_ptr<CaCall>> calls_;
  std::vector<Asked*> asked_;
  std::unique_ptr<net::Acceptor> acceptor_;
};

// ---- control plane ----

ControlPlane::ControlPlane(Options options)
    : options_(std::move(options)),
      root_key_(tls::Key::generate().value()),
      root_(tls::make_root(root_key_, {}).value()) {
  come_back();
}

ControlPlane::~ControlPlane() { go_away(); }

void ControlPlane::come_back() {
  auto socket = net::bind_listener(SocketAddress(IpAddress::v4(INADDR_LOOPBACK), port_));
  ASSERT_TRUE(socket.has_value()) << socket.error().detail;
  port_ = net::local_address_of(socket->get()).port();
  loop_ = std::make_unique<net::Loop>();
  house_ = std::make_unique<House>(*this, *loop_, std::move(*socket));
  thread_ = std::thread([this] { loop_->run(); });
}

void ControlPlane::go_away() {
  if (!thread_.joinable()) return;
  loop_->post([this] { loop_->stop(); });
  thread_.join();
  house_.reset();
  loop_.reset();
}

void ControlPlane::on_loop(const std::function<void(House&)>& call) {
  std::promise<void> done;
  loop_->post([&] {
    call(*house_);
    done.set_value();
  });
  done.get_future().wait();
}

std::shared_ptr<const xds::ResourceSet> ControlPlane::set_of(
    std::uint64_t number, std::vector<xds::Resource> resources) const {
  if (options_.generations) {
    weft::config::v1::Generation closing;
    closing.set_number(number);
    // As many as there are, so that it is another one when they are.
    closing.add_held()->set_resources(static_cast<std::uint32_t>(resources.size()));
    resources.push_back(xds::make_resource("generation", closing));
  }
  return xds::make_resource_set(number, std::move(resources), set_.get());
}

std::uint64_t ControlPlane::tell(std::vector<xds::Resource> resources) {
  const std::uint64_t number = ++generation_;
  {
    const std::lock_guard lock(mutex_);
    set_ = set_of(number, std::move(resources));
  }
  if (house_ != nullptr) on_loop([](House& house) { house.set_changed(); });
  return number;
}

std::string ControlPlane::settled(std::uint64_t generation) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    std::string refused;
    bool all = false;
    on_loop([&](House& house) {
      for (const auto& client : house.report()) {
        all = client.settled && client.settled_generation >= generation;
        for (const auto& type : client.types) refused += type.refused_why;
      }
    });
    if (all) return refused;
  }
  ADD_FAILURE() << "generation " << generation << " was not answered";
  return {};
}

std::vector<std::string> ControlPlane::proofs() const {
  const std::lock_guard lock(mutex_);
  return proofs_;
}

std::string ControlPlane::join_token(const std::string& account) const {
  const auto expires = std::chrono::duration_cast<std::chrono::seconds>(
      (read_wall_clock() + std::chrono::hours(1)).time_since_epoch());
  const std::string text =
      "weft1." +
      encode_base64url(fmt::format(
          R"({{"exp":{},"iat":1,"id":"spiffe://cluster.local/ns/shop/sa/{}","root":"{}","td":"cluster.local"}})",
          expires.count(), account, root_spki()));
  return text + "." + encode_base64url(root_key_.sign(text).value());
}

sidecar::Start ControlPlane::start() const {
  config::ClusterConfig upstream =
      cluster("weft-control", {SocketAddress(IpAddress::v4(INADDR_LOOPBACK), port_)});
  upstream.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  sidecar::Start start = start_of({}, {});
  if (options_.security == Security::kMutual) {
    config::TlsReference tls;
    tls.certificate_secret = "default";
    tls.validation_secret = "ROOTCA";
    tls.settings.alpn = {"h2"};
    tls.settings.peer_names = {{.type = SanMatcher::Type::kUri,
                                .how = SanMatcher::How::kExact,
                                .value = "spiffe://cluster.local/ns/weft-system/sa/weft-control",
                                .ignore_case = false}};
    upstream.tls = tls;
    xds::Bootstrap::Mesh mesh;
    mesh.ca_cluster = "weft-control";
    mesh.token = join_token("cart");
    mesh.id = SpiffeId::make("cluster.local", "shop", "cart").value();
    start.mesh = mesh;
  }
  start.clusters.push_back(std::move(upstream));
  start.ads = xds::Bootstrap::Ads{.cluster = "weft-control",
                                  .authority = {},
                                  .delta = true,
                                  .listeners = true,
                                  .clusters = true,
                                  .initial_fetch_timeout = Duration::zero()};
  envoy::config::core::v3::Node node;
  node.set_id("sidecar~127.0.0.1~cart-v1.shop~shop.svc.cluster.local");
  node.set_cluster("cart.shop");
  start.node_id = node.id();
  start.node = std::make_shared<const envoy::config::core::v3::Node>(std::move(node));
  return start;
}

}  // namespace weft::mesh_test
