// The start of a sidecar of the mesh, as text: what is put in is what is read out of it.

#include "sidecar/config/start_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sidecar/config/document.h"

namespace weft::config {
namespace {

using nlohmann::json;

StartFile some_start() {
  return {.title = "Start of a sidecar",
          .node_id = "sidecar~10.1.0.1~cart-a.shop~shop.svc.cluster.local",
          .cluster = "cart.shop",
          .admin = SocketAddress(IpAddress::v4(0x7f000001), 15000),
          .control_host = "weft-control.weft-system.svc",
          .control_port = 15012,
          .control_id = "spiffe://cluster.local/ns/weft-system/sa/weft-control",
          .trust_domain = "cluster.local",
          .name_space = "shop",
          .service_account = "cart",
          .workload = "cart-a",
          .canonical_service = "cart",
          .canonical_revision = "v1"};
}

json read(const StartFile& file) {
  const auto documents = parse_documents(write_start_file(file), "start.yaml");
  EXPECT_TRUE(documents) << documents.error().detail << "\n" << write_start_file(file);
  if (!documents || documents->size() != 1) return {};
  return json::parse(to_json(documents->front().root));
}

json mesh_of(const json& start) { return start["bootstrap_extensions"][0]["typed_config"]; }

TEST(StartFile, LeavesOutWhatThereIsNothingToSayOf) {
  const json start = read(some_start());
  EXPECT_FALSE(start["node"].contains("metadata"));
  for (const char* key : {"token_file", "trust_root_spki_sha256", "local_app_ports"}) {
    EXPECT_FALSE(mesh_of(start).contains(key)) << key;
  }
}

TEST(StartFile, SaysWhatItIsTold) {
  StartFile file = some_start();
  file.tells_admin = true;
  file.node = "node-1";
  file.token_file = "/var/run/token";
  file.roots_sha256 = {"aa", "bb"};
  file.app_ports = {8080, 9090};
  const json start = read(file);
  EXPECT_EQ(start["node"]["metadata"]["weft"]["admin"], "127.0.0.1:15000");
  EXPECT_EQ(start["node"]["metadata"]["weft"]["node"], "node-1");
  EXPECT_EQ(mesh_of(start)["token_file"], "/var/run/token");
  EXPECT_EQ(mesh_of(start)["trust_root_spki_sha256"], (json{"aa", "bb"}));
  EXPECT_EQ(mesh_of(start)["local_app_ports"], (json{8080, 9090}));
}

TEST(StartFile, LooksNamesUpAndTakesAddressesAsTheyAre) {
  const auto type_of = [](const std::string& host) {
    StartFile file = some_start();
    file.control_host = host;
    return read(file)["static_resources"]["clusters"][0]["type"];
  };
  EXPECT_EQ(type_of("weft-control.weft-system.svc"), "STRICT_DNS");
  EXPECT_EQ(type_of("10.96.0.7"), "STATIC");
  EXPECT_EQ(type_of("fd00::7"), "STATIC");
}

// A value is a value, whatever it holds: none becomes a key, a list or a second document.
TEST(StartFile, IsNotBrokenByWhatItsValuesHold) {
  for (const std::string text : {"a\"b", "a: b", "- a", "a\nadmin: {}", "{x}", "[", "# a", "a\\",
                                 "---\na: b", "null", "~", "\xc3\xa4", "\xff\x01"}) {
    StartFile file = some_start();
    file.title = file.cluster = file.zone = file.node = file.token_file = file.workload = text;
    const json start = read(file);
    if (text != "\xff\x01") {
      EXPECT_EQ(mesh_of(start)["workload"], text);
    }
    EXPECT_EQ(start.size(), read(some_start()).size()) << text;
    EXPECT_EQ(mesh_of(start)["trust_domain"], "cluster.local") << text;
  }
}

}  // namespace
}  // namespace weft::config
