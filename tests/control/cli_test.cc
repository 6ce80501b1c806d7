// The command line's pages: what people read.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "control/authority.h"
#include "control/cli/command.h"
#include "control/cli/destinations.h"
#include "control/cli/lint.h"
#include "control/cli/sidecar_config.h"
#include "control/cli/status.h"
#include "control/cli/table.h"
#include "control/cli/traces.h"
#include "control/mesh_page.h"
#include "control/planner/planner.h"
#include "control/sources/yaml_directory.h"
#include "tests/control/objects.h"
#include "tests/control/temporary_directory.h"
#include "tls/csr.h"
#include "xds/bootstrap.h"

namespace weft::control::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kMesh = R"(
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-a, namespace: shop, labels: {app: cart, version: v1}}
spec: {address: 127.5.1.1, serviceAccount: cart, ports: [{name: http, port: 8080, appPort: 9001}], locality: {zone: a}}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-b, namespace: shop, labels: {app: cart, version: v2}}
spec: {address: 127.5.1.2, ports: [{name: http, port: 8080, appPort: 9002}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-c, namespace: shop, labels: {app: cart}}
spec: {address: 127.5.1.3, ports: [{name: http, port: 8080, appPort: 9003}]}
)";

TEST(Table, AlignsByCharactersAndLeavesNoSpaceAtTheEnd) {
  Table table({"A", "B"});
  table.add({"long", "x"});
  table.add({"\xc3\xa4", "y"});
  EXPECT_EQ(table.text(), "A     B\nlong  x\n\xc3\xa4     y\n");
}

TEST(Status, ShowsWhoHasWhatAndWhatIsWrong) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = kMesh}});
  registry.set_files(
      {{.name = "a.yaml", .text = kMesh},
       {.name = "b.yaml",
        .text = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 0}]}\n"},
       {.name = "c.yaml",
        .text =
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, "
            "namespace: shop}\nspec: {parentRefs: [{group: \"\", kind: Service, name: nope}]}\n"}});
  ASSERT_EQ(registry.mesh()->generation, 2u);
  std::vector<ClientReport> clients;
  clients.push_back({.node = "sidecar~…",
                     .workload = "shop/cart-a",
                     .address = "127.5.1.1:4000",
                     .admin = "127.5.1.1:15000",
                     .generation = 2,
                     .since_answer = seconds(4)});
  clients.push_back({.node = "sidecar~…",
                     .workload = "shop/cart-b",
                     .address = "127.5.1.2:4000",
                     .generation = 1,
                     .refused = {{"Cluster", "outbound|80||x: connect_timeout: is -1s"}},
                     .since_answer = seconds(300)});
  clients.push_back({.node = "grpc", .address = "127.0.0.1:5"});
  const std::string page = make_mesh_page({registry, clients, "", ""});
  const auto status = make_status_page(page);
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_FALSE(status->well);
  EXPECT_EQ(status->text,
            "mesh cluster.local, generation 2: 2 of 3 sidecars connected, 1 current, 1 gRPC client "
            "without one\n"
            "\n"
            "SIDECAR      ADDRESS    STATE    GENERATION  LAST ANSWER  REFUSED\n"
            "shop/cart-a  127.5.1.1  current  2           4s           -\n"
            "shop/cart-b  127.5.1.2  behind   1           5m           1\n"
            "shop/cart-c  127.5.1.3  missing  -           -            -\n"
            "\n"
            "ROUTE             PARENT  ACCEPTED          RESOLVED  GENERATION  MESSAGE\n"
            "HTTPRoute shop/r  nope    NoMatchingParent  yes       2           there is no Service "
            "shop/nope\n"
            "\n"
            "refused by shop/cart-b: Cluster: outbound|80||x: connect_timeout: is -1s\n"
            "\n"
            "error: b.yaml:4:23: spec.ports[0].port: want a number from 1 to 65535, found 0\n"
            "warning: HTTPRoute shop/r: there is no Service shop/nope (NoMatchingParent)\n");
}

