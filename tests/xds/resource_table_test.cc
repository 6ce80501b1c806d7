#include "xds/resource_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weft::xds {
namespace {

ResourceTable::Pointer table_resource(const std::string& name, const std::string& version = "1") {
  auto out = std::make_shared<Resource>();
  out->name = name;
  out->version = version;
  return out;
}

std::string table_text(const ResourceTable& table) {
  std::string out;
  for (const auto& [name, resource] : table) out += name + "=" + resource->version + " ";
  return out;
}

TEST(ResourceTable, IsSortedAndTheLastOfANameCounts) {
  const ResourceTable table({table_resource("b"), table_resource("c"), table_resource("a"),
                             table_resource("b", "2"), table_resource("a", "3")});
  EXPECT_EQ(table_text(table), "a=3 b=2 c=1 ");
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.at("b")->version, "2");
  EXPECT_EQ(table.find("b")->first, "b");
  EXPECT_EQ(table.find("bb"), table.end());
  EXPECT_FALSE(table.contains(""));
  EXPECT_TRUE(ResourceTable().empty());
  EXPECT_EQ(ResourceTable().find("a"), ResourceTable().end());
}

TEST(ResourceTable, IsEqualWhenItHoldsTheSameObjects) {
  const auto a = table_resource("a");
  const auto b = table_resource("b");
  EXPECT_EQ(ResourceTable({a, b}), ResourceTable({b, a}));
  EXPECT_FALSE(ResourceTable({a, b}) == ResourceTable({a, table_resource("b")}));
  EXPECT_FALSE(ResourceTable({a, b}) == ResourceTable({a}));
}

}  // namespace
}  // namespace weft::xds
