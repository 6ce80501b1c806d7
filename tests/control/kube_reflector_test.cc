// What the API server answers, line by line, and what the store hears of it.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/kubernetes/line_splitter.h"
#include "control/kubernetes/reflector.h"
#include "tests/support/at_every_split.h"

namespace weft::control::kube {
namespace {

using namespace std::chrono_literals;
using What = Reflector::Step::What;

constexpr Resource kThings{.name = "things",
                           .group = "example.com",
                           .versions = {"v2", "v1"},
                           .plural = "things",
                           .kind = "Thing"};
constexpr Resource kBuiltIn{.name = "pods",
                            .group = "",
                            .versions = {"v1"},
                            .plural = "pods",
                            .kind = "Pod",
                            .always_there = true};

// Writes down what it hears.
struct Heard final : Reflector::Store {
  std::string text;
  void on_list_begun() override { text += "["; }
  void on_list_item(const ObjectName& name, Json&& object) override {
    text += name.to_string() + label(object) + " ";
  }
  void on_listed() override { text += "]"; }
  void on_put(const ObjectName& name, Json&& object) override {
    text += "+" + name.to_string() + label(object) + " ";
  }
  void on_removed(const ObjectName& name) override { text += "-" + name.to_string() + " "; }
  static std::string label(const Json& object) {
    const std::string said = text_at(object, {"spec", "say"});
    return said.empty() ? "" : "=" + said;
  }
  std::string take() { return std::exchange(text, {}); }
};

std::string thing(const std::string& name, const std::string& version = "1",
                  const std::string& say = "") {
  return R"({"metadata":{"name":")" + name + R"(","namespace":"shop","resourceVersion":")" +
         version + R"("},"spec":{"say":")" + say + R"("}})";
}
std::string list_of(const std::string& items, const std::string& version = "10",
                    const std::string& more = "") {
  return R"({"kind":"ThingList","metadata":{"resourceVersion":")" + version + R"(","continue":")" +
         more + R"("},"items":[)" + items + "]}";
}
std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}";
}

class ReflectorTest : public ::testing::Test {
 protected:
  // The next step but waiting, which is added up.
  Reflector::Step step() {
    for (int i = 0; i < 100; ++i) {
      Reflector::Step next = reflector.next();
      if (next.what != What::kWait) return next;
      waited += next.time;
    }
    ADD_FAILURE() << "it only waits";
    return {};
  }
  // Listed with what is there, and watching.
  void begin(const std::string& items = "") {
    EXPECT_EQ(step().what, What::kList);
    reflector.on_page(list_of(items));
    EXPECT_EQ(step().what, What::kWatch);
    heard.take();
    waited = {};
  }

  Heard heard;
  Random random{7};
  Reflector reflector{kThings, heard, random};
  Duration waited{};
};

TEST_F(ReflectorTest, ListsThenWatchesFromWhereTheListEnded) {
  const auto list = step();
  EXPECT_EQ(list.what, What::kList);
  EXPECT_EQ(list.target, "/apis/example.com/v2/things?limit=500");
  reflector.on_page(list_of(thing("a") + "," + thing("b")));
  EXPECT_EQ(heard.take(), "[shop/a shop/b ]");
  const auto watch = step();
  EXPECT_EQ(watch.what, What::kWatch);
  EXPECT_TRUE(watch.target.starts_with(
      "/apis/example.com/v2/things?watch=1&allowWatchBookmarks=true&resourceVersion=10&timeout"))
      << watch.target;
  EXPECT_GE(watch.time, 4min);
  EXPECT_LE(watch.time, 6min);
  EXPECT_TRUE(reflector.listed());
}

