// The floods of threats.md 3.4 against a whole proxy, from a raw socket, and a caller beside them
// that behaves: it is answered, the flood is ended, counted and explained, and nothing stays. Each
// once in the clear and once over TLS.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>

#include "sidecar/core/log.h"
#include "tests/mesh/pair.h"
#include "tests/sidecar/http/http2_pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using http::testing::frame;
using http::testing::get_block;
using http::testing::headers;
using http::testing::literal;
using http::testing::preface;
using http::testing::u32;

// What an attacker sends at most, and what the proxy may grow by meanwhile at most.
constexpr std::size_t kAttackBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kGrowthMax = 32 * 1024 * 1024;
constexpr std::size_t kAmplificationMax = 100;
constexpr std::size_t kPiece = 16 * 1024;
// Requests of the bystander before, during and after an attack at least.
constexpr std::size_t kEnough = 20;
constexpr double kGoodMin = 0.999;
#ifdef WEFT_SANITIZED
constexpr bool kMemoryTells = false;  // a sanitizer's own memory is most of it
#else
constexpr bool kMemoryTells = true;
#endif

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// ---- the one who behaves ----

// GET after GET, every tenth on a new connection, until it goes out of scope.
class Bystander final {
 public:
  explicit Bystander(std::uint16_t port) : port_(port), thread_([this] { run(); }) {}
  ~Bystander() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Until it has asked so many times more.
  void wait_for(std::size_t more) const {
    const std::size_t until = asked_ + more;
    const auto patience = std::chrono::steady_clock::now() + kPatience;
    while (asked_ < until && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    EXPECT_GE(asked_, until) << "the bystander stands still";
  }
  [[nodiscard]] double good() const {
    return static_cast<double>(answered_) / static_cast<double>(asked_);
  }
  [[nodiscard]] std::size_t most_resident() const { return most_resident_; }
  // How long each answer took. REQUIRES stop().
  [[nodiscard]] const std::vector<Duration>& waits() const { return waits_; }

 private:
  void run() {
    constexpr std::size_t kPerConnection = 10;
    Wire wire;
    while (!over_) {
      if (asked_ % kPerConnection == 0) {
        wire = Wire::to(port_);
        most_resident_ = std::max(most_resident_.load(), resident_bytes());
      }
      const auto began = std::chrono::steady_clock::now();
      if (ask(wire, "/").status() == 200) ++answered_;
      waits_.push_back(std::chrono::steady_clock::now() - began);
      ++asked_;
    }
  }
  std::uint16_t port_;
  std::atomic<std::size_t> asked_ = 0;
  std::atomic<std::size_t> answered_ = 0;
  std::atomic<std::size_t> most_resident_ = 0;
  std::atomic<bool> over_ = false;
  std::vector<Duration> waits_;
  std::thread thread_;
};

double p99_ms(std::vector<Duration> waits) {
  if (waits.empty()) return 0;
  const auto at = waits.begin() + static_cast<std::ptrdiff_t>(waits.size() * 99 / 100);
  std::ranges::nth_element(waits, at);
  return std::chrono::duration<double, std::milli>(*at).count();
}

// Of all threads: the attacker's, the bystander's and the origin's share is in it.
double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// ---- the one who does not ----

struct Flood {
  const char* name;
  std::string first;                               // once, after the preface
  std::function<std::string(std::uint32_t)> make;  // the n-th step; streams 1 and 3 are taken
  bool counted = true;                             // as a flood; else as a broken protocol
  bool provokes = false;                           // frames of ours
};

struct Attack {
  Wire wire;
  std::size_t sent = 0;
  std::string heard;
  bool ended = false;  // by the proxy
};

// What is there to read, without waiting; false at the end.
bool drain(const Wire& wire, std::string& heard) {
  char room[64 * 1024];
  for (;;) {
    const ssize_t got = ::recv(wire.fd(), room, sizeof room, MSG_DONTWAIT);
    if (got > 0) {
      heard.append(room, static_cast<std::size_t>(got));
    } else {
      return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
}

Attack attack(std::uint16_t port, const Flood& flood, bool reads) {
  Attack done;
  done.wire = Wire::to(port);
  std::string piece = preface() + flood.first;
  for (std::uint32_t step = 0; done.sent < kAttackBytesMax && !done.ended; ++step) {
    piece += flood.make(step);
    if (piece.size() < kPiece) continue;
    done.ended = !done.wire.send(piece) || (reads && !drain(done.wire, done.heard));
    done.sent += piece.size();
    piece.clear();
  }
  if (reads && !done.ended) done.heard += done.wire.read_all();
  return done;
}

// Streams 5, 7, 9, ...: `with(id)` each.
std::function<std::string(std::uint32_t)> on_new_streams(
    std::function<std::string(std::uint32_t)> with) {
  return [with = std::move(with)](std::uint32_t step) { return with(5 + 2 * step); };
}
std::function<std::string(std::uint32_t)> again(std::string bytes) {
  return [bytes = std::move(bytes)](std::uint32_t) { return bytes; };
}

std::string reset(std::uint32_t id) { return frame(3, 0, id, u32(8)); }
std::string upload(std::uint32_t id) { return headers(id, get_block(), false); }

// A head that enters a large field into the table, then one that is little but references to it.
std::string bomb(std::uint32_t id) {
  constexpr std::size_t kReferences = 12'000;  // one frame's worth
  std::string block = get_block();
  if (id == 5) block += "\x40" + literal("bomb", std::string(3900, 'x')).substr(1);
  return headers(id, block + std::string(kReferences, '\xbe'));
}

std::vector<Flood> floods() {
  const std::string window = std::string("\0\4", 2);
  return {
      {"HF-01 rapid reset", {}, on_new_streams([](std::uint32_t id) {
         return headers(id, get_block()) + reset(id);
       })},
      {"HF-01 rapid reset among good requests",
       {},
       [](std::uint32_t step) {
         const std::uint32_t id = 5 + 4 * step;
         return upload(id) + reset(id) + headers(id + 2, get_block());
       }},
      {"HF-01 early errors",
       {},
       on_new_streams(
           [](std::uint32_t id) { return headers(id, get_block() + literal("connection", "x")); }),
       true,
       true},
      {"HF-02 windows that overflow",
       {},
       on_new_streams(
           [](std::uint32_t id) { return upload(id) + frame(8, 0, id, u32(0x7fffffff)); }),
       true,
       true},
      {"HF-02 bodies longer than they say",
       {},
       on_new_streams([](std::uint32_t id) {
         return headers(id, get_block() + literal("content-length", "0"), false) +
                frame(0, 1, id, "x");
       }),
       true,
       true},
      {"HF-02 trailers that are none", {}, on_new_streams([](std::uint32_t id) {
         return upload(id) + headers(id, literal(":path", "/"));
       })},
      {"HF-02 HEADERS after the end",
       {},
       on_new_streams(
           [](std::uint32_t id) { return headers(id, get_block()) + headers(id, get_block()); }),
       false},
      {"HF-03 CONTINUATION", headers(5, get_block(), true, false),
       again(frame(9, 0, 5, literal("a", "b")))},
      {"HF-03 empty CONTINUATION", headers(5, get_block(), true, false), again(frame(9, 0, 5, ""))},
      {"HF-04 PING", {}, again(frame(6, 0, 0, "12345678")), true, true},
      {"HF-04 SETTINGS", {}, again(frame(4, 0, 0, window + u32(70'000))), true, true},
      {"HF-04 PRIORITY", upload(5), again(frame(2, 0, 5, u32(0) + "\x10"))},
      {"HF-04 WINDOW_UPDATE", {}, again(frame(8, 0, 0, u32(1)))},
      {"HF-04 empty DATA", upload(5), again(frame(0, 0, 5, ""))},
      {"HF-04 empty HEADERS",
       {},
       on_new_streams([](std::uint32_t id) { return headers(id, ""); }),
       true,
       true},
      {"HF-04 unknown types", {}, again(frame(0x77, 0, 0, ""))},
      {"HF-04 RST_STREAM of what is over", upload(5) + reset(5), again(reset(5))},
      {"HF-05 HPACK bomb", {}, on_new_streams(bomb)},
      {"HF-06 cookie crumbs", {}, on_new_streams([](std::uint32_t id) {
         const std::string crumb = "\x40" + literal("cookie", "").substr(1);
         return headers(id, get_block() + (id == 5 ? crumb : "") + std::string(15'000, '\xbe'));
       })},
      {"HF-06 second hosts", {}, on_new_streams([](std::uint32_t id) {
         std::string hosts;
         for (int i = 0; i < 1000; ++i) hosts += literal("host", "h");
         return headers(id, get_block() + hosts);
       })},
      {"HF-07 table size updates", {}, on_new_streams([](std::uint32_t id) {
         return headers(id, std::string(10'000, '\x20') + get_block());
       })},
      {"HF-07 HPACK index 0",
       {},
       on_new_streams([](std::uint32_t id) { return headers(id, "\x80"); }),
       false},
      {"HF-08 windows up and down", upload(5),
       [window](std::uint32_t step) {
         return frame(4, 0, 0, window + u32(step % 2 == 0 ? 0 : 0x7fffffff));
       }},
      {"HF-09 frames over the limit", {}, again(frame(0, 0, 5, std::string(20'000, 'x'))), false},
      {"HF-09 HTTP/1 behind the preface", {}, again("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"), false},
  };
}

// ---- the stage ----

enum class Ground : std::uint8_t { kClear, kTls };

// Bytes in the clear become TLS to the attacked: a tunnel of our own kind for each protocol that
// the other end may choose.
std::unique_ptr<Proxy> wrap(const Authority& authority, const SocketAddress& attacked) {
  std::vector<config::ListenerConfig> listeners;
  std::vector<config::ClusterConfig> clusters;
  for (const char* protocol : {"h2", "http/1.1"}) {
    config::ClusterConfig secured = to_server(authority.material("client"), attacked);
    secured.name = protocol;
    secured.tls->settings.alpn = {protocol};
    clusters.push_back(std::move(secured));
    listeners.push_back(tcp_listener(protocol, protocol));
  }
  return std::make_unique<Proxy>(std::move(listeners), std::move(clusters));
}

struct Floods : public ::testing::TestWithParam<Ground> {
  Floods() : origin(Origin::replies(200, "ok")) {
    const Authority authority("cluster.local");
    const bool secured = GetParam() == Ground::kTls;
    config::ListenerConfig listener = secured ? inbound(authority.material("server"))
                                              : http_listener("in", routes({to("/", "app")}));
    // Whoever takes no more bytes is given up soon.
    http_of(listener).timeouts.stream_idle = 1s;
    proxy = std::make_unique<Proxy>(std::vector{listener},
                                    std::vector{cluster("app", {origin.address()})});
    h1 = h2 = proxy->port();
    if (!secured) return;
    wrapped = wrap(authority, proxy->address());
    h1 = wrapped->port("http/1.1");
    h2 = wrapped->port("h2");
  }
  [[nodiscard]] double ended(std::string_view reason) const {
    return proxy->metric("weft_downstream_connections_ended_total",
                         {"reason=\"" + std::string(reason) + "\""});
  }
  // Every figure that says what is under way.
  [[nodiscard]] double under_way() const {
    return proxy->metric("weft_downstream_connections") +
           proxy->metric("weft_limit_in_use", {"limit=\"requests\""}) +
           proxy->metric("weft_pool_connections", {"state=\"busy\""}) +
           proxy->metric("weft_self_limit_in_use", {"limit=\"buffer_bytes\""});
  }
  [[nodiscard]] bool comes_to_rest() const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (under_way() != 0) {
      if (std::chrono::steady_clock::now() > until) return false;
    }
    return true;
  }
  void suffer(const Flood& flood, bool reads, bool measured) {
    SCOPED_TRACE(std::string(flood.name) + (reads ? "" : ", answers unread"));
    const char* reason = flood.counted ? "flood" : "protocol";
    const double before = ended(reason);
    Bystander bystander(h1);
    bystander.wait_for(kEnough);
    const std::size_t resident = resident_bytes();
    const double cpu = cpu_ns();
    Attack done = attack(h2, flood, reads);
    const double cost = (cpu_ns() - cpu) / static_cast<double>(std::max<std::size_t>(done.sent, 1));
    if (cost > dearest) {
      dearest = cost;
      dearest_name = flood.name;
    }
    bystander.wait_for(kEnough);
    bystander.stop();
    waits.insert(waits.end(), bystander.waits().begin(), bystander.waits().end());
    if (reads) done.wire = {};  // else the proxy has to give it up
    EXPECT_TRUE(done.ended || !reads) << done.sent << " bytes were taken";
    EXPECT_GE(bystander.good(), kGoodMin);
    EXPECT_TRUE(proxy->metric_reaches(before + 1, "weft_downstream_connections_ended_total",
                                      {"reason=\"" + std::string(reason) + "\""}));
    EXPECT_EQ(ended(reason), before + 1);
    EXPECT_TRUE(comes_to_rest()) << under_way();
    if (!kMemoryTells || !measured) return;
    const std::size_t most = bystander.most_resident();
    const std::size_t growth = most > resident ? most - resident : 0;
    EXPECT_LT(growth, kAmplificationMax * done.sent) << done.sent << " bytes were sent";
    EXPECT_LT(growth, kGrowthMax);
  }
  // What nobody attacks, to compare with.
  [[nodiscard]] double p99_alone() const {
    constexpr std::size_t kRequests = 500;
    Bystander alone(h1);
    alone.wait_for(kRequests);
    alone.stop();
    return p99_ms(alone.waits());
  }
  Origin origin;
  std::unique_ptr<Proxy> proxy;
  std::unique_ptr<Proxy> wrapped;
  std::uint16_t h1 = 0;  // where a caller of HTTP/1 goes
  std::uint16_t h2 = 0;
  std::vector<Duration> waits;  // of bystanders beside floods
  double dearest = 0;           // ns of processor for a byte of a flood
  std::string dearest_name;
};

TEST_P(Floods, AreEndedCountedAndHarmNobody) {
  const double alone = p99_alone();
  for (const Flood& flood : floods()) {
    suffer(flood, true, false);  // what is kept for the next time is kept now
    suffer(flood, true, true);
  }
  // Told and not judged: what a core shared with the attacker makes of it belongs to the machine.
  std::printf("bystander: p99 %.2f ms alone, %.2f ms beside floods; dearest: %s, %.0f ns/byte\n",
              alone, p99_ms(waits), dearest_name.c_str(), dearest);
}

TEST_P(Floods, AreEndedWhenTheAttackerReadsNothing) {
  for (const Flood& flood : floods()) {
    if (flood.provokes) suffer(flood, false, false);
  }
}

TEST_P(Floods, ResetRequestsNeverPileUpAtTheOrigin) {
  const Flood rapid = floods().front();
  const Attack done = attack(h2, rapid, true);
  EXPECT_TRUE(done.ended);
  EXPECT_TRUE(comes_to_rest());
  const double most = proxy->metric("weft_limit_high_water", {"limit=\"requests\""});
  EXPECT_LE(most, http::Http2Limits{}.streams_max) << "at once";
  const std::size_t begun = origin.requests();
  EXPECT_LE(begun, http::Http2Limits{}.resets_burst + http::Http2Limits{}.streams_max);
  Wire wire = Wire::to(h1);
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(origin.requests(), begun + 1) << "nothing is begun after the cut";
}

TEST_P(Floods, AreExplainedByOneLineASecond) {
  constexpr int kTimes = 20;
  ::testing::internal::CaptureStderr();
  const auto began = std::chrono::steady_clock::now();
  const Flood ping{"PING", {}, again(frame(6, 0, 0, "12345678"))};
  int times = 0;
  // The gate lets a line through when the last one is a second old, whoever wrote that.
  for (; times < kTimes || std::chrono::steady_clock::now() - began < 1200ms; ++times)
    EXPECT_TRUE(attack(h2, ping, true).ended);
  EXPECT_TRUE(proxy->metric_reaches(times, "weft_downstream_connections_ended_total",
                                    {"reason=\"flood\""}));
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  flush_log();
  const std::string said = ::testing::internal::GetCapturedStderr();
  std::size_t lines = 0;
  for (std::size_t at = 0;
       (at = said.find("ended the connection of 127.0.0.1", at)) != std::string::npos; ++at) {
    ++lines;
  }
  EXPECT_GE(lines, 1U) << said;
  EXPECT_LE(lines, static_cast<std::size_t>(seconds.count()) + 1) << said;
  EXPECT_NE(said.find("downstream flood: HTTP/2: "), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(Over, Floods, ::testing::Values(Ground::kClear, Ground::kTls),
                         [](const auto& ground) {
                           return std::string(ground.param == Ground::kTls ? "Tls" : "Clear");
                         });

}  // namespace
}  // namespace weft::mesh_test
