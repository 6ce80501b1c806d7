// A hundred streams of one HTTP/2 connection that stand still: answers that the caller does not
// read, uploads that the origin does not read. A bystander on the same connection is unharmed, no
// sidecar holds more than one window for each, and nothing is lost or kept.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "tests/mesh/http2_caller.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using Request = Http2Caller::Request;

constexpr std::size_t kStalled = 100;
constexpr std::size_t kBystander = kStalled;  // the numbers from here on are never held up
constexpr std::size_t kBody = 4 * 1024 * 1024;
constexpr std::uint32_t kStreamsMax = kStalled + 8;
constexpr std::uint32_t kCallerWindow = 64 * 1024;
// What a sidecar holds for one stream at most, and for one HTTP/1 connection.
constexpr std::size_t kWindow = http::Http2Limits{}.stream_window;
static_assert(kWindow == http::Limits{}.body_window);
// What the kernel takes between a sidecar and the origin, generously: mostly a quarter of it, but
// it makes its buffers larger by itself; see Origin::narrow().
constexpr std::size_t kKernel = 1536 * 1024;
constexpr std::size_t kStreamPiece = 16 * 1024;
constexpr std::chrono::milliseconds kQuiet{300};
constexpr Duration kAtOnce = 5s;  // four mebibytes on a busy machine under a sanitizer

// GET /number: its letters, as fast as they are taken; adds to `sent` what was.
Origin::Serve sends_letters(std::atomic<std::size_t>& sent) {
  return [&sent](Origin& self, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      const std::size_t number = std::stoul(request.target().substr(1));
      if (number < kStalled) self.note(std::move(request));
      if (!wire.send("HTTP/1.1 200 X\r\ncontent-length: " + std::to_string(kBody) + "\r\n\r\n"))
        return;
      for (std::size_t at = 0; at < kBody;) {
        // Short pieces: what one send() has taken of its piece so far is not counted.
        const std::string_view piece = letters(number, at, std::min(kStreamPiece, kBody - at));
        if (!wire.send(piece)) return;
        at += piece.size();
        sent += piece.size();
      }
    }
  };
}

// POST /number: 200 when all of its letters came; a stalled one is not read before release().
Origin::Serve takes_letters() {
  return [](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message request;
      request.head = wire.read_to("\r\n\r\n");
      if (request.empty()) return;
      const std::size_t number = std::stoul(request.target().substr(1));
      if (number < kStalled) {
        self.note(request);
        self.wait_for_release();
      }
      bool right = request.field("content-length") == std::to_string(kBody);
      for (std::size_t at = 0; at < kBody;) {
        const std::string piece = wire.read_bytes(std::min(kLettersMax, kBody - at));
        if (piece.empty()) return;
        right = right && piece == letters(number, at, piece.size());
        at += piece.size();
      }
      if (!wire.send(std::string("HTTP/1.1 ") + (right ? "200" : "500") +
                     " X\r\ncontent-length: 0\r\n\r\n")) {
        return;
      }
    }
  };
}

double held(Proxy& proxy) {
  return proxy.metric("weft_self_limit_in_use", {"limit=\"buffer_bytes\""});
}
double held_at_most(Proxy& proxy) {
  return proxy.metric("weft_self_limit_high_water", {"limit=\"buffer_bytes\""});
}
double in_flight(Proxy& proxy) { return proxy.metric("weft_limit_in_use", {"limit=\"requests\""}); }
double busy_connections(Proxy& proxy) {
  return proxy.metric("weft_pool_connections", {"state=\"busy\""});
}

bool settles(double value, const std::function<double()>& figure) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (figure() != value) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

config::ListenerConfig wide(config::ListenerConfig listener) {
  http_of(listener).http2.streams_max = kStreamsMax;
  return listener;
}

constexpr auto windows(std::size_t streams) { return static_cast<double>(streams * kWindow); }