TEST_F(ReflectorTest, HurriesOnceWhenItIsNotItsOwnFault) {
  begin();
  EXPECT_FALSE(reflector.hurry()) << "it does not wait";
  reflector.on_watch_end("connection refused", 0s);
  EXPECT_TRUE(reflector.hurry());
  EXPECT_FALSE(reflector.hurry());
  EXPECT_EQ(step().what, What::kWatch);
  reflector.on_watch_end("connection refused", 0s);
  EXPECT_FALSE(reflector.hurry()) << "the others hear something, this one does not";
  EXPECT_EQ(step().what, What::kWatch);
  reflector.on_watch_open();
  reflector.on_watch_refused(503, 0s);
  EXPECT_TRUE(reflector.hurry()) << "after all was well";
  EXPECT_EQ(step().what, What::kWatch);
  reflector.on_watch_open();
  for (const std::uint16_t status : {std::uint16_t{403}, std::uint16_t{429}}) {
    reflector.on_watch_refused(status, 0s);
    EXPECT_FALSE(reflector.hurry()) << status;
    EXPECT_EQ(step().what, What::kWatch);
  }
  reflector.on_watch_refused(503, 20s);
  EXPECT_FALSE(reflector.hurry()) << "it was told how long to wait";
}

TEST_F(ReflectorTest, NeverGivesHalfAList) {
  (void)step();
  reflector.on_page(list_of(thing("a"), "10", "page two/+"));
  EXPECT_EQ(heard.take(), "[shop/a ");
  EXPECT_FALSE(reflector.listed());
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=500&continue=page%20two%2F%2B");
  reflector.on_list_failed({Fault::kReset, Side::kUpstream, "cut"});
  EXPECT_EQ(heard.take(), "");
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=500") << "from the beginning";
  reflector.on_page(list_of(thing("b")));
  EXPECT_EQ(heard.take(), "[shop/b ]");
}

TEST_F(ReflectorTest, BeginsAgainWhenAPageIsTooOld) {
  (void)step();
  reflector.on_page(list_of(thing("a"), "10", "x"));
  (void)step();
  reflector.on_list_refused(410, {}, R"({"message":"the provided continue parameter is too old"})");
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=500");
  EXPECT_EQ(reflector.stats().relists.value(), 1u);
}

TEST_F(ReflectorTest, TellsEveryEventAndGoesOnFromTheLast) {
  begin(thing("a"));
  reflector.on_line(event("ADDED", thing("b", "11")), false);
  reflector.on_line(event("MODIFIED", thing("a", "12", "new")), false);
  reflector.on_line(event("DELETED", thing("b", "13")), false);
  reflector.on_line(event("ADDED", thing("b", "14", "again")), false);
  reflector.on_line(event("BOOKMARK", R"({"metadata":{"resourceVersion":"99"}})"), false);
  EXPECT_EQ(heard.take(), "+shop/b +shop/a=new -shop/b +shop/b=again ");
  reflector.on_watch_end("", 4min);
  EXPECT_NE(step().target.find("resourceVersion=99&"), std::string::npos);
  EXPECT_EQ(waited, 0ns);
  EXPECT_EQ(reflector.problem(), "");
}

TEST_F(ReflectorTest, ListsAgainWhenWhatItMissedIsGone) {
  begin(thing("a"));
  reflector.on_line(event("ERROR", R"({"kind":"Status","code":410,"reason":"Gone"})"), false);
  EXPECT_TRUE(reflector.watch_is_over());
  EXPECT_EQ(step().what, What::kList);
  EXPECT_GT(waited, 0ns) << "a server that always says so is not asked without a pause";
  reflector.on_page(list_of(thing("c")));
  EXPECT_EQ(heard.take(), "[shop/c ]");
  (void)step();
  reflector.on_watch_refused(410, {});
  EXPECT_EQ(step().what, What::kList);
  EXPECT_EQ(reflector.stats().relists.value(), 2u);
}

