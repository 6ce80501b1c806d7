// The shop without a mesh: apps that call each other directly, and the load that drives them.

#include "tests/demo/app.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "tests/demo/ask.h"
#include "tests/demo/load.h"
#include "tests/demo/stage.h"

namespace weft::demo {
namespace {

using namespace std::chrono_literals;

// An app on a thread of its own, on port 0.
class Running final {
 public:
  Running(const std::string& name, const ScratchDirectory& scratch, std::string next = {},
          SocketAddress outbound = {})
      : numbers_(scratch.path() + "/" + name) {
    app_.emplace(loop_, App::Options{.name = name,
                                     .listen = SocketAddress::parse("127.0.0.1:0").value(),
                                     .outbound = std::move(outbound),
                                     .next = std::move(next),
                                     .numbers = numbers_,
                                     .behaviour = {}});
    EXPECT_TRUE(app_->start().has_value());
    address_ = app_->address();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Running() {
    loop_.post([this] {
      app_.reset();
      loop_.stop();
    });
    thread_.join();
  }
  [[nodiscard]] const SocketAddress& address() const { return address_; }
  [[nodiscard]] std::vector<std::uint64_t> numbers() const {
    return NumberLog::open(numbers_).value().numbers();
  }

 private:
  const std::string numbers_;
  net::Loop loop_;
  std::optional<App> app_;
  SocketAddress address_;
  std::thread thread_;
};

struct ShopApp : public ::testing::Test {
  ScratchDirectory scratch = ScratchDirectory::make().value();
  Running ledger{"ledger-a", scratch};
  Running cart{"cart-v1-a", scratch, "ledger", ledger.address()};
  Running web{"web-a", scratch, "cart", cart.address()};

  [[nodiscard]] http::ClientResponse shop(std::vector<std::pair<std::string, std::string>> fields) {
    return ask(web.address(), {.method = "POST", .target = "/shop", .fields = std::move(fields)})
        .value()
        .response;
  }
};

TEST_F(ShopApp, PassesTheNumberOnAndNamesTheWay) {
  const http::ClientResponse response = shop({{"x-shop-number", "42"}});
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(response.head.headers.find(kWayHeader), "web-a>cart-v1-a>ledger-a");
  for (const Running* app : {&web, &cart, &ledger}) {
    EXPECT_EQ(app->numbers(), std::vector<std::uint64_t>{42});
  }
}

TEST_F(ShopApp, AnswersHelloWithoutANumber) {
  EXPECT_EQ(get(web.address(), "/hello").value(), "web-a\n");
  EXPECT_TRUE(web.numbers().empty());
}

TEST_F(ShopApp, ErrsAsOftenAsItIsTold) {
  ASSERT_TRUE(post(ledger.address(), "/behave?errors=50").has_value());
  int errors = 0;
  for (int i = 0; i < 10; ++i) errors += shop({}).head.status == 502 ? 1 : 0;
  EXPECT_EQ(errors, 5);
}

TEST_F(ShopApp, ThinksAsLongAsItIsTold) {
  ASSERT_TRUE(post(ledger.address(), "/behave?latency=30ms").has_value());
  const TimePoint begun = read_monotonic_clock();
  EXPECT_EQ(shop({}).head.status, 200);
  EXPECT_GE(read_monotonic_clock() - begun, 30ms);
}

TEST_F(ShopApp, LoadGetsAnAnswerToEveryNumber) {
  Load load({.address = web.address(), .host = "web"});
  load.begin({.rate = 2000, .count = 300});
  while (load.progress().answered + load.progress().failed < 300) std::this_thread::yield();
  const std::vector<Sent> sent = load.end();
  const Joined joined = join(sent, {{"web-a", "web", web.numbers()},
                                    {"cart-v1-a", "cart", cart.numbers()},
                                    {"ledger-a", "ledger", ledger.numbers()}});
  EXPECT_EQ(joined.answered, 300U) << joined.text();
  EXPECT_TRUE(joined.agrees()) << joined.text();
  EXPECT_EQ(sent.front().cart, "cart-v1-a");
  EXPECT_EQ(latencies_of(sent).size(), 300U);
}

TEST_F(ShopApp, LoadCountsOnWhereTheWindowBeforeEnded) {
  Load load({.address = ledger.address(), .host = "ledger"});
  for (const std::uint64_t first : {1U, 6U}) {
    load.begin({.rate = 1000, .count = 5});
    while (load.progress().answered < 5) std::this_thread::yield();
    EXPECT_EQ(load.end().front().number, first);
  }
}

TEST_F(ShopApp, LoadTellsWhatFailed) {
  ASSERT_TRUE(post(ledger.address(), "/behave?errors=100").has_value());
  Load load({.address = ledger.address(), .host = "ledger"});
  load.begin({.rate = 1000, .count = 3});
  while (load.progress().failed < 3) std::this_thread::yield();
  EXPECT_EQ(load.end().back().failure, "status 500: ledger-a errs, as it was told to\\n");
}

TEST(Behaviour, IsReadFromAQuery) {
  const Behaviour read = read_behaviour("latency=20ms&errors=5%", {}).value();
  EXPECT_EQ(read.latency, 20ms);
  EXPECT_EQ(read.errors_percent, 5U);
  EXPECT_TRUE(read_behaviour("forget=trace", {}).value().forgets_trace);
  EXPECT_FALSE(read_behaviour("forget=nothing", {.forgets_trace = true}).value().forgets_trace);
  for (const char* wrong : {"", "latency=fast", "errors=101", "forget=all", "colour=red"}) {
    EXPECT_FALSE(read_behaviour(wrong, {}).has_value()) << wrong;
  }
}

TEST(CartIn, FindsTheInstanceInTheWay) {
  EXPECT_EQ(cart_in("web-a>cart-v1-b>ledger-a"), "cart-v1-b");
  EXPECT_EQ(cart_in(""), "");
}

}  // namespace
}  // namespace weft::demo
