// What a request costs the allocator once everything is warm: nothing of ours. operator new is
// counted in the whole program while the caller and the origin, which live in it too, only use
// their stacks. OpenSSL calls malloc and is not counted here.

#include <execinfo.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include "tests/mesh/pair.h"

#ifdef WEFT_SANITIZED
#define WEFT_COUNTS_ALLOCATIONS 0
#else
#define WEFT_COUNTS_ALLOCATIONS 1
#endif

namespace {

// The first places that allocated, for the failure's message.
constexpr std::size_t kPlacesMax = 64;
constexpr int kDepth = 14;
struct Place {
  std::array<void*, kDepth> frames{};
  int size = 0;
};
std::array<Place, kPlacesMax> g_places;
std::atomic<std::size_t> g_count{0};
std::atomic<bool> g_counting{false};

#if WEFT_COUNTS_ALLOCATIONS
void* counted(std::size_t size, std::size_t alignment) {
  if (g_counting.load(std::memory_order_relaxed)) {
    const std::size_t number = g_count.fetch_add(1);
    if (number < kPlacesMax) {
      g_places[number].size = ::backtrace(g_places[number].frames.data(), kDepth);
    }
  }
  void* const memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) std::abort();
  return memory;
}
#endif

}  // namespace

#if WEFT_COUNTS_ALLOCATIONS
void* operator new(std::size_t size) { return counted(size, 0); }
void* operator new[](std::size_t size) { return counted(size, 0); }
void* operator new(std::size_t size, std::align_val_t at) {
  return counted(size, static_cast<std::size_t>(at));
}
void* operator new[](std::size_t size, std::align_val_t at) {
  return counted(size, static_cast<std::size_t>(at));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t /*at*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t /*at*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*at*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*size*/, std::align_val_t /*at*/) noexcept {
  std::free(memory);
}
#endif

namespace weft::mesh_test {
namespace {

constexpr std::string_view kRequest =
    "GET /item?id=42 HTTP/1.1\r\nhost: bench.local\r\nuser-agent: allocations/1.0\r\n"
    "accept: application/json\r\naccept-encoding: gzip\r\naccept-language: en\r\n"
    "cookie: session=5f2c9a7de01b44c8\r\nx-tenant: 7d1f0c52\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\nok";

// Reads a message without body, or with a body of `body` bytes, from the stack; false at the end.
bool skip_message(const Wire& wire, std::size_t body) {
  std::array<char, 4096> bytes;
  std::size_t size = 0;
  while (true) {
    const ssize_t got = ::recv(wire.fd(), bytes.data() + size, bytes.size() - size, 0);
    if (got <= 0) return false;
    size += static_cast<std::size_t>(got);
    const std::size_t end = std::string_view{bytes.data(), size}.find("\r\n\r\n");
    if (end != std::string_view::npos && size >= end + 4 + body) return true;
  }
}

bool send_all(const Wire& wire, std::string_view bytes) {
  return ::send(wire.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

void answers_from_the_stack(Origin& /*origin*/, Wire& wire) {
  while (skip_message(wire, 0) && send_all(wire, kAnswer)) {
  }
}

void ask_often(const Wire& wire, int times) {
  for (int i = 0; i < times; ++i) {
    if (!send_all(wire, kRequest) || !skip_message(wire, 2)) {
      ADD_FAILURE() << "request " << i << " was not answered";
      return;
    }
  }
}

constexpr int kWarm = 2000;
constexpr int kRequests = 1000;

// How often operator new is called meanwhile, in any thread.
std::size_t allocations_during(const Wire& wire, int requests) {
  g_count = 0;
  g_counting = true;
  ask_often(wire, requests);
  g_counting = false;
  return g_count;
}

// During kRequests, after kWarm of them.
std::size_t allocations_of(Proxy& proxy) {
  const Wire wire = proxy.dial();
  EXPECT_GT(allocations_during(wire, 1), 0U)
      << "the first request opens connections: nothing is counted";
  ask_often(wire, kWarm);
  return allocations_during(wire, kRequests);
}

std::string places(std::size_t count) {
  std::string text = "addresses for addr2line -Cfipe:\n";
  for (std::size_t i = 0; i < std::min(count, kPlacesMax); ++i) {
    for (int frame = 2; frame < g_places[i].size; ++frame) {
      std::array<char, 32> address{};
      std::snprintf(address.data(), address.size(), " %p",
                    g_places[i].frames[static_cast<std::size_t>(frame)]);
      text += address.data();
    }
    text += '\n';
  }
  return text;
}

class Allocations : public ::testing::Test {
 protected:
  void SetUp() override {
    if (WEFT_COUNTS_ALLOCATIONS == 0) GTEST_SKIP() << "a sanitizer has the allocator";
    std::array<void*, 1> frame{};
    (void)::backtrace(frame.data(), 1);  // Its first call allocates.
  }
  Origin origin{answers_from_the_stack};
};

TEST_F(Allocations, OfAPlainRequestAreNone) {
  Proxy proxy({http_listener("in", routes({to("/", "app")}))},
              {cluster("app", {origin.address()})});
  const std::size_t count = allocations_of(proxy);
  EXPECT_EQ(count, 0U) << places(count);
}

TEST_F(Allocations, OfARequestThroughThePairAreNone) {
  const Authority authority{"cluster.local"};
  Proxy server({inbound(authority.material("server", authority.root))},
               {cluster("app", {origin.address()})});
  Proxy client({outbound()},
               {to_server(authority.material("client", authority.root), server.address())});
  const std::size_t count = allocations_of(client);
  EXPECT_EQ(count, 0U) << places(count);
}

}  // namespace
}  // namespace weft::mesh_test