TEST(Status, IsWellWhenAllAreCurrent) {
  Registry registry;
  registry.set_files(
      {{.name = "a.yaml",
        .text = "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: a}\nspec: "
                "{address: 127.5.1.1}\n"}});
  const auto status = make_status_page(make_mesh_page(
      {registry, {{.node = "n", .workload = "default/a", .generation = 1}}, "", ""}));
  EXPECT_TRUE(status->well);
  EXPECT_FALSE(make_status_page("hello"));
  EXPECT_FALSE(make_status_page("[]"));
  EXPECT_TRUE(make_status_page("{\"sidecars\":[1,{\"refused\":3}],\"problems\":7}"));
}

TEST(MeshPage, BearsWhateverAClientSays) {
  Registry registry;
  const std::string page =
      make_mesh_page({registry,
                      {{.node = "\xff\xfe\"", .refused = {{"T\n", std::string("\0\x80", 2)}}}},
                      "gone",
                      "full"});
  EXPECT_TRUE(make_status_page(page));
  EXPECT_NE(make_config_page(registry).find("\"objects\": []"), std::string::npos);
}

TEST(Lint, SaysWhatIsWrongMissingAndWithoutEffect) {
  const LintReport report = lint(
      {{.name = "a.yaml",
        .text = kMesh +
                "---\napiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: shop}\nspec: "
                "{trafficDistribution: PreferSameNode, ports: [{port: x}]}\n"},
       {.name = "r.yaml",
        .text =
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, "
            "namespace: "
            "shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n  rules:\n  - "
            "backendRefs: [{name: nope, port: 80}]\n"}});
  EXPECT_EQ(report.text(false),
            "error: a.yaml:25:60: spec.ports[0].port: want a whole number, found 'x'\n"
            "warning: r.yaml:1: HTTPRoute shop/r: rules[0].backendRefs[0]: there is no Service "
            "shop/nope (BackendNotFound)\n"
            "note: a.yaml:25:29: spec.trafficDistribution: works as PreferSameZone\n"
            "2 files, 5 objects, 1 error, 1 warning\n");
  EXPECT_EQ(lint({}).text(true), "");
}

// ---- examples ----

// k8s/examples in order of names, start files of single sidecars apart.
std::vector<SourceFile> examples(const std::string& folder) {
  std::vector<SourceFile> out;
  const std::string top = std::string(WEFT_SOURCE_DIR) + "/k8s/examples" + folder;
  for (const auto& entry : std::filesystem::directory_iterator(top)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.starts_with("sidecar-")) continue;
    out.push_back(YamlDirectory::read_all(entry.path().string()).value().front());
  }
  std::ranges::sort(out, {}, &SourceFile::name);
  return out;
}

// Good without a word, and every sidecar takes what it is told.
void expect_good(const std::vector<SourceFile>& files, const std::string& what) {
  EXPECT_EQ(lint(files).text(true), "") << what;
  Registry registry;
  registry.set_files(files);
  Planner planner(registry.mesh());
  int sidecars = 0;
  for (const auto& [name, workload] : registry.mesh()->workloads) {
    if (!workload->sidecar) continue;
    ++sidecars;
    const auto set = planner.plan(Node::parse(Node::make_id(workload->address.to_string(), name)));
    EXPECT_EQ(set->types.size(), workload->redirected ? 6u : 5u) << "names for the pod's DNS";
    EXPECT_EQ(testing::judge(*set), "") << what << " for " << name.to_string();
  }
  EXPECT_GT(sidecars, 0) << what;
}

TEST(Examples, AreGoodTogetherAndPlanned) { expect_good(examples(""), "all"); }

TEST(Examples, OfMoreAreGoodEachBesideTheShop) {
  const auto shop = examples("");
  const auto more = examples("/more");
  EXPECT_GE(more.size(), 4u);
  for (const SourceFile& file : more) {
    auto together = shop;
    // These take canary.yaml's place.
    const auto is = [&](const char* name) { return file.name.ends_with(name); };
    if (is("/match.yaml") || is("/canary-istio.yaml") || is("/session.yaml") ||
        is("/mirror-cors.yaml") || is("/policy-priority.yaml") || is("/flagger.yaml") ||
        is("/policy-empty-backend.yaml") || is("/retry-budget.yaml")) {
      std::erase_if(together, [](const auto& one) { return one.name.ends_with("/canary.yaml"); });
    }
    // A MeshConfig of its own: there is one in a mesh.
    if (is("/scope.yaml")) together.clear();
    together.push_back(file);
    expect_good(together, file.name);
  }
}

