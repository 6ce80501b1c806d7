#pragma once
// WholeMesh: weft-control's Control and real Sidecars in one process, each on a thread and a loop
// of its own, over loopback: what two programs would do, with a shop of origins behind it.
//
// web-a calls; cart-v1-a, in the same zone and on the same node, and cart-v2-a, on another in
// another, answer "v1" and "v2". Every Workload has a loopback address of its own (decisions B1),
// chosen by process, so that two runs do not meet. Owner: a test. Thread: the test's.

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/control.h"
#include "tests/control/temporary_directory.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {

class WholeMesh final : public control::Control::Owner {
 public:
  static constexpr std::uint16_t kOutbound = 15001;

  WholeMesh() : WholeMesh(Origin::replies(200, "v1"), Origin::replies(200, "v2")) {}
  // Other behaviour of the apps behind cart-v1-a and cart-v2-a.
  WholeMesh(Origin::Serve v1, Origin::Serve v2);
  ~WholeMesh();

  // Written at once, as an editor does it: the weights of both versions, in the HTTPRoute.
  void write_route(int v1, int v2);
  // Whether cart-v1-a takes part.
  void set_ready_v1(bool ready) { write_shop(ready); }
  void write(const std::string& name, const std::string& text) { files_.replace(name, text); }

  // Writes, and waits until that many sidecars have settled on it.
  [[nodiscard]] bool edit(const std::string& name, const std::string& text, int sidecars = 3);

  void start_control();
  // Nobody is waited for.
  void kill_control();
  [[nodiscard]] bool control_is_there() const { return control_ != nullptr; }
  // The sidecar of that Workload of namespace shop, or "front/till-a", ready; it joins with a
  // token.
  [[nodiscard]] std::unique_ptr<Proxy> start_sidecar(const std::string& workload,
                                                     const std::string& account);

  // Runs on the control plane's loop, and waits.
  void on_control(const std::function<void(control::Control&)>& call);
  [[nodiscard]] std::string control_page(const std::string& name);  // "metrics", "mesh"
  // Asks until the page holds `text`, or patience ends.
  [[nodiscard]] bool control_says(const std::string& name, const std::string& text);
  // A connection to web-a's explicit proxy; to one of the ports it keeps for TCP; to another's.
  [[nodiscard]] Wire call_from_web() const { return call(addresses_[0], kOutbound); }
  [[nodiscard]] Wire call_web_at(std::uint16_t port) const { return call(addresses_[0], port); }
  [[nodiscard]] static Wire call(const std::string& address, std::uint16_t port = kOutbound);
  // The answer's body and status, "v1 200"; empty when there was none.
  [[nodiscard]] static std::string ask_cart(Wire& wire);

  [[nodiscard]] Origin& v1() { return v1_; }
  [[nodiscard]] Origin& v2() { return v2_; }
  [[nodiscard]] const std::string& web_address() const { return addresses_[0]; }
  // For a Workload of the test's own, or two.
  [[nodiscard]] const std::string& spare_address(std::size_t number = 0) const {
    return addresses_[3 + number];
  }

  // Who answers its sidecars' questions for names; before they are started.
  net::Resolver::Options resolver;

  void on_drained() override { loop_->stop(); }

 private:
  void write_shop(bool v1_ready);

  control::testing::TemporaryDirectory files_;
  control::testing::TemporaryDirectory kept_;
  control::testing::TemporaryDirectory starts_;
  Origin v1_;
  Origin v2_;
  std::vector<std::string> addresses_;
  std::uint16_t port_ = 0;  // of the control plane; kept over a restart
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<control::Control> control_;
  std::thread thread_;
};

}  // namespace weft::mesh_test
