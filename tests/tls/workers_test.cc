// Two workers, each with a Library of its own, while the main thread makes new contexts with both:
// meant for tsan.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

TEST(Workers, ShakeHandsWhileTheMainThreadMakesNewContexts) {
  struct Worker {
    std::shared_ptr<Library> library = Library::make();
    std::shared_ptr<const ClientContext> client;
    std::shared_ptr<const ServerContext> server;
    std::thread thread;
    std::atomic<int> handshakes{0};
  };
  const Authority authority;
  const TlsMaterial client_material = authority.material(authority.leaf("client"));
  const TlsMaterial server_material = authority.material(authority.leaf("server"));
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 2; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->client =
        ClientContext::make(client_material, client_settings(), worker->library).value();
    worker->server =
        ServerContext::make(server_material, server_settings(), worker->library).value();
    workers.push_back(std::move(worker));
  }
  for (const auto& worker : workers) {
    worker->thread = std::thread([&w = *worker] {
      for (int i = 0; i < 20; ++i) {
        MeshPair pair(w.client, w.server);
        pair.client.greeting = "hello";
        pair.run();
        if (pair.server.story() == "ready, heard hello") ++w.handshakes;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    for (const auto& worker : workers) {
      EXPECT_TRUE(
          ClientContext::make(client_material, client_settings(), worker->library).has_value());
    }
  }
  for (const auto& worker : workers) {
    worker->thread.join();
    EXPECT_EQ(worker->handshakes, 20);
    EXPECT_EQ(worker->library->accepted().value(HandshakeResult::kOk), 20U);
  }
}

}  // namespace
}  // namespace weft::tls::testing
