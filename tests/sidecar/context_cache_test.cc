// The TLS contexts of a worker over many Snapshots: kept while nothing changes, alike where only
// the peers differ.
#include "sidecar/context_cache.h"

#include <gtest/gtest.h>

#include "tests/mesh/pair.h"

namespace weft::sidecar {
namespace {

class Contexts : public ::testing::Test {
 protected:
  using Cluster = std::shared_ptr<const config::ClusterConfig>;

  [[nodiscard]] Cluster to(const std::string& name) const {
    auto config = std::make_shared<config::ClusterConfig>();
    config->name = name;
    config->tls.emplace();
    config->tls->material = material;
    config->tls->settings.alpn = {"h2"};
    config->tls->settings.peer_names = {{.value = "spiffe://cluster.local/ns/shop/sa/" + name}};
    config->tls->settings.server_name = name + ".shop";
    return config;
  }
  void publish(const std::vector<Cluster>& clusters) {
    auto next = std::make_shared<config::Snapshot>();
    for (const Cluster& one : clusters) next->clusters[one->name] = {one, nullptr};
    contexts = cache.make(*next);
    snapshot = next;
  }
  [[nodiscard]] std::shared_ptr<const tls::ClientContext> of(const Cluster& cluster) const {
    const auto found = contexts->clients.find(&*cluster->tls);
    return found == contexts->clients.end() ? nullptr : found->second;
  }

  mesh_test::Authority authority{"cluster.local"};
  std::shared_ptr<const TlsMaterial> material =
      std::make_shared<const TlsMaterial>(authority.material("web"));
  ContextCache cache{tls::Library::make()};
  std::shared_ptr<const config::Snapshot> snapshot;
  std::shared_ptr<const upstream::TlsContexts> contexts;
};

TEST_F(Contexts, StayWhileTheirReferenceStays) {
  const Cluster cart = to("cart");
  const Cluster till = to("till");
  publish({cart, till});
  const auto before = of(cart);
  ASSERT_NE(before, nullptr);
  publish({cart});
  EXPECT_EQ(of(cart), before);
  EXPECT_EQ(of(till), nullptr);
  publish({cart, to("till")});
  EXPECT_EQ(of(cart), before);
}

TEST_F(Contexts, OfAThousandPeersShareWhatIsOpenssls) {
  std::vector<Cluster> many;
  for (int i = 0; i < 1000; ++i) many.push_back(to("s" + std::to_string(i)));
  publish(many);
  const tls::Context* base = nullptr;
  for (const Cluster& one : many) {
    const auto context = of(one);
    ASSERT_NE(context, nullptr);
    EXPECT_EQ(context->server_name(), one->name + ".shop");
    const tls::Context* own = context->base() == nullptr ? context.get() : context->base().get();
    if (base == nullptr) base = own;
    EXPECT_EQ(own, base);
  }
  // Also when the one that the others are like has gone.
  std::erase_if(many, [&](const Cluster& one) { return of(one).get() == base; });
  ASSERT_EQ(many.size(), 999U);
  publish(many);
  const Cluster late = to("late");
  many.push_back(late);
  publish(many);
  EXPECT_EQ(of(late)->base().get(), base);
}

TEST_F(Contexts, ShareNothingWhereMoreThanThePeerDiffers) {
  const Cluster cart = to("cart");
  auto other = std::make_shared<config::ClusterConfig>(*to("other"));
  other->tls->settings.alpn = {"http/1.1"};
  auto rotated = std::make_shared<config::ClusterConfig>(*to("rotated"));
  rotated->tls->material = std::make_shared<const TlsMaterial>(authority.material("web-2"));
  publish({cart, other, rotated});
  EXPECT_EQ(of(cart)->base(), nullptr);
  EXPECT_EQ(of(other)->base(), nullptr);
  EXPECT_EQ(of(rotated)->base(), nullptr);
  EXPECT_NE(of(rotated)->version(), of(cart)->version());
}

TEST_F(Contexts, ThereAreNoneWithoutMaterial) {
  auto waits = std::make_shared<config::ClusterConfig>(*to("cart"));
  waits->tls->material = nullptr;
  publish({waits});
  EXPECT_EQ(of(waits), nullptr);
}

}  // namespace
}  // namespace weft::sidecar
