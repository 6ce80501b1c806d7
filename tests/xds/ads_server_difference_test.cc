// What of a new set a stream has not been told yet is found in two ways, by looking names up or by
// walking both tables: they find the same.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "sidecar/core/random.h"
#include "tests/xds/ads_text.h"
#include "xds/server_state.h"

namespace weft::xds {
namespace {

using testing::full_name;
using testing::resource;
using testing::response_text;
using testing::type_url;

namespace discovery = envoy::service::discovery::v3;

// A delta stream that answers everything and wants some names of one type.
class Stream final {
 public:
  explicit Stream(const std::vector<std::string>& names) {
    discovery::DeltaDiscoveryRequest request;
    request.set_type_url(type_url("Endpoints"));
    for (const std::string& name : names) request.add_resource_names_subscribe(name);
    EXPECT_TRUE(state_.on_request(request));
  }
  // "a=text", "-b": what it is told of the set.
  std::set<std::string> told(const std::shared_ptr<const ResourceSet>& set) {
    state_.on_resources(set);
    std::set<std::string> out;
    while (const auto bytes = state_.next_response()) {
      discovery::DeltaDiscoveryResponse response;
      EXPECT_TRUE(response.ParseFromString(*bytes));
      std::istringstream words(response_text(Variant::kDelta, *bytes));
      std::string word;
      words >> word >> word;  // type and nonce
      while (words >> word) out.insert(word);
      discovery::DeltaDiscoveryRequest answer;
      answer.set_type_url(type_url("Endpoints"));
      answer.set_response_nonce(response.nonce());
      EXPECT_TRUE(state_.on_request(answer));
    }
    return out;
  }

 private:
  ServerState state_{Variant::kDelta, "weft"};
};

TEST(AdsServerDifference, IsTheSameForManyNamesAsForEachAlone) {
  constexpr std::size_t kNames = 40;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kNames; ++i) names.push_back("n" + std::to_string(i));
    Stream many({names.begin(), names.end() - 3});  // and some that it does not want
    std::vector<Stream> alone;
    for (std::size_t i = 0; i + 3 < kNames; ++i) alone.emplace_back(std::vector{names[i]});
    std::map<std::string, std::string> texts;
    std::shared_ptr<const ResourceSet> set;
    std::size_t differences = 0;
    for (std::uint64_t generation = 1; generation <= 12; ++generation) {
      for (const std::string& name : names) {
        if (generation > 1 && random.below(5) != 0) continue;
        const std::uint64_t form = random.below(4);
        texts.erase(name);
        if (form < 3) texts[name] = std::to_string(form);
      }
      std::vector<Resource> resources;
      for (const auto& [name, text] : texts) resources.push_back(resource("Endpoints", name, text));
      set = make_resource_set(generation, std::move(resources), set.get());
      std::set<std::string> together;
      for (Stream& one : alone) together.merge(one.told(set));
      ASSERT_EQ(many.told(set), together) << "generation " << generation;
      if (generation > 1) differences += together.size();
    }
    EXPECT_GT(differences, 0u);
  }
}

}  // namespace
}  // namespace weft::xds