TEST_F(ReflectorTest, DoesNotWaitForAListAsLongAsItWaitedForTheServer) {
  const std::string gone = event("ERROR", R"({"kind":"Status","code":410,"reason":"Gone"})");
  begin();
  reflector.on_line(event("ADDED", thing("a", "11")), false);
  for (int i = 0; i < 12; ++i) {
    reflector.on_watch_end("connection refused", 0s);
    EXPECT_EQ(step().what, What::kWatch);
  }
  EXPECT_GT(waited, 10s);
  waited = {};
  reflector.on_watch_open();
  reflector.on_line(gone, false);
  EXPECT_EQ(step().what, What::kList);
  EXPECT_LE(waited, 500ms) << "those delays were the outage's";
  // But a server that takes back what it has just said is given more and more time.
  for (int i = 0; i < 12; ++i) {
    reflector.on_page(list_of(""));
    EXPECT_EQ(step().what, What::kWatch);
    reflector.on_watch_open();
    reflector.on_line(gone, false);
    EXPECT_EQ(step().what, What::kList);
  }
  EXPECT_GT(waited, 10s);
}

TEST_F(ReflectorTest, WaitsAsLongAsItIsToldTo) {
  begin();
  reflector.on_watch_refused(429, 17s);
  EXPECT_EQ(step().what, What::kWatch);
  EXPECT_EQ(waited, 17s);
  reflector.on_line(
      event("ERROR", R"({"code":429,"details":{"retryAfterSeconds":3},"message":"slow"})"), false);
  EXPECT_TRUE(reflector.watch_is_over());
  waited = {};
  EXPECT_EQ(step().what, What::kWatch);
  EXPECT_EQ(waited, 3s);
  reflector.on_watch_refused(503, std::chrono::hours(24 * 365));
  waited = {};
  (void)step();
  EXPECT_EQ(waited, 5min) << "nobody makes us wait for a year";
}

TEST_F(ReflectorTest, GivesAServerThatFailsMoreAndMoreTime) {
  (void)step();
  for (int i = 0; i < 40; ++i) {
    waited = {};
    reflector.on_list_refused(500, {}, "");
    (void)step();
    EXPECT_GT(waited, 0ns);
    EXPECT_LE(waited, 30s);
  }
  EXPECT_EQ(heard.take(), "");
  EXPECT_EQ(reflector.problem(), "list of things: 500");
  reflector.on_page(list_of(thing("a")));
  EXPECT_EQ(reflector.problem(), "");
}

TEST_F(ReflectorTest, DoesNotAskWithoutAPauseWhereEveryWatchEndsAtOnce) {
  begin();
  for (int i = 0; i < 10; ++i) {
    waited = {};
    reflector.on_watch_end("", 3ms);
    EXPECT_EQ(step().what, What::kWatch);
    EXPECT_GT(waited, 0ns);
  }
}

TEST_F(ReflectorTest, PassesOverWhatItCannotUnderstandAndGoesOn) {
  begin();
  std::string deep(5000, '[');
  for (const std::string& line :
       {std::string("not json"), std::string("{}"), std::string("[1]"), std::string("null"),
        event("ADDED", "7"), event("ADDED", R"({"metadata":{"resourceVersion":"11"}})"),
        event("ADDED", thing("UPPER CASE", "12")), event("STRANGE", thing("a", "13")),
        event("ADDED", R"({"metadata":{"name":[],"resourceVersion":"14"}})"),
        event("ADDED", R"({"metadata":{"name":"x","resourceVersion":{}}})"),
        event("ADDED", deep)}) {
    reflector.on_line(line, false);
    EXPECT_FALSE(reflector.watch_is_over()) << line.substr(0, 80);
  }
  reflector.on_line("", true);
  EXPECT_EQ(reflector.stats().skipped.value(), 12u);
  reflector.on_line(event("ADDED", thing("good", "20")), false);
  EXPECT_EQ(heard.take(), "+shop/good ");
}

TEST_F(ReflectorTest, AListWithBrokenMembersIsTheOthers) {
  (void)step();
  reflector.on_page(list_of(R"({"metadata":7},{},)" + thing("a") + R"(,{"metadata":{"name":""}})"));
  EXPECT_EQ(heard.take(), "[shop/a ]");
  EXPECT_EQ(reflector.stats().skipped.value(), 3u);
}

