#include "sidecar/admin_client.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "sidecar/core/dialer.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/client.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/loop.h"

namespace weft::sidecar {

namespace {

constexpr Duration kAskEvery = std::chrono::milliseconds(200);
constexpr Duration kAnswerWithin = std::chrono::seconds(3);
constexpr int kWell = 0;
constexpr int kNotWell = 1;
constexpr int kBadUsage = 2;

class AdminDialer final : public Dialer {
 public:
  AdminDialer(net::Loop& loop, SocketAddress address)
      : connector_(loop), address_(std::move(address)) {}
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return connector_.connect(address_, {}, holder);
  }

 private:
  net::TcpConnector connector_;
  const SocketAddress address_;
};

// One request, from begin to end.
class AdminAsk final : public http::CallHolder {
 public:
  AdminAsk(const SocketAddress& address, std::string method, std::string target)
      : dialer_(loop_, address),
        client_(loop_.turn(), dialer_, {.keep = false, .timeout = kAnswerWithin}) {
    call_ = client_.send({.method = std::move(method),
                          .authority = address.to_string(),
                          .target = std::move(target)},
                         *this);
    loop_.run();
  }
  [[nodiscard]] const Result<http::ClientResponse>& answer() const { return *answer_; }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    finish(std::move(response));
  }
  void on_failure(http::Call&, const Error& error) override { finish(fail(error)); }

 private:
  void finish(Result<http::ClientResponse> answer) {
    answer_ = std::move(answer);
    call_.reset();
    loop_.stop();
  }

  net::Loop loop_;
  AdminDialer dialer_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
  std::optional<Result<http::ClientResponse>> answer_;
};

int bad_usage(const char* flag, const std::string& what) {
  std::fprintf(stderr, "weft-sidecar: %s: %s\n", flag, what.c_str());
  return kBadUsage;
}

// Empty when it serves, otherwise what it says.
std::string ask_ready(const SocketAddress& admin) {
  const AdminAsk ask(admin, "GET", "/ready");
  if (!ask.answer()) return to_string(ask.answer().error());
  if (ask.answer()->head.status == 200) return {};
  std::string said = ask.answer()->body;
  while (said.ends_with('\n')) said.pop_back();
  return said.empty() ? "status " + std::to_string(ask.answer()->head.status) : said;
}

}  // namespace

int run_health(const AdminCommand& command) {
  const Result<SocketAddress> admin = SocketAddress::parse(command.admin);
  if (!admin) return bad_usage("--admin", admin.error().detail);
  const Result<Duration> wait = parse_duration(command.wait);
  if (!wait) return bad_usage("--wait", wait.error().detail);
  const auto until = std::chrono::steady_clock::now() + *wait;
  std::string told;
  while (true) {
    const std::string why = ask_ready(*admin);
    if (why.empty()) return kWell;
    // Said while it waits: who looks at a pod that does not start sees what for.
    if (why != told) std::fprintf(stderr, "weft-sidecar: not ready: %s\n", why.c_str());
    told = why;
    if (std::chrono::steady_clock::now() >= until) return kNotWell;
    std::this_thread::sleep_for(kAskEvery);
  }
}

int run_drain(const AdminCommand& command) {
  const Result<SocketAddress> admin = SocketAddress::parse(command.admin);
  if (!admin) return bad_usage("--admin", admin.error().detail);
  const Result<Duration> hold = parse_duration(command.hold);
  if (!hold) return bad_usage("--hold", hold.error().detail);
  const Result<Duration> timeout = parse_duration(command.timeout);
  if (!timeout) return bad_usage("--timeout", timeout.error().detail);
  std::this_thread::sleep_for(*hold);
  {
    const AdminAsk drain(*admin, "POST", "/drain");
    if (!drain.answer()) {
      std::fprintf(stderr, "weft-sidecar: %s\n", to_string(drain.answer().error()).c_str());
      // Nobody is there: what was asked for is so already.
      return drain.answer().error().fault == Fault::kConnect ? kWell : kNotWell;
    }
    if (drain.answer()->head.status != 202) {
      std::fprintf(stderr, "weft-sidecar: /drain answers %d\n",
                   static_cast<int>(drain.answer()->head.status));
      return kNotWell;
    }
  }
  const auto until = std::chrono::steady_clock::now() + *timeout;
  while (std::chrono::steady_clock::now() < until) {
    const AdminAsk ask(*admin, "GET", "/ready");
    if (!ask.answer() && ask.answer().error().fault == Fault::kConnect) return kWell;
    std::this_thread::sleep_for(kAskEvery);
  }
  std::fprintf(stderr, "weft-sidecar: it is still there after %s\n", command.timeout.c_str());
  return kNotWell;
}

}  // namespace weft::sidecar
