// The layering of the house as data: which room may include which, and which library lives where.
//
// The table below is the drawing of README.md. The test reads every #include of every header and
// source in the rooms and fails with file, line and the allowed list. Tests are outside the table.
// To add a library or a room, change the table and the drawing in the same commit.

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/source_text.h"

namespace weft::house {
namespace {

struct Library {
  std::string_view name;
  std::vector<std::string_view> headers;  // a folder ends in '/'; everything else is a whole name
};

const std::vector<Library>& libraries() {
  static const std::vector<Library> table = {
      {"fmt", {"fmt/"}},
      {"spdlog", {"spdlog/"}},
      {"tl::expected", {"tl/"}},
      {"libuv", {"uv.h", "uv/"}},
      {"c-ares",
       {"ares.h", "ares_dns.h", "ares_version.h", "ares_build.h", "ares_rules.h",
        "ares_nameser.h"}},
      {"OpenSSL", {"openssl/"}},
      {"nghttp2", {"nghttp2/"}},
      {"protobuf", {"google/protobuf/"}},
      {"RE2", {"re2/"}},
      {"yaml-cpp", {"yaml-cpp/"}},
      {"nlohmann/json", {"nlohmann/"}},
      {"CLI11", {"CLI/"}},
  };
  return table;
}

// Headers of the system that any room may use. C++'s own have neither a dot nor a slash.
const std::vector<std::string_view>& system_headers() {
  static const std::vector<std::string_view> table = {
      "sys/",       "netinet/", "arpa/",       "net/if.h",    "linux/",     "sanitizer/",
      "unistd.h",   "fcntl.h",  "poll.h",      "netdb.h",     "signal.h",   "pthread.h",
      "sched.h",    "time.h",   "errno.h",     "stdio.h",     "stdlib.h",   "string.h",
      "dirent.h",   "pwd.h",    "grp.h",       "malloc.h",    "spawn.h",    "termios.h",
      "execinfo.h", "link.h",   "emmintrin.h", "immintrin.h", "arm_neon.h", "endian.h",
      "ifaddrs.h"};
  return table;
}

struct Room {
  std::string_view folder;
  bool with_folders_below = false;  // files in folders below belong to the room as well
  std::vector<std::string_view> rooms;
  std::vector<std::string_view> libraries;
};

// A room may always include itself. fmt and tl::expected are the ground's and open to all.
const std::vector<Room>& rooms() {
  static const std::vector<Room> table = {
      {.folder = "sidecar/core", .libraries = {"spdlog"}},
      {.folder = "sidecar/net", .rooms = {"sidecar/core"}, .libraries = {"libuv", "c-ares"}},
      {.folder = "tls", .rooms = {"sidecar/core"}, .libraries = {"OpenSSL"}},
      {.folder = "sidecar/http", .rooms = {"sidecar/core"}},
      {.folder = "telemetry",
       .rooms = {"sidecar/core", "telemetry/proto"},
       .libraries = {"protobuf"}},
      {.folder = "telemetry/proto", .libraries = {"protobuf"}},
      {.folder = "sidecar/config",
       .rooms = {"sidecar/core", "sidecar/http"},
       .libraries = {"RE2", "yaml-cpp", "nlohmann/json"}},
      {.folder = "sidecar/upstream",
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config"}},
      {.folder = "xds",
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config", "xds/proto"},
       .libraries = {"protobuf"}},
      {.folder = "xds/proto", .libraries = {"protobuf"}},
      {.folder = "sidecar/proxy",
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config", "sidecar/upstream"},
       .libraries = {"nlohmann/json"}},
      {.folder = "sidecar/redirect", .rooms = {"sidecar/core"}},
      {.folder = "sidecar/dns", .rooms = {"sidecar/core"}},
      {.folder = "sidecar",
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config", "sidecar/upstream", "sidecar/proxy", "sidecar/redirect",
                 "sidecar/dns", "xds"},
       .libraries = {"nlohmann/json", "CLI11"}},
      {.folder = "control",
       .with_folders_below = true,
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config", "xds", "control/planner"},
       .libraries = {"nlohmann/json", "CLI11"}},
      {.folder = "control/planner",
       .with_folders_below = true,
       .rooms = {"sidecar/core", "sidecar/net", "tls", "sidecar/http", "telemetry",
                 "sidecar/config", "xds", "xds/proto", "control"},
       .libraries = {"protobuf"}},
  };
  return table;
}

const std::vector<std::string_view> kOpenToAll = {"fmt", "tl::expected"};
const std::vector<std::string_view> kTops = {"sidecar/", "control/", "xds/", "tls/", "telemetry/"};

bool contains(const std::vector<std::string_view>& list, std::string_view what) {
  return std::ranges::find(list, what) != list.end();
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

// The room a file belongs to: its own folder, or the nearest folder above whose room reaches down.
const Room* room_of(std::string_view path) {
  const std::string_view home = folder_of(path);
  for (std::string_view folder = home; !folder.empty(); folder = folder_of(folder)) {
    const auto room = std::ranges::find(rooms(), folder, &Room::folder);
    if (room == rooms().end()) continue;
    return folder == home || room->with_folders_below ? &*room : nullptr;
  }
  return nullptr;
}

bool any_matches(const std::vector<std::string_view>& headers, std::string_view path) {
  return std::ranges::any_of(headers, [path](std::string_view header) {
    return header.ends_with('/') ? path.starts_with(header) : path == header;
  });
}

const Library* library_of(std::string_view path) {
  const auto found = std::ranges::find_if(
      libraries(), [path](const Library& library) { return any_matches(library.headers, path); });
  return found == libraries().end() ? nullptr : &*found;
}

bool is_ours(std::string_view path) {
  return std::ranges::any_of(kTops, [path](std::string_view top) { return path.starts_with(top); });
}

bool is_of_the_system(std::string_view path) {
  return path.find_first_of("./") == std::string_view::npos || any_matches(system_headers(), path);
}

std::string joined(const std::vector<std::string_view>& list) {
  std::string text;
  for (const std::string_view item : list) text += (text.empty() ? "" : ", ") + std::string(item);
  return text.empty() ? "nothing" : text;
}

struct Include {
  std::string_view path;
  bool quoted = false;
};

// The argument of an #include line; an empty path when it is neither "…" nor <…>.
std::optional<Include> include_of(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with('#')) return std::nullopt;
  line = trimmed(line.substr(1));
  if (!line.starts_with("include")) return std::nullopt;
  line = trimmed(line.substr(7));
  const bool quoted = line.starts_with('"');
  if (!quoted && !line.starts_with('<')) return Include{};
  const std::size_t end = line.find(quoted ? '"' : '>', 1);
  if (end == std::string_view::npos) return Include{};
  return Include{.path = line.substr(1, end - 1), .quoted = quoted};
}

// What is wrong with this include in this room; empty when nothing is.
std::string objection(const Room& room, const Include& include) {
  const std::string path(include.path);
  if (path.empty()) return "an #include names a file in \"…\" or <…>";
  if (is_ours(path)) {
    if (!include.quoted) return "<" + path + ">: our own headers go in quotes";
    const Room* other = room_of(path);
    if (other == nullptr) return path + ": its folder is not a room of the house";
    if (other->folder == room.folder || contains(room.rooms, other->folder)) return {};
    return path + ": " + std::string(room.folder) + " may include of ours: " + joined(room.rooms);
  }
  if (include.quoted) return "\"" + path + "\": write the path from the top of the tree";
  if (is_of_the_system(path)) return {};
  const Library* library = library_of(path);
  if (library == nullptr) return "<" + path + ">: this library is not in the table of the house";
  if (contains(kOpenToAll, library->name) || contains(room.libraries, library->name)) return {};
  return "<" + path + ">: " + std::string(library->name) + " does not live in " +
         std::string(room.folder) + ", whose libraries are: " + joined(room.libraries);
}

std::vector<Finding> check_layers(const File& file) {
  const Room* room = room_of(file.path);
  if (room == nullptr) return {{file.path, 1, "its folder is not a room of the house"}};
  std::vector<Finding> findings;
  const std::string code = without_comments(file.text);
  const std::vector<std::string_view> lines = split_lines(code);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::optional<Include> include = include_of(lines[i]);
    if (!include) continue;
    if (std::string what = objection(*room, *include); !what.empty()) {
      findings.push_back({file.path, i + 1, std::move(what)});
    }
  }
  return findings;
}

std::string checked(std::string path, std::string text) {
  return report(check_layers({.path = std::move(path), .text = std::move(text)}));
}

// ---- the house itself ----

TEST(Layers, EveryIncludeIsAllowedByTheDrawing) {
  const std::vector<File> files =
      read_tree(WEFT_SOURCE_DIR, {kTops.begin(), kTops.end()}, {".h", ".cc"});
  std::string problems;
  for (const File& file : files) problems += report(check_layers(file));
  EXPECT_EQ(problems, "");
}

TEST(Layers, TheTableNamesOnlyRoomsAndLibrariesThatItDefines) {
  for (const Room& room : rooms()) {
    for (const std::string_view other : room.rooms) {
      EXPECT_NE(std::ranges::find(rooms(), other, &Room::folder), rooms().end()) << other;
    }
    for (const std::string_view library : room.libraries) {
      EXPECT_NE(std::ranges::find(libraries(), library, &Library::name), libraries().end())
          << library;
    }
  }
}

// ---- the check, on samples ----

TEST(LayersCheck, LetsARoomIncludeItselfAndWhatIsBelow) {
  EXPECT_EQ(checked("sidecar/net/socket.cc",
                    "#include \"sidecar/net/socket.h\"\n#include <uv.h>\n#include <sys/socket.h>\n"
                    "#include <vector>\n#include \"sidecar/core/buffer.h\"\n"),
            "");
}

TEST(LayersCheck, RefusesTheRoomAboveWithFileLineAndTheAllowedList) {
  EXPECT_EQ(checked("sidecar/net/socket.h", "#pragma once\n\n#include \"sidecar/http/codec.h\"\n"),
            "sidecar/net/socket.h:3: sidecar/http/codec.h: sidecar/net may include of ours: "
            "sidecar/core\n");
}

TEST(LayersCheck, CoreMayIncludeNothingOfOurs) {
  EXPECT_EQ(checked("sidecar/core/log.cc", "#include \"tls/stream.h\"\n"),
            "sidecar/core/log.cc:1: tls/stream.h: sidecar/core may include of ours: nothing\n");
}

TEST(LayersCheck, KeepsEachLibraryInItsRoom) {
  EXPECT_EQ(checked("sidecar/http/a.cc", "#include <openssl/ssl.h>\n"),
            "sidecar/http/a.cc:1: <openssl/ssl.h>: OpenSSL does not live in sidecar/http, whose "
            "libraries are: nothing\n");
  EXPECT_NE(checked("control/model/a.cc", "#include <yaml-cpp/yaml.h>\n"), "");
  EXPECT_EQ(checked("sidecar/config/document.cc", "#include <yaml-cpp/yaml.h>\n"), "");
}

TEST(LayersCheck, KnowsTheGroundIsOpenToAll) {
  EXPECT_EQ(checked("tls/a.cc", "#include <fmt/format.h>\n#include <tl/expected.hpp>\n"), "");
  EXPECT_NE(checked("tls/a.cc", "#include <spdlog/spdlog.h>\n"), "");
}

TEST(LayersCheck, GivesTheGeneratedMessagesToThePlannerButNotToTheRestOfControl) {
  const std::string include = "#include \"xds/proto/cluster.pb.h\"\n";
  EXPECT_EQ(checked("control/planner/clusters.cc", include), "");
  EXPECT_NE(checked("control/sources/yaml_directory.cc", include), "");
  EXPECT_NE(checked("sidecar/publisher.cc", include), "");
  EXPECT_NE(checked("xds/a.cc", "#include \"telemetry/proto/trace.pb.h\"\n"), "");
}

TEST(LayersCheck, ControlNeverSeesTheProxy) {
  EXPECT_NE(checked("control/control.cc", "#include \"sidecar/proxy/exchange.h\"\n"), "");
  EXPECT_NE(checked("control/cli/status.cc", "#include \"sidecar/upstream/pool.h\"\n"), "");
  EXPECT_NE(checked("sidecar/proxy/exchange.cc", "#include \"xds/ads_client.h\"\n"), "");
}

TEST(LayersCheck, RefusesAFolderThatIsNoRoom) {
  EXPECT_EQ(checked("sidecar/util/a.h", "#include <vector>\n"),
            "sidecar/util/a.h:1: its folder is not a room of the house\n");
  EXPECT_NE(checked("sidecar/sidecar.cc", "#include \"sidecar/util/a.h\"\n"), "");
}

TEST(LayersCheck, RefusesAnUnknownLibraryAShortPathAndTheWrongBrackets) {
  EXPECT_NE(checked("sidecar/http/a.cc", "#include <boost/asio.hpp>\n"), "");
  EXPECT_NE(checked("sidecar/http/a.cc", "#include \"codec.h\"\n"), "");
  EXPECT_NE(checked("sidecar/http/a.cc", "#include <sidecar/core/buffer.h>\n"), "");
  EXPECT_NE(checked("sidecar/http/a.cc", "#include SOME_MACRO\n"), "");
}

TEST(LayersCheck, ReadsOddlyWrittenIncludesAndSkipsCommentedOnes) {
  EXPECT_NE(checked("sidecar/http/a.cc", "  #  include   <uv.h> // why\n"), "");
  EXPECT_NE(checked("sidecar/http/a.cc", "#include<uv.h>\n"), "");
  EXPECT_EQ(checked("sidecar/http/a.cc", "// #include <uv.h>\n/*\n#include <uv.h>\n*/\n"), "");
}

}  // namespace
}  // namespace weft::house
