#include "tests/mesh_control/whole_mesh.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>

#include "control/cli/sidecar_config.h"
#include "sidecar/bootstrap.h"

namespace weft::mesh_test {

namespace {

std::string workload(const std::string& name, const std::string& address,
                     const std::string& account, const std::string& version,
                     const std::string& zone, std::uint16_t app_port) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         ", namespace: shop, labels: {app: " + account + ", version: " + version +
         "}}\nspec:\n  address: " + address + "\n  serviceAccount: " + account +
         "\n  locality: {region: r, zone: " + zone + "}\n  node: node-" + zone +
         "\n  ports: [{name: http, port: 8080, appPort: " + std::to_string(app_port) +
         ", appProtocol: http}]\n";
}

std::string service(const std::string& name, const std::string& selector) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {selector: {" + selector +
         "}, ports: [{name: http, port: 80, targetPort: http}]}\n";
}

}  // namespace

WholeMesh::WholeMesh(Origin::Serve v1, Origin::Serve v2) : v1_(std::move(v1)), v2_(std::move(v2)) {
  const int process = ::getpid();
  for (int host = 1; host <= 5; ++host) {
    addresses_.push_back("127." + std::to_string(64 + (process / 256) % 128) + "." +
                         std::to_string(process % 256) + "." + std::to_string(host));
  }
  write_shop(true);
  write_route(1, 0);
}

WholeMesh::~WholeMesh() {
  if (control_ == nullptr) return;
  loop_->post([this] { control_->drain(); });
  thread_.join();
}

void WholeMesh::write_shop(bool v1_ready) {
  files_.replace("shop.yaml",
                 service("cart", "app: cart") + service("cart-v1", "app: cart, version: v1") +
                     service("cart-v2", "app: cart, version: v2") +
                     workload("web-a", addresses_[0], "web", "v1", "a", 9) +
                     workload("cart-v1-a", addresses_[1], "cart", "v1", "a", v1_.port()) +
                     (v1_ready ? "" : "  ready: false\n") +
                     workload("cart-v2-a", addresses_[2], "cart", "v2", "b", v2_.port()));
}

void WholeMesh::write_route(int v1, int v2) {
  files_.replace("route.yaml",
                 "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
                 "metadata: {name: cart, namespace: shop}\nspec:\n"
                 "  parentRefs: [{group: \"\", kind: Service, name: cart}]\n  rules:\n"
                 "  - backendRefs:\n    - {name: cart-v1, port: 80, weight: " +
                     std::to_string(v1) +
                     "}\n    - {name: cart-v2, port: 80, weight: " + std::to_string(v2) + "}\n");
}

// ---- the control plane ----

bool WholeMesh::edit(const std::string& name, const std::string& text, int sidecars) {
  std::uint64_t before = 0;
  on_control([&](control::Control& c) { before = c.registry().mesh()->generation; });
  write(name, text);
  const std::string settled =
      "weft_control_sidecars{state=\"current\"} " + std::to_string(sidecars) + "\n";
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    bool there = false;
    on_control([&](control::Control& c) {
      there = c.registry().mesh()->generation > before &&
              c.metrics().find(settled) != std::string::npos;
    });
    if (there) return true;
  }
  return false;
}

void WholeMesh::start_control() {
  control::Control::Options options;
  options.config_dir = files_.path();
  options.state_dir = kept_.path();
  options.drain = std::chrono::seconds(1);
  loop_ = std::make_unique<net::Loop>();
  control_ = std::make_unique<control::Control>(loop_->turn(), *this, options);
  const Status loaded = control_->load();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  const Status listening =
      control_->listen(*loop_, {.xds = SocketAddress(IpAddress::v4(INADDR_LOOPBACK), port_)});
  ASSERT_TRUE(listening) << listening.error().detail;
  port_ = control_->addresses().xds.port();
  thread_ = std::thread([this] { loop_->run(); });
}

void WholeMesh::kill_control() {
  loop_->post([this] { loop_->stop(); });
  thread_.join();
  control_.reset();
  loop_.reset();
}

void WholeMesh::on_control(const std::function<void(control::Control&)>& call) {
  std::promise<void> done;
  loop_->post([&] {
    call(*control_);
    done.set_value();
  });
  done.get_future().wait();
}

std::string WholeMesh::control_page(const std::string& name) {
  std::string page;
  on_control([&](control::Control& control) {
    page = name == "metrics" ? control.metrics() : control.mesh_page();
  });
  return page;
}

bool WholeMesh::control_says(const std::string& name, const std::string& text) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (control_page(name).find(text) != std::string::npos) return true;
  }
  return false;
}

// ---- the data plane ----

std::unique_ptr<Proxy> WholeMesh::start_sidecar(const std::string& wanted,
                                                const std::string& account) {
  const std::size_t slash = wanted.find('/');
  const std::string name_space = slash == std::string::npos ? "shop" : wanted.substr(0, slash);
  const std::string name = slash == std::string::npos ? wanted : wanted.substr(slash + 1);
  std::string text;
  starts_.write(name + ".token", "");
  on_control([&](control::Control& control) {
    starts_.write(
        name + ".token",
        control.authority().make_token(name_space, account, std::chrono::hours(1)).value());
    const control::Mesh& mesh = *control.registry().mesh();
    text = control::cli::make_sidecar_config(
        mesh, *mesh.workloads.at({name_space, name}),
        {.control = control.addresses().xds, .token_file = starts_ / (name + ".token")});
  });
  starts_.write(name + ".yaml", text);
  Result<sidecar::Start> start =
      sidecar::load_start({.config_file = starts_ / (name + ".yaml"), .drain_time = "1s"});
  if (!start) {
    ADD_FAILURE() << start.error().detail << "\n" << text;
    return nullptr;
  }
  start->resolver = resolver;
  auto proxy = std::make_unique<Proxy>(std::move(*start));
  EXPECT_TRUE(proxy->ready()) << control_page("mesh");
  return proxy;
}

Wire WholeMesh::call(const std::string& to, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  (void)::inet_pton(AF_INET, to.c_str(), &address.sin_addr);
  Wire wire(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return wire;
}

std::string WholeMesh::ask_cart(Wire& wire) {
  if (!wire.send("GET / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n\r\n")) return {};
  const Wire::Message answer = wire.read_message(true);
  if (answer.empty()) return {};
  return answer.body + " " + std::to_string(answer.status());
}

}  // namespace weft::mesh_test