// ---- commands, as they are typed ----

struct Typed {
  int code = 0;
  std::string out;
  std::string err;
};

Typed type(std::vector<std::string> words) {
  CLI::App app("weft");
  Outcome outcome;
  add_status(app, outcome);
  add_lint(app, outcome);
  add_explain(app, outcome);
  add_route(app, outcome);
  add_token(app, outcome);
  add_traces(app, outcome);
  add_breakers(app, outcome);
  add_endpoints(app, outcome);
  add_sidecar_config(app, outcome);
  add_version(app, outcome);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::ranges::reverse(words);  // as CLI11 wants them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    outcome.code = app.exit(error) == 0 ? kOk : kFailed;
  }
  Typed out{.code = outcome.code};
  out.out = ::testing::internal::GetCapturedStdout();
  out.err = ::testing::internal::GetCapturedStderr();
  return out;
}

TEST(Commands, LintADirectoryByFileLineAndColumn) {
  const control::testing::TemporaryDirectory directory;
  directory.write("shop/good.yaml", kMesh);
  EXPECT_EQ(type({"lint", directory.path(), "-q"}).code, kOk);
  directory.write("shop/bad.yaml",
                  "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {port: 1}\n"
                  "---\na: [\n");
  const Typed bad = type({"lint", directory.path()});
  EXPECT_EQ(bad.code, kNotWell);
  const std::string file = directory.path() + "/shop/bad.yaml";
  EXPECT_EQ(bad.out, "error: " + file + ":4:8: spec.port: unknown field\n" +  //
                         "error: " + file + ":7:1: end of sequence flow not found\n" +
                         "2 files, 4 objects, 2 errors, 0 warnings\n");
  directory.remove("shop/bad.yaml");
  directory.write("route.yaml",
                  "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n"
                  "spec: {parentRefs: [{group: \"\", kind: Service, name: nope}]}\n");
  EXPECT_EQ(type({"lint", directory.path()}).code, kOk);
  EXPECT_EQ(type({"lint", "--strict", directory.path()}).code, kNotWell);
  EXPECT_EQ(type({"lint", directory / "nope"}).code, kFailed);
  EXPECT_EQ(type({"lint"}).code, kFailed);
}

TEST(Commands, CreateATokenThatTheAuthorityTakes) {
  const control::testing::TemporaryDirectory directory;
  const std::string state = directory / "state";
  const Typed made = type({"token", "create", "--namespace", "shop", "--service-account", "cart",
                           "--ttl", "10m", "--state-dir", state});
  EXPECT_EQ(made.code, kOk) << made.err;
  Authority authority = Authority::open({.state_dir = state}).value();
  const tls::Key key = tls::Key::generate().value();
  const auto id = SpiffeId::make("cluster.local", "shop", "cart").value();
  const std::string token = made.out.substr(0, made.out.size() - 1);
  EXPECT_TRUE(authority.sign(tls::make_csr(key, id).value(), {}, {.token = token}));
  EXPECT_EQ(type({"token", "create", "--ttl", "10", "--state-dir", state}).code, kFailed);
  EXPECT_EQ(type({"token", "create", "--ttl", "1s", "--state-dir", state}).err,
            "weft: a token lasts 10s to 8760h, not 1s\n");
  EXPECT_EQ(type({"token", "create"}).code, kFailed);
}

TEST(Commands, PrintAStartFileOnlyForASidecarThatIsThere) {
  const control::testing::TemporaryDirectory directory;
  directory.write("shop.yaml", kMesh);
  const auto config = [&](const std::string& workload) {
    return type({"sidecar-config", "--workload", workload, "--config-dir", directory.path()});
  };
  EXPECT_EQ(config("shop/cart-a").code, kOk);
  const Typed none = config("shop/nobody");
  EXPECT_EQ(none.code, kFailed);
  EXPECT_EQ(none.err, "weft: there is no Workload shop/nobody in " + directory.path() + "\n");
}