TEST_F(ReflectorTest, ABrokenPageLeavesWhatIsKnown) {
  begin(thing("a"));
  reflector.on_watch_refused(410, {});
  (void)step();
  reflector.on_page(R"({"metadata":{"resourceVersion":"5"},"items":[)" + thing("b"));
  EXPECT_EQ(heard.take(), "[shop/b ") << "begun, and never finished";
  EXPECT_TRUE(reflector.listed());
  EXPECT_EQ(step().what, What::kList);
  reflector.on_page(list_of(thing("c")));
  EXPECT_EQ(heard.take(), "[shop/c ]");
}

TEST_F(ReflectorTest, AsksForLessWhereAPageIsTooLarge) {
  (void)step();
  reflector.on_list_failed({Fault::kBodyTooLarge, Side::kUpstream, "too large"});
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=250");
  for (int i = 0; i < 20; ++i) {
    reflector.on_list_failed({Fault::kBodyTooLarge, Side::kUpstream, "too large"});
    (void)step();
  }
  EXPECT_EQ(reflector.stats().failures.value(), 21u);
}

TEST_F(ReflectorTest, LooksNowAndThenForAKindThatIsNotInstalled) {
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=500");
  reflector.on_list_refused(404, {}, "");
  EXPECT_EQ(step().target, "/apis/example.com/v1/things?limit=500") << "an older version";
  EXPECT_FALSE(reflector.listed());
  reflector.on_list_refused(404, {}, "");
  EXPECT_EQ(heard.take(), "[]") << "there is nothing of it";
  EXPECT_TRUE(reflector.listed());
  EXPECT_EQ(reflector.problem(), "");
  EXPECT_EQ(step().target, "/apis/example.com/v2/things?limit=500");
  EXPECT_EQ(waited, 1min);
  reflector.on_page(list_of(thing("a")));
  EXPECT_EQ(heard.take(), "[shop/a ]");
  // Said once, it may be a server that has just been started.
  (void)step();
  reflector.on_watch_refused(404, {});
  for (int version = 0; version < 2; ++version) {
    (void)step();
    reflector.on_list_refused(404, {}, "");
  }
  EXPECT_EQ(heard.take(), "");
  for (int version = 0; version < 2; ++version) {
    (void)step();
    reflector.on_list_refused(404, {}, "");
  }
  EXPECT_EQ(heard.take(), "[]");
}

TEST_F(ReflectorTest, AKindThatIsAlwaysThereIsNeverTakenForAbsent) {
  Reflector pods(kBuiltIn, heard, random);
  (void)pods.next();
  pods.on_list_refused(404, {}, "");
  EXPECT_FALSE(pods.listed());
  EXPECT_EQ(pods.problem(), "list of pods: 404");
}

TEST_F(ReflectorTest, KeepsNothingOfAnObjectThatNobodyReads) {
  const Json read = parse_object(event(
      "ADDED",
      R"({"metadata":{"name":"a","managedFields":[1],"annotations":{)"
      R"("kubectl.kubernetes.io/last-applied-configuration":"{}","keep":"1"}},)"
      R"("spec":{"volumes":[1],"containers":[{"name":"app","env":[1],"ports":[{"name":"env"}]}]}})"));
  EXPECT_EQ(read["object"].dump(),
            R"({"metadata":{"annotations":{"keep":"1"},"name":"a"},)"
            R"("spec":{"containers":[{"name":"app","ports":[{"name":"env"}]}]}})");
}

TEST(LineSplitter, FindsTheSameLinesHoweverTheyAreCut) {
  const std::string text = "one\n\ntwo two\n012345678901234\nthree\nhalf";
  const std::string lines = weft::testing::at_every_split(text, [](const auto& pieces) {
    LineSplitter splitter(10);
    std::string out;
    for (const std::string_view piece : pieces) {
      splitter.add(piece);
      while (auto line = splitter.next())
        out += "[" + line->text + (line->too_long ? "!" : "") + "]";
    }
    EXPECT_EQ(splitter.held(), 4u);
    return out;
  });
  EXPECT_EQ(lines, "[one][two two][!][three]");
}

}  // namespace
}  // namespace weft::control::kube
