// AdsClient against servers, and AdsServer against clients, that do not do what they should. What a
// far end hears is written down as text.
#include <gtest/gtest.h>

#include "tests/xds/ads_text.h"
#include "tests/xds/wire_rig.h"
#include "xds/ads_client.h"
#include "xds/ads_server.h"
#include "xds/proto/cluster.pb.h"

namespace weft::xds {
namespace {

using namespace std::chrono_literals;
using testing::full_name;
using testing::text_of;
using testing::WireRig;
namespace discovery = envoy::service::discovery::v3;

Resource cluster(const std::string& name, int seconds) {
  envoy::config::cluster::v3::Cluster made;
  made.set_name(name);
  made.mutable_connect_timeout()->set_seconds(seconds);
  return make_resource(name, made);
}

std::string clusters_response(Variant variant, const std::string& version, const std::string& nonce,
                              const std::vector<Resource>& resources) {
  ResponseWriter writer(variant, full_name("Cluster"), nonce);
  for (const Resource& resource : resources) writer.add(resource);
  writer.set_version(version);
  return writer.take();
}

std::string framed(std::string_view message) {
  return http::make_grpc_message(message).to_string();
}

// ---- a server that says what the test tells it ----

class Far final {
 public:
  explicit Far(WireRig& rig, Variant variant) : variant_(variant) {
    const auto path = std::string(variant == Variant::kSotw ? kSotwPath : kDeltaPath);
    rig.service.handle_stream(path, [this](std::unique_ptr<http::ServerStream> stream,
                                           http::RequestHead&&, bool, Transport&) {
      calls_.push_back(std::make_unique<CallSink>(*this, std::move(stream)));
      heard += "call\n";
    });
  }

  // On the newest call.
  void say(const std::string& bytes, bool end = false) {
    http::ServerStream& stream = begin();
    stream.send_body(Buffer(bytes), end);
  }
  void finish(http::GrpcStatus status, std::string_view message) {
    begin().send_trailers(http::make_grpc_trailers(status, message));
  }
  void refuse(http::GrpcStatus status, std::string_view message) {
    calls_.back()->stream->send_head(http::make_trailers_only(status, message), true);
  }
  void answer(std::uint16_t status) {
    http::ResponseHead head;
    head.status = status;
    head.headers.add("content-type", "text/html");
    calls_.back()->stream->send_head(head, false);
    calls_.back()->stream->send_body(Buffer("<h1>no</h1>"), true);
  }
  std::string take() { return std::exchange(heard, {}); }

  std::string heard;

 private:
  struct CallSink final : http::RequestSink {
    CallSink(Far& owner, std::unique_ptr<http::ServerStream> held)
        : far(owner), stream(std::move(held)) {
      stream->set_sink(this);
    }
    ~CallSink() { stream->set_sink(nullptr); }
    void on_body(Buffer&& bytes, bool end) override {
      stream->consume(bytes.size());
      reader.feed(std::move(bytes));
      while (true) {
        Result<std::optional<Buffer>> next = reader.next();
        ASSERT_TRUE(next);
        if (!*next) break;
        far.hear((*next)->to_string());
      }
      if (end) far.heard += "end\n";
    }
    void on_trailers(http::Headers&&) override {}
    void on_sent(std::size_t) override {}
    void on_stream_fault(const Error&) override { far.heard += "gone\n"; }

    Far& far;
    std::unique_ptr<http::ServerStream> stream;
    http::GrpcReader reader{1024 * 1024};
    bool begun = false;
  };

  http::ServerStream& begin() {
    CallSink& call = *calls_.back();
    if (!std::exchange(call.begun, true)) call.stream->send_head(http::make_grpc_head(), false);
    return *call.stream;
  }
  void hear(const std::string& bytes) {
    if (variant_ == Variant::kSotw) {
      discovery::DiscoveryRequest request;
      ASSERT_TRUE(request.ParseFromString(bytes));
      heard += text_of(request) + "\n";
    } else {
      discovery::DeltaDiscoveryRequest request;
      ASSERT_TRUE(request.ParseFromString(bytes));
      heard += text_of(request) + "\n";
    }
  }