// caller -- one connection --> client's sidecar -- one connection --> server's sidecar --> origin
struct StalledStreams : public ::testing::Test {
  void begin(Origin::Serve serve) {
    origin = std::make_unique<Origin>(std::move(serve));
    origin->narrow();
    server = std::make_unique<Proxy>(std::vector{wide(inbound(authority.material("server")))},
                                     std::vector{cluster("app", {origin->address()})});
    client = std::make_unique<Proxy>(
        std::vector{wide(outbound())},
        std::vector{to_server(authority.material("client"), server->address())});
    join();
  }
  // A connection of the caller's own.
  void join() {
    caller = std::make_unique<Http2Caller>(client->dial(),
                                           http::Http2Limits{.stream_window = kCallerWindow});
    ASSERT_TRUE(caller->run_until([&] { return caller->available() == kStreamsMax; }));
  }
  void ask_for_answers() {
    for (std::size_t n = 0; n < kStalled; ++n)
      stalled.push_back(&caller->get(n, "/" + std::to_string(n)));
  }
  void upload() {
    for (std::size_t n = 0; n < kStalled; ++n)
      stalled.push_back(&caller->post(n, "/" + std::to_string(n), kBody));
  }
  // All have come as far as they can: for a while nothing has changed anywhere. A window is opened
  // again once half of it is free, so each sidecar then holds between half a window and one.
  [[nodiscard]] ::testing::AssertionResult stands_still() const {
    std::array<double, 4> before{};
    TimePoint since{};
    const bool so = caller->run_until([&] {
      const std::array<double, 4> figures{held(*client), held(*server), moved(),
                                          static_cast<double>(sent.load())};
      if (std::exchange(before, figures) != figures) since = caller->now();
      return origin->requests() == kStalled && held(*client) >= windows(kStalled) / 2 &&
             held(*server) >= windows(kStalled) / 2 && caller->now() - since > kQuiet;
    });
    if (so) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << origin->requests() << " requests; held by the client's sidecar "
           << held(*client) / kWindow << " windows, by the server's " << held(*server) / kWindow;
  }
  void expect_an_answer_at_once() const {
    const TimePoint began = caller->now();
    Request& bystander = caller->get(kBystander, "/" + std::to_string(kBystander));
    bystander.read();
    EXPECT_TRUE(caller->run_until([&] { return bystander.ended; })) << bystander.fault;
    EXPECT_TRUE(bystander.whole(kBody));
    EXPECT_LT(caller->now() - began, kAtOnce);
  }
  void expect_an_upload_at_once() const {
    const TimePoint began = caller->now();
    Request& bystander = caller->post(kBystander, "/" + std::to_string(kBystander), kBody);
    EXPECT_TRUE(caller->run_until([&] { return bystander.ended; })) << bystander.fault;
    EXPECT_TRUE(bystander.whole(0));
    EXPECT_LT(caller->now() - began, kAtOnce);
  }
  void expect_bounded() const {
    for (Proxy* proxy : {client.get(), server.get()}) {
      EXPECT_LE(held(*proxy), windows(kStalled));
      EXPECT_GE(held(*proxy), windows(kStalled) / 2) << "what is measured is there";
      EXPECT_LE(held_at_most(*proxy), windows(kStalled + 1)) << "the bystander's own apart";
      EXPECT_EQ(proxy->metric("weft_downstream_connections"), 1) << "the streams share one";
    }
  }
  // Body bytes that the caller's streams have sent and received.
  [[nodiscard]] double moved() const {
    std::size_t sum = 0;
    for (const Request* request : stalled) sum += request->sent + request->received;
    return static_cast<double>(sum);
  }
  void expect_all_given_back() const {
    for (Proxy* proxy : {client.get(), server.get()}) {
      EXPECT_TRUE(settles(0, [&] { return held(*proxy); })) << held(*proxy);
      EXPECT_TRUE(settles(0, [&] { return in_flight(*proxy); })) << in_flight(*proxy);
      EXPECT_TRUE(settles(0, [&] { return busy_connections(*proxy); })) << busy_connections(*proxy);
    }
    EXPECT_EQ(server->metric("weft_downstream_connections"), 1)
        << "the connection between the sidecars is none of the caller's";
  }
  // Everybody leaves by RST_STREAM, on a connection that stays.
  void reset_all() {
    for (Request* request : stalled) request->reset();
    EXPECT_TRUE(caller->run_until([&] { return held(*client) == 0 && held(*server) == 0; }));
  }
  void hang_up() {
    stalled.clear();
    caller.reset();
  }

  Authority authority{"cluster.local"};
  std::atomic<std::size_t> sent = 0;
  std::unique_ptr<Origin> origin;
  std::unique_ptr<Proxy> server;
  std::unique_ptr<Proxy> client;
  std::unique_ptr<Http2Caller> caller;
  std::vector<Request*> stalled;
};

TEST_F(StalledStreams, AHundredUnreadAnswersHarmNoBystander) {
  begin(sends_letters(sent));
  expect_an_answer_at_once();
  ask_for_answers();
  ASSERT_TRUE(stands_still());
  expect_an_answer_at_once();
  expect_bounded();
  for (const Request* request : stalled) EXPECT_EQ(request->received, kCallerWindow);
  EXPECT_LT(sent.load(), kStalled * (kCallerWindow + 2 * kWindow + kKernel))
      << "the origin is held up as well";
  for (Request* request : stalled) request->read();
  EXPECT_TRUE(caller->run_until([&] {
    return std::all_of(stalled.begin(), stalled.end(), [](Request* r) { return r->whole(kBody); });
  }));
  expect_all_given_back();
}

TEST_F(StalledStreams, AHundredUploadsThatNobodyReadsHarmNoBystander) {
  begin(takes_letters());
  expect_an_upload_at_once();
  upload();
  ASSERT_TRUE(stands_still());
  expect_an_upload_at_once();
  expect_bounded();
  EXPECT_LT(moved(), static_cast<double>(kStalled * (2 * kWindow + Transport::kHighMark + kKernel)))
      << "the caller is held up";
  origin->release();
  EXPECT_TRUE(caller->run_until([&] {
    return std::all_of(stalled.begin(), stalled.end(), [](Request* r) { return r->whole(0); });
  }));
  expect_all_given_back();
}

TEST_F(StalledStreams, GiveEverythingBackWhenAnswersAreReset) {
  begin(sends_letters(sent));
  ask_for_answers();
  ASSERT_TRUE(stands_still());
  reset_all();
  expect_all_given_back();
  expect_an_answer_at_once();
}

TEST_F(StalledStreams, GiveEverythingBackWhenUploadsAreReset) {
  begin(takes_letters());
  upload();
  ASSERT_TRUE(stands_still());
  reset_all();
  expect_all_given_back();
  expect_an_upload_at_once();
}

TEST_F(StalledStreams, GiveEverythingBackWhenTheReaderHangsUp) {
  begin(sends_letters(sent));
  ask_for_answers();
  ASSERT_TRUE(stands_still());
  hang_up();
  expect_all_given_back();
  join();
  expect_an_answer_at_once();
}

TEST_F(StalledStreams, GiveEverythingBackWhenTheUploaderHangsUp) {
  begin(takes_letters());
  upload();
  ASSERT_TRUE(stands_still());
  hang_up();
  expect_all_given_back();
  join();
  expect_an_upload_at_once();
}

}  // namespace
}  // namespace weft::mesh_test