TEST(Commands, SayWhenNobodyAnswers) {
  // Port 1 of this machine: nobody listens there.
  const Typed status = type({"status", "--control", "127.0.0.1:1"});
  EXPECT_EQ(status.code, kFailed);
  EXPECT_TRUE(status.err.starts_with("weft: weft-control at 127.0.0.1:1: ")) << status.err;
  EXPECT_EQ(type({"traces", "--control", "127.0.0.1:1"}).code, kFailed);
  EXPECT_EQ(type({"status", "--control", "nonsense"}).code, kFailed);
}

TEST(Commands, HaveAVersionAndHelp) {
  EXPECT_EQ(type({"version"}).out, "weft " WEFT_VERSION "\n");
  EXPECT_EQ(type({"lint", "--help"}).code, kOk);
  EXPECT_EQ(type({"dance"}).code, kFailed);
}

TEST(Printable, LeavesNothingThatATerminalWouldObey) {
  EXPECT_EQ(printable("a\x1b[2J\nb\xc2\x9b\x7f \xc3\xa4 \"q\""), "a?[2J?b?? \xc3\xa4 \"q\"");
}

// ---- start file, traces ----

TEST(SidecarConfig, IsReadByTheSidecar) {
  const auto mesh = testing::mesh_of(kMesh);
  for (const auto& [name, workload] : mesh->workloads) {
    const auto read = xds::parse_bootstrap(
        make_sidecar_config(*mesh, *workload,
                            {.control = SocketAddress::parse("127.0.0.1:15012").value(),
                             .token_file = "it's \"a\" token: #1"}),
        "cart.yaml", nullptr);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->notes, std::vector<std::string>());
    EXPECT_EQ(Node::parse(read->node_id).workload, name);
    EXPECT_EQ(read->ads->cluster, "weft-control");
    EXPECT_TRUE(read->ads->delta);
    EXPECT_EQ(read->mesh->ca_cluster, "weft-control");
    EXPECT_EQ(read->mesh->token_file, "it's \"a\" token: #1");
    EXPECT_EQ(read->mesh->id, mesh->identity_of(*workload));
  }
}

TEST(SidecarConfig, SaysWhoTheSidecarIsAndWhomItAsks) {
  const auto mesh = testing::mesh_of(kMesh);
  testing::expect_golden(
      "sidecar-config.yaml",
      make_sidecar_config(*mesh, *mesh->workloads.at({"shop", "cart-a"}),
                          {.control = SocketAddress::parse("127.0.0.1:15012").value(),
                           .token_file = "cart.token"}));
}

TEST(Traces, AreJoinedIntoTreesNewestFirst) {
  const std::string web =
      R"({"traces":[{"trace_id":"aa","spans":[
        {"name":"GET shop/web","kind":"server","span_id":"01","parent_id":"0000","start":"2026-01-01T00:00:01.000Z","duration_ms":9.25,"error":false,"attributes":{"http.response.status_code":200}},
        {"name":"GET","kind":"client","span_id":"02","parent_id":"01","start":"2026-01-01T00:00:01.001Z","duration_ms":8,"error":true,"attributes":{"http.response.status_code":503,"error.type":"503"}},
        {"name":"GET","kind":"client","span_id":"03","parent_id":"01","start":"2026-01-01T00:00:01.005Z","duration_ms":3,"error":false,"attributes":{}}]}]})";
  const std::string cart =
      R"({"traces":[{"trace_id":"aa","spans":[
        {"name":"GET shop/cart","kind":"server","span_id":"04","parent_id":"03","start":"2026-01-01T00:00:01.006Z","duration_ms":2,"error":false,"attributes":{}},
        {"name":"GET shop/cart","kind":"server","span_id":"04","parent_id":"03","start":"2026-01-01T00:00:01.006Z","duration_ms":2,"error":false,"attributes":{}}]},
       {"trace_id":"bb","spans":[
        {"name":"GET shop/cart","kind":"server","span_id":"05","parent_id":"99","start":"2026-01-01T00:00:02.000Z","duration_ms":1,"error":false,"attributes":{}}]}]})";
  EXPECT_EQ(make_trace_trees({{"web-a", web}, {"cart-a", cart}, {"x", "broken"}}, 5),
            "trace bb  1 span\n"
            "  `- GET shop/cart  server  1.0 ms  [cart-a]\n"
            "\n"
            "trace aa  4 spans\n"
            "  `- GET shop/web  server  9.2 ms  200  [web-a]\n"
            "     |- GET  client  8.0 ms  503 503  [web-a]  ERROR\n"
            "     `- GET  client  3.0 ms  [web-a]\n"
            "        `- GET shop/cart  server  2.0 ms  [cart-a]\n");
  EXPECT_TRUE(make_trace_trees({{"web-a", web}, {"cart-a", cart}}, 1).starts_with("trace bb"));
  EXPECT_EQ(make_trace_trees({}, 5), "");
}