  Variant variant_;
  std::vector<std::unique_ptr<CallSink>> calls_;
};

class Near final : public AdsClient::Owner {
 public:
  Near(WireRig& rig, Variant variant) : client(rig.turn, rig, random, *this, options(variant)) {
    client.subscribe(full_name("Cluster"), Interest{.everything = true});
    client.start();
  }
  std::vector<Refusal> on_resources(std::string_view, std::vector<AdsClient::Arrival>&& changed,
                                    const std::vector<std::string>& removed) override {
    for (const auto& arrival : changed) names.insert(arrival.name);
    for (const auto& name : removed) names.erase(name);
    return {};
  }
  void on_generation(const Generation&) override {}
  void on_ads_connected() override {}
  void on_ads_disconnected(const Error& reason) override { reasons += to_string(reason) + "\n"; }

  Random random{7};
  std::set<std::string> names;
  std::string reasons;
  AdsClient client;

 private:
  static AdsClient::Options options(Variant variant) {
    AdsClient::Options made{.variant = variant, .authority = "there", .message_bytes_max = 10'000};
    made.node.set_id("n");
    made.wall_clock = [] { return WallTime(1000s); };
    return made;
  }
};

struct Scene {
  explicit Scene(Variant variant) : far(rig, variant), near(rig, variant) { rig.run(); }
  WireRig rig;
  Far far;
  Near near;
};

class AdsClientBelievesNobody : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Both, AdsClientBelievesNobody,
                         ::testing::Values(Variant::kSotw, Variant::kDelta), [](const auto& made) {
                           return made.param == Variant::kSotw ? "Sotw" : "Delta";
                         });

TEST_P(AdsClientBelievesNobody, EveryBadEndIsToldAndSurvived) {
  struct Deed {
    std::string reason;
    std::function<void(Far&)> act;
  };
  const std::string good = framed(clusters_response(GetParam(), "1", "1", {cluster("a", 1)}));
  const std::vector<Deed> deeds = {
      {"upstream protocol: a response that cannot be read\n",
       [](Far& far) { far.say(framed("\xff\xff\xff garbage")); }},
      {"upstream limit: RESOURCE_EXHAUSTED: a gRPC message of 10001 bytes; the limit is 10000\n",
       [](Far& far) { far.say(framed(std::string(10'001, 'x'))); }},
      {"upstream protocol: INTERNAL: a compressed gRPC message, which was not agreed on\n",
       [](Far& far) { far.say(std::string("\1\0\0\0\3abc", 8)); }},
      {"upstream protocol: INTERNAL: the stream ended inside a message\n",
       [&](Far& far) {
         far.say(good.substr(0, good.size() - 1));
         far.finish(http::GrpcStatus::kOk, "");
       }},
      {"upstream protocol: UNKNOWN: the answer carries no grpc-status\n",
       [](Far& far) { far.say("", true); }},
      {"upstream closed: OK\n", [](Far& far) { far.finish(http::GrpcStatus::kOk, ""); }},
      {"upstream reset: UNAVAILABLE: moving house\n",
       [](Far& far) { far.finish(http::GrpcStatus::kUnavailable, "moving house"); }},
      {"upstream denied: PERMISSION_DENIED: not \\x01you\n",
       [](Far& far) { far.refuse(http::GrpcStatus::kPermissionDenied, "not \1you"); }},
      {"upstream reset: UNAVAILABLE: HTTP status 503\n", [](Far& far) { far.answer(503); }},
      {"upstream protocol: UNKNOWN: the answer carries no grpc-status\n",
       [](Far& far) { far.answer(200); }},
  };
  for (const Deed& deed : deeds) {
    SCOPED_TRACE(deed.reason);
    Scene scene(GetParam());
    scene.far.say(good);
    scene.rig.run();
    EXPECT_EQ(scene.near.names.size(), 1U);
    scene.rig.cut();
    scene.rig.pass(5s);
    scene.near.reasons.clear();
    const int dials = scene.rig.dials;
    deed.act(scene.far);
    scene.rig.run();
    EXPECT_EQ(scene.near.reasons, deed.reason);
    EXPECT_EQ(scene.rig.dials, dials);  // not at once
    EXPECT_EQ(scene.near.names.size(), 1U);
    // Back within the four seconds of the first minute, and as good as new.
    scene.rig.pass(5s);
    EXPECT_GT(scene.rig.dials, dials);
    scene.far.say(framed(clusters_response(GetParam(), "2", "1", {cluster("a", 2)})));
    scene.rig.run();
    EXPECT_TRUE(scene.near.client.stats().connected);
    EXPECT_EQ(scene.near.client.stats().updates, 2U);
  }
}

TEST_P(AdsClientBelievesNobody, WhatCameJustBeforeTheEndCounts) {
  Scene scene(GetParam());
  scene.far.say(
      framed(clusters_response(GetParam(), "1", "1", {cluster("a", 1)})) +
      framed(clusters_response(GetParam(), "2", "2", {cluster("a", 1), cluster("b", 1)})));
  scene.far.finish(http::GrpcStatus::kUnavailable, "bye");
  scene.rig.run();
  EXPECT_EQ(scene.near.names.size(), 2U);
  EXPECT_EQ(scene.near.reasons, "upstream reset: UNAVAILABLE: bye\n");
  EXPECT_EQ(scene.near.client.stats().failures, 0U);
}

TEST_P(AdsClientBelievesNobody, TypesNobodyAskedForAreNotTaken) {
  Scene scene(GetParam());
  (void)scene.far.take();
  ResponseWriter writer(GetParam(), "no.such.Type", "9");
  Resource stray = cluster("a", 1);
  stray.body.set_type_url("type.googleapis.com/no.such.Type");
  writer.add(stray);
  writer.set_version("9");
  scene.far.say(framed(writer.take()));
  scene.rig.run();
  EXPECT_TRUE(scene.near.names.empty());
  EXPECT_TRUE(scene.near.client.stats().connected);
  // In delta an answer would subscribe.
  const bool sotw = GetParam() == Variant::kSotw;
  const std::string said = scene.far.take();
  EXPECT_EQ(said.find("nobody asked for no.such.Type") != std::string::npos, sotw) << said;
}

TEST_P(AdsClientBelievesNobody, ARefusalNamesTheResourceAndTheField) {
  Scene scene(GetParam());
  (void)scene.far.take();
  scene.far.say(framed(clusters_response(GetParam(), "1", "1", {cluster("a", 1)})));
  scene.rig.run();
  (void)scene.far.take();
  scene.far.say(framed(clusters_response(GetParam(), "2", "2",
                                         {cluster("a", -1), cluster("b", 1), cluster("c", -3)})));
  scene.rig.run();
  const std::string why =
      "n=2 error 3: Cluster 'a': connect_timeout: is -1s, must not be negative; "
      "Cluster 'c': connect_timeout: is -3s, must not be negative\n";
  EXPECT_EQ(scene.far.take(),
            GetParam() == Variant::kSotw ? "Cluster v=1 [] " + why : "Cluster " + why);
  EXPECT_EQ(scene.near.names, (std::set<std::string>{"a", "b"}));
}

TEST_P(AdsClientBelievesNobody, ANewStreamBeginsWithWhatIsHeldAndNoNonce) {
  Scene scene(GetParam());
  const Resource a = cluster("a", 1);
  scene.far.say(framed(clusters_response(GetParam(), "7", "1", {a})));
  scene.rig.run();
  const bool sotw = GetParam() == Variant::kSotw;
  EXPECT_EQ(scene.far.take(), sotw ? "call\nCluster v= [] node=n\nCluster v=7 [] n=1\n"
                                   : "call\nCluster node=n\nCluster n=1\n");
  scene.far.finish(http::GrpcStatus::kUnavailable, "");
  scene.rig.pass(5s);
  EXPECT_EQ(scene.far.take(), sotw ? "gone\ncall\nCluster v=7 [] node=n\n"
                                   : "gone\ncall\nCluster {a=" + a.version + "} node=n\n");
  // The same nonce again means the new stream's.
  scene.far.say(framed(clusters_response(GetParam(), "8", "1", {a, cluster("b", 1)})));
  scene.rig.run();
  EXPECT_EQ(scene.far.take(), sotw ? "Cluster v=8 [] n=1\n" : "Cluster n=1\n");
  EXPECT_EQ(scene.near.names.size(), 2U);
}

TEST_P(AdsClientBelievesNobody, ASlowServerIsNotPressed) {
  Scene scene(GetParam());
  scene.rig.pass(300s, 1s);
  EXPECT_EQ(scene.rig.dials, 1);
  EXPECT_TRUE(scene.near.client.stats().connected);
}

// ---- clients that say what the test tells them ----

// One set for every node, told by the next turn.
class Table final : public Catalog, public Flushable {
 public:
  explicit Table(Turn& turn) : turn_(turn) {}
  void put(std::vector<Resource> resources) {
    set_ = make_resource_set(++number_, std::move(resources), set_.get());
    turn_.enlist(*this);
  }
  std::unique_ptr<Subscription> subscribe(const NodeInfo&, Subscriber& subscriber) override {
    turn_.enlist(*this);
    return std::make_unique<Asked>(*this, subscriber);
  }
  void flush() override {
    for (Asked* one : std::vector<Asked*>(asked_)) {
      if (set_ == nullptr || one->told == number_) continue;
      one->told = number_;
      one->subscriber.on_resources(set_);
    }
  }

 private:
  struct Asked final : Subscription {
    Asked(Table& owner, Subscriber& who) : table(owner), subscriber(who) {
      table.asked_.push_back(this);
    }
    ~Asked() override { std::erase(table.asked_, this); }
    Table& table;
    Subscriber& subscriber;
    std::uint64_t told = 0;
  };
  Turn& turn_;
  std::uint64_t number_ = 0;
  std::shared_ptr<const ResourceSet> set_;
  std::vector<Asked*> asked_;
};

// A client with one raw stream to an AdsServer.
class Raw final : public DialHolder,
                  public http::ClientConnection::Owner,
                  public http::ResponseSink {
 public:
  explicit Raw(Variant variant, AdsServer::Options options = {})
      : table(rig.turn),
        server(
            rig.turn, table, [](const NodeInfo&) { return Status{}; }, std::move(options)),
        variant_(variant) {
    server.serve(rig.service);
    dial_ = rig.dial(*this);
    rig.run();
    call_again();
  }
  ~Raw() {
    stream_.reset();
    connection_->abandon();
  }

  void call_again() {
    http::RequestHead head;
    head.method = http::Method::kPost;
    head.method_name = "POST";
    head.version = http::Version::kHttp2;
    head.scheme = "http";
    head.authority = "there";
    head.target = variant_ == Variant::kSotw ? kSotwPath : kDeltaPath;
    head.headers.add("content-type", "application/grpc");
    stream_ = connection_->open(head, false, *this);
    rig.run();
  }
  std::string say(const std::string& bytes, bool end = false) {
    if (stream_ != nullptr) stream_->send_body(Buffer(bytes), end);
    rig.run();
    return std::exchange(heard, {});
  }
  // A request as the variant spells it: the type's short name, a nonce, whether it introduces
  // itself.
  std::string request(const std::string& type, const std::string& nonce, bool node,
                      const std::string& name = {}) const {
    const auto fill = [&](auto& made) {
      if (!type.empty()) made.set_type_url(testing::type_url(type));
      made.set_response_nonce(nonce);
      if (node) made.mutable_node()->set_id("n");
      return framed(made.SerializeAsString());
    };
    discovery::DiscoveryRequest sotw;
    discovery::DeltaDiscoveryRequest delta;
    if (!name.empty()) {
      sotw.add_resource_names(name);
      delta.add_resource_names_subscribe(name);
    }
    return variant_ == Variant::kSotw ? fill(sotw) : fill(delta);
  }

  void on_dialed(std::unique_ptr<Transport> transport) override {
    connection_ = std::make_unique<http::ClientConnection>(
        rig.turn, std::move(transport), http::Protocol::kHttp2, http::ConnectionOptions{}, *this);
  }
  void on_dial_failed(const Error&) override {}
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection&, const Error&) override {}
  void on_informational(http::ResponseHead&&) override {}
  void on_response_head(http::ResponseHead&& head, bool end) override {
    if (!end) return;
    const http::GrpcOutcome outcome = http::read_grpc_outcome(head, nullptr);
    heard += std::string(http::name_of(outcome.status)) + " " + outcome.message + "\n";
  }
  void on_body(Buffer&& bytes, bool) override {
    if (!deaf) stream_->consume(bytes.size());
    received += bytes.size();
    reader_.feed(std::move(bytes));
    while (true) {
      Result<std::optional<Buffer>> next = reader_.next();
      ASSERT_TRUE(next);
      if (!*next) return;
      heard += testing::response_text(variant_, (*next)->to_string()).substr(0, 80) + "\n";
    }
  }
  void on_trailers(http::Headers&& trailers) override {
    const http::GrpcOutcome outcome = http::read_grpc_outcome({}, &trailers);
    heard += std::string(http::name_of(outcome.status)) + " " + outcome.message + "\n";
  }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override { heard += to_string(error) + "\n"; }

  WireRig rig;
  Table table;
  AdsServer server;
  std::string heard;
  std::size_t received = 0;
  bool deaf = false;

 private:
  Variant variant_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<http::ClientConnection> connection_;
  std::unique_ptr<http::ClientStream> stream_;
  http::GrpcReader reader_{64 * 1024 * 1024};
};

class AdsServerBelievesNobody : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Both, AdsServerBelievesNobody,
                         ::testing::Values(Variant::kSotw, Variant::kDelta), [](const auto& made) {
                           return made.param == Variant::kSotw ? "Sotw" : "Delta";
                         });

TEST_P(AdsServerBelievesNobody, WhoSaysNothingIsSentAway) {
  for (const std::string& begun : {std::string(), std::string("\0\0\0\0\x10"
                                                              "half",
                                                              9)}) {
    Raw raw(GetParam());
    EXPECT_EQ(raw.say(begun), "");
    raw.rig.pass(9s, 1s);
    EXPECT_EQ(raw.heard, "");
    raw.rig.pass(2s, 1s);
    EXPECT_EQ(raw.heard, "DEADLINE_EXCEEDED no request came\n");
    EXPECT_EQ(raw.server.streams(), 0U);
  }
}

TEST_P(AdsServerBelievesNobody, EveryBadRequestEndsItsStreamWithAReason) {
  const Raw scribe(GetParam());
  const std::string good = scribe.request("Cluster", "", true);
  const std::vector<std::pair<std::string, std::string>> deeds = {
      {framed("\xff\xff garbage"), "INVALID_ARGUMENT a request that cannot be read\n"},
      {std::string("\1\0\0\0\1x", 6),
       "INTERNAL a compressed gRPC message, which was not agreed on\n"},
      {framed(std::string(1001, 'x')),
       "RESOURCE_EXHAUSTED a gRPC message of 1001 bytes; the limit is 1000\n"},
      {scribe.request("Cluster", "", false),
       "INVALID_ARGUMENT the first request of a stream must hold node.id\n"},
      {scribe.request("", "", true), "INVALID_ARGUMENT a request without type_url\n"},
      {good + framed("\xff\xff garbage"), "INVALID_ARGUMENT a request that cannot be read\n"},
  };
  for (const auto& [bytes, reason] : deeds) {
    Raw raw(GetParam(), {.message_bytes_max = 1000});
    raw.table.put({});
    const std::string answer = raw.say(bytes);
    EXPECT_TRUE(answer.ends_with(reason)) << answer;
    EXPECT_EQ(raw.server.streams(), 0U);
  }
}

TEST_P(AdsServerBelievesNobody, AnInventorOfTypesIsStopped) {
  Raw raw(GetParam());
  raw.table.put({});
  std::string bytes = raw.request("Cluster", "", true);
  for (int i = 0; i < 40; ++i) bytes += raw.request("Type" + std::to_string(i), "", false, "x");
  const std::string answer = raw.say(bytes);
  EXPECT_NE(answer.find("RESOURCE_EXHAUSTED"), std::string::npos) << answer;
}

TEST_P(AdsServerBelievesNobody, WhatIsSaidBeforeAdmissionIsHeardAfterIt) {
  Raw raw(GetParam(), {.admissions_per_second = 1, .admissions_burst = 0});  // one, at the least
  raw.table.put({cluster("a", 1)});
  EXPECT_NE(raw.say(raw.request("Cluster", "", true)), "");
  raw.call_again();
  EXPECT_EQ(raw.say(raw.request("Cluster", "", true) + raw.request("Listener", "", false)), "");
  raw.rig.pass(2s, 100ms);
  EXPECT_EQ(raw.heard.substr(0, 11), "Cluster n=1");
  raw.heard.clear();
  EXPECT_EQ(raw.say(raw.request("Cluster", "1", false)).substr(0, 12), "Listener n=2");
}

TEST_P(AdsServerBelievesNobody, AGoodbyeBeforeAdmissionIsAGoodbye) {
  Raw raw(GetParam(), {.admissions_per_second = 1, .admissions_burst = 0});
  raw.table.put({cluster("a", 1)});
  EXPECT_NE(raw.say(raw.request("Cluster", "", true)), "");
  raw.call_again();
  EXPECT_EQ(raw.say(raw.request("Cluster", "", true), true), "");
  raw.rig.pass(2s, 100ms);
  EXPECT_TRUE(raw.heard.ends_with("OK \n")) << raw.heard;
  EXPECT_EQ(raw.server.streams(), 0U);
}

TEST_P(AdsServerBelievesNobody, WhoNeverAnswersDelaysNobodyForEver) {
  Raw raw(GetParam());
  raw.table.put({cluster("a", 1)});
  const std::string first =
      raw.say(raw.request("Cluster", "", true) + raw.request("Listener", "", false));
  EXPECT_EQ(first.find("Listener"), std::string::npos) << first;
  raw.rig.pass(6s, 100ms);
  EXPECT_NE(raw.heard.find("Listener n=2"), std::string::npos) << raw.heard;
  // Its clusters wait for the answer it owes.
  raw.heard.clear();
  raw.table.put({cluster("a", 2)});
  raw.rig.pass(20s, 1s);
  EXPECT_EQ(raw.heard, "");
  EXPECT_FALSE(raw.server.report().front().settled);
  EXPECT_GT(raw.server.report().front().behind, 15s);
  EXPECT_EQ(raw.server.report().front().since_answer, std::nullopt);
  EXPECT_EQ(raw.say(raw.request("Cluster", "1", false)).substr(0, 11), "Cluster n=3");
}

TEST_P(AdsServerBelievesNobody, WhoNeverReadsIsToldNoMoreThanItsWindow) {
  Raw raw(GetParam());
  raw.deaf = true;
  std::vector<Resource> many;
  for (int i = 0; i < 20'000; ++i) many.push_back(cluster("cluster-" + std::to_string(i), 1));
  raw.table.put(many);
  (void)raw.say(raw.request("Cluster", "", true));
  EXPECT_GT(raw.received, 0U);
  EXPECT_LE(raw.received, 256U * 1024);
  // It goes on asking and is answered nothing more.
  std::string nagging;
  for (int i = 0; i < 1000; ++i) nagging += raw.request("Endpoints", "", false, "x");
  (void)raw.say(nagging);
  EXPECT_LE(raw.received, 256U * 1024);
  EXPECT_EQ(raw.server.streams(), 1U);
}

}  // namespace
}  // namespace weft::xds
