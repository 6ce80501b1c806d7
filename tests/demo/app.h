#pragma once
// App: one instance of a service of the shop: a small HTTP server that notes the number of each
// request, thinks for a moment, asks the next service through its own sidecar, and answers.
//
//   GET, POST /shop    the service itself. Passes the number and the trace headers on; answers with
//                      the way the request went in x-shop-way: "web-a>cart-v1-b>ledger-a"
//   GET /hello         "web-a"; not a request of the shop: no number, nobody else is asked
//   POST /behave       ?latency=20ms&errors=5%&forget=trace|numbers|nothing, in any combination
//
// The next service is named by Host; the sidecar's outbound port decides where that is. A process
// of its own (`weft-demo app`), so that it can be killed. Thread: its loop's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sidecar/core/address.h"
#include "sidecar/http/client.h"
#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"
#include "sidecar/net/loop.h"
#include "tests/demo/number_log.h"
#include "tests/demo/plain_dialer.h"

namespace weft::demo {

inline constexpr std::string_view kNumberHeader = "x-shop-number";
inline constexpr std::string_view kWayHeader = "x-shop-way";

// How an instance behaves; changed while it runs by /behave.
struct Behaviour {
  Duration latency{};
  std::uint32_t errors_percent = 0;  // of the requests are answered with 500
  bool forgets_trace = false;        // does not pass trace headers on
  bool forgets_numbers = false;      // does not note one number in a hundred
};
// The change that a query asks for, or what is wrong with it.
[[nodiscard]] Result<Behaviour> read_behaviour(std::string_view query, Behaviour now);

class App final : public net::Acceptor::Owner {
 public:
  struct Options {
    std::string name;        // "cart-v1-a"
    SocketAddress listen;    // 127.0.0.1:appPort
    SocketAddress outbound;  // of its sidecar
    std::string next;        // the service to ask; empty: none
    std::string numbers;     // file of the NumberLog
    Behaviour behaviour;
  };

  App(net::Loop& loop, Options options);
  ~App();

  Status start();
  [[nodiscard]] SocketAddress address() const;

  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor&) override {}

 private:
  class Errand;  // one request

  void begin(std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end);
  [[nodiscard]] http::Reply behave(const http::ServiceRequest& request);
  void finish(Errand& errand);
  void note(std::string_view number);
  // True for errors_percent of the calls, evenly.
  [[nodiscard]] bool errs();

  net::Loop& loop_;
  const Options options_;
  Behaviour behaviour_;
  std::optional<NumberLog> numbers_;
  PlainDialer dialer_;
  http::Client client_;
  http::Service service_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::unordered_map<const Errand*, std::unique_ptr<Errand>> errands_;
  std::uint32_t error_share_ = 0;  // in hundredths; over 100 an error is due
  std::uint64_t noted_ = 0;
};

}  // namespace weft::demo