// ---- breakers, endpoints ----

const std::string kClusters = R"({"clusters":[
  {"name":"outbound|80||cart.shop","breaker":{"state":"open","attempts":0,"failed":0,"slow":0,
   "in_a_row":0,"open_for_ms":4200.5},"endpoints":[
     {"address":"127.5.1.1:80","state":"ejected","weight":1,"active":0,"connections":2,"ok":7,
      "failed":5,"latency_ms":1000.0},
     {"address":"127.5.1.2:80","state":"ready","weight":3,"active":1,"connections":1,"ok":9,
      "failed":0,"latency_ms":0.0}]},
  {"name":"outbound|80||ledger.shop","breaker":{"state":"closed","attempts":12,"failed":3,
   "slow":1,"in_a_row":2,"open_for_ms":0},"endpoints":[]},
  {"name":"inbound|80||","breaker":null,"endpoints":[
     {"address":"127.0.0.1:9001","state":"ready\u001b[2J","weight":1}]}]})";

TEST(Breakers, AreShownForEachSidecarAndDestination) {
  bool rests = false;
  EXPECT_EQ(
      make_breaker_table({{"web-a", kClusters}, {"web-b", "broken"}}, "", rests),
      "SIDECAR  DESTINATION               BREAKER  ATTEMPTS  FAILED  SLOW  IN A ROW  OPEN FOR\n"
      "web-a    outbound|80||cart.shop    open     0         0       0     0         4200.5 ms\n"
      "web-a    outbound|80||ledger.shop  closed   12        3       1     2         -\n");
  EXPECT_TRUE(rests);
  rests = false;
  const std::string ledger = make_breaker_table({{"web-a", kClusters}}, "ledger", rests);
  EXPECT_EQ(ledger.find("cart"), std::string::npos);
  EXPECT_FALSE(rests) << "what was not asked about does not count";
  EXPECT_EQ(make_breaker_table({{"web-a", kClusters}}, "nobody", rests), "");
  EXPECT_EQ(make_breaker_table({{"web-a", "[1]"}, {"x", R"({"clusters":[7,null]})"}}, "", rests),
            "");
}

TEST(Endpoints, AreShownWithWhatTheirSidecarKnowsOfThem) {
  EXPECT_EQ(
      make_endpoint_table({{"web-a", kClusters}}, "cart"),
      "SIDECAR  DESTINATION             ENDPOINT      STATE    WEIGHT  ACTIVE  CONNECTIONS  OK  "
      "FAILED  LATENCY\n"
      "web-a    outbound|80||cart.shop  127.5.1.1:80  ejected  1       0       2            7   "
      "5       1000.0 ms\n"
      "web-a    outbound|80||cart.shop  127.5.1.2:80  ready    3       1       1            9   "
      "0       -\n");
  const std::string inbound = make_endpoint_table({{"web-a", kClusters}}, "inbound");
  EXPECT_EQ(inbound.find('\x1b'), std::string::npos) << "a terminal obeys nobody's sidecar";
  EXPECT_NE(inbound.find("127.0.0.1:9001"), std::string::npos);
  EXPECT_EQ(make_endpoint_table({}, ""), "");
}

TEST(Breakers, CannotBeShownWithoutTheControlPlane) {
  for (const char* command : {"breakers", "endpoints"}) {
    const Typed typed = type({command, "--control", "127.0.0.1:1"});
    EXPECT_EQ(typed.code, kFailed);
    EXPECT_NE(typed.err.find("weft-control at 127.0.0.1:1"), std::string::npos) << typed.err;
    EXPECT_EQ(type({command, "--control", "nowhere"}).code, kFailed);
  }
}

}  // namespace
}  // namespace weft::control::cli
