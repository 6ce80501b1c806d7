// weft.config.v1.NameTable: what is taken and what is refused, each by its field.

#include <gtest/gtest.h>

#include "xds/from_proto.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::xds {
namespace {

weft::config::v1::NameTable table_of(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& entries) {
  weft::config::v1::NameTable table;
  table.set_zone("shop.svc.cluster.local");
  for (const auto& [name, addresses] : entries) {
    auto& entry = *table.add_entries();
    entry.set_name(name);
    for (const std::string& address : addresses) entry.add_addresses(address);
  }
  return table;
}

std::string why_no_names(const weft::config::v1::NameTable& table) {
  Findings findings;
  const auto read = names_from_proto(table, {}, findings);
  return read ? "taken" : read.error().detail;
}

TEST(NameTables, AreReadByTheirZone) {
  const auto table = table_of({{"cart", {"10.96.0.1", "fd96::1"}}, {"db-0.db", {"10.1.0.5"}}});
  const Resource resource = make_resource(table.zone(), table);
  Findings findings;
  const auto decoded = decode(resource.body, {.unknown = UnknownFields::kRefuse}, findings);
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(name_of(*decoded), "shop.svc.cluster.local");
  const auto& read = std::get<NameTable>(*decoded);
  EXPECT_EQ(read.version, resource.version);
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(read.entries[0].name, "cart");
  EXPECT_EQ(read.entries[0].addresses,
            (std::vector<IpAddress>{*IpAddress::parse("10.96.0.1"), *IpAddress::parse("fd96::1")}));
  EXPECT_EQ(read.entries[1].name, "db-0.db");
}

TEST(NameTables, AreRefusedByTheField) {
  EXPECT_EQ(why_no_names(table_of({{"cart", {}}})), "entries[0].addresses: needs at least 1 item");
  EXPECT_EQ(why_no_names(table_of({{"cart", {"10.0.0.1"}}, {"web", {"10.0.0.1", "ten"}}})),
            "entries[1].addresses[1]: 'ten' is no address of a machine");
  EXPECT_EQ(why_no_names(table_of({{"cart", {"0.0.0.0"}}})),
            "entries[0].addresses[0]: '0.0.0.0' is no address of a machine");
  EXPECT_EQ(why_no_names(table_of({{"cart", {"10.0.0.1"}}, {"cart", {"10.0.0.2"}}})),
            "entries[1].name: 'cart' is there already");
  for (const char* name : {"Cart", "a..b", ".a", "a.", "a.b.c", "a b", "a\nb"}) {
    EXPECT_NE(why_no_names(table_of({{name, {"10.0.0.1"}}})).find("entries[0].name: "),
              std::string::npos)
        << name;
  }
  auto nowhere = table_of({{"cart", {"10.0.0.1"}}});
  nowhere.set_zone("Shop");
  EXPECT_EQ(why_no_names(nowhere), "zone: 'Shop' is no name in lower case");
  nowhere.set_zone("");
  EXPECT_NE(why_no_names(nowhere).find("zone: must not be empty"), std::string::npos);
}

TEST(NameTables, HaveAnEnd) {
  weft::config::v1::NameTable table = table_of({{"cart", {}}});
  for (int i = 0; i < 1001; ++i) table.mutable_entries(0)->add_addresses("10.0.0.1");
  EXPECT_NE(why_no_names(table).find("entries[0].addresses: "), std::string::npos);
}

}  // namespace
}  // namespace weft::xds
