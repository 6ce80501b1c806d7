// Versions and names of resources.
#include "xds/resource.h"

#include <gtest/gtest.h>

#include "tests/xds/text.h"
#include "xds/proto/route.pb.h"

namespace weft::xds {
namespace {

using envoy::config::core::v3::Metadata;

TEST(Resource, EqualContentHasOneVersionWhateverTheOrderOfItsMaps) {
  Metadata first;
  Metadata second;
  for (int at = 0; at < 50; ++at) (*first.mutable_filter_metadata())[std::to_string(at)];
  for (int at = 49; at >= 0; --at) (*second.mutable_filter_metadata())[std::to_string(at)];
  EXPECT_EQ(make_resource("a", first).version, make_resource("b", second).version);

  (*second.mutable_filter_metadata())["50"];
  EXPECT_NE(make_resource("a", first).version, make_resource("a", second).version);
}

TEST(Resource, AVersionIsTheSameOnEveryMachine) {
  EXPECT_EQ(version_of(""), "ef46db3751d8e999");
  const auto resource =
      make_resource("80", from_text<envoy::config::route::v3::RouteConfiguration>("name: '80'"));
  EXPECT_EQ(resource.name, "80");
  EXPECT_EQ(resource.version, version_of(std::string("\x0a\x02\x38\x30", 4)));
  EXPECT_EQ(resource.body.type_url(), kRouteType);
}

TEST(Resource, TheNameOfATypeFollowsTheLastSlash) {
  EXPECT_EQ(message_name(kListenerType), "envoy.config.listener.v3.Listener");
  EXPECT_EQ(message_name("a/b/c"), "c");
  EXPECT_EQ(message_name("c"), "c");
  EXPECT_EQ(message_name("c/"), "");
}

}  // namespace
}  // namespace weft::xds
