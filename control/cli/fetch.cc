#include "control/cli/fetch.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "sidecar/core/dialer.h"
#include "sidecar/http/client.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/loop.h"

namespace weft::control::cli {

namespace {

class PlainDialer final : public Dialer {
 public:
  PlainDialer(net::Loop& loop, SocketAddress address)
      : connector_(loop), address_(std::move(address)) {}
  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return connector_.connect(address_, {}, holder);
  }

 private:
  net::TcpConnector connector_;
  SocketAddress address_;
};

class Fetching final : public http::CallHolder {
 public:
  class Owner {
   public:
    virtual void on_fetched() = 0;

   protected:
    ~Owner() = default;
  };

  Fetching(net::Loop& loop, const Page& page, Duration timeout, Owner& owner)
      : owner_(owner),
        dialer_(loop, page.address),
        client_(loop.turn(), dialer_,
                {.keep = false, .timeout = timeout, .body_bytes_max = kBytesMax}) {
    call_ = client_.send({.authority = page.address.to_string(), .target = page.path}, *this);
  }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    if (response.head.status == 200) {
      finish(std::move(response.body));
    } else {
      finish(fail(Fault::kInvalid, fmt::format("status {}: {}", response.head.status,
                                               response.body.substr(0, 200))));
    }
  }
  void on_failure(http::Call&, const Error& error) override { finish(fail(error)); }

  [[nodiscard]] Result<std::string> take() { return std::move(*result_); }

 private:
  static constexpr std::size_t kBytesMax = 64 * 1024 * 1024;

  void finish(Result<std::string> result) {
    result_ = std::move(result);
    call_.reset();
    owner_.on_fetched();
  }

  Owner& owner_;
  PlainDialer dialer_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
  std::optional<Result<std::string>> result_;
};

class All final : public Fetching::Owner {
 public:
  All(net::Loop& loop, std::size_t missing) : loop_(loop), missing_(missing) {}
  void on_fetched() override {
    if (--missing_ == 0) loop_.stop();
  }

 private:
  net::Loop& loop_;
  std::size_t missing_;
};

}  // namespace

std::vector<Result<std::string>> fetch_all(const std::vector<Page>& pages, Duration timeout) {
  std::vector<Result<std::string>> out;
  if (pages.empty()) return out;
  net::Loop loop;
  All all(loop, pages.size());
  std::vector<std::unique_ptr<Fetching>> fetchings;
  for (const Page& page : pages) {
    fetchings.push_back(std::make_unique<Fetching>(loop, page, timeout, all));
  }
  loop.run();
  for (const auto& fetching : fetchings) out.push_back(fetching->take());
  return out;
}

Result<std::string> fetch(const Page& page) { return std::move(fetch_all({page}).front()); }

}  // namespace weft::control::cli
