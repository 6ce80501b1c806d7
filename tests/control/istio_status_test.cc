// What stands under `status` of Istio's kinds, and what of it is not ours to touch.

#include "control/kubernetes/istio_status.h"

#include <gtest/gtest.h>

#include "control/kubernetes/status_text.h"

namespace weft::control::kube {
namespace {

constexpr const char* kThen = "2026-01-31T12:00:00Z";
constexpr const char* kLater = "2026-01-31T13:00:00Z";

// "PassedAnalysis=True/noErrorsFound: …" a line each, then "IST0101 ERROR".
std::string said_in(const Json& conditions, const Json& messages) {
  std::string out;
  for (const Json& one : conditions) {
    out += text_at(one, {"type"}) + "=" + text_at(one, {"status"}) + "/" +
           text_at(one, {"reason"}) + ": " + text_at(one, {"message"}) + "\n";
  }
  for (const Json& one : messages) {
    out += text_at(one, {"type", "code"}) + " " + text_at(one, {"level"}) + "\n";
  }
  return out;
}
std::string said_of(const IstioVerdict& verdict) {
  const Json wanted = wanted_istio_status(verdict);
  return said_in(wanted["conditions"], wanted["messages"]);
}

HeldStatus held_with(const Json& status, std::int64_t generation = 4) {
  const Json object = {{"metadata", {{"resourceVersion", "7"}, {"generation", generation}}},
                       {"status", status}};
  return read_held_status(Kind::kVirtualService, object, "networking.istio.io/v1").value();
}

TEST(IstioStatus, SaysWhoHasIt) {
  EXPECT_EQ(said_of({.sidecars = {.all = 3, .have = 3}}),
            "PassedAnalysis=True/noErrorsFound: \n"
            "Reconciled=True/reconciled: 3/3 proxies up to date\n");
  EXPECT_EQ(said_of({.sidecars = {.all = 3, .have = 1}}),
            "PassedAnalysis=True/noErrorsFound: \n"
            "Reconciled=False/stillPropagating: 1/3 proxies up to date\n");
  EXPECT_EQ(said_of({.sidecars = {.all = 3, .have = 1, .refused = 2}}),
            "PassedAnalysis=True/noErrorsFound: \n"
            "Reconciled=False/refusedByProxies: 1/3 proxies up to date\n");
}

TEST(IstioStatus, SaysWhatIsWrongInTheCodesOfIstiosAnalysis) {
  EXPECT_EQ(said_of({.mistakes = "spec.hosts: want a list", .older_holds = true}),
            "PassedAnalysis=False/errorsFound: spec.hosts: want a list\n"
            "Reconciled=False/refused: the version before holds\n"
            "IST0106 ERROR\n");
  const Condition conflict{.type = "Accepted", .reason = "Conflicted", .message = "b holds"};
  const Condition nowhere{
      .type = "ResolvedRefs", .reason = "BackendNotFound", .message = "there is no Service x"};
  const Condition empty{
      .type = "EndpointsResolved", .reason = "NoEndpoints", .message = "nobody is v2"};
  EXPECT_EQ(said_of({.said = {&conflict, &nowhere, &nowhere, &empty}}),
            "PassedAnalysis=False/errorsFound: b holds; there is no Service x; there is no Service "
            "x; nobody is v2\n"
            "Reconciled=True/reconciled: 0/0 proxies up to date\n"
            "IST0109 ERROR\nIST0101 ERROR\nIST0101 WARNING\n");
}

TEST(IstioStatus, IsWrittenOnceAndItsTimesStay) {
  const Json wanted = wanted_istio_status({.sidecars = {.all = 2, .have = 1}});
  const StatusUpdate first =
      update_status(StatusShape::kIstio, held_with(Json::object()), wanted, kThen);
  EXPECT_EQ(first.change, StatusChange::kMeaning);
  EXPECT_EQ(first.status["observedGeneration"], 4);
  EXPECT_EQ(first.status["conditions"][1]["lastTransitionTime"], kThen);
  EXPECT_FALSE(first.status["conditions"][1].contains("observedGeneration"));
  const HeldStatus held = held_with(first.status);
  EXPECT_EQ(update_status(StatusShape::kIstio, held, wanted, kLater).change, StatusChange::kNone);
  // A count that moves on is words; a new generation of the object is more.
  const Json more = wanted_istio_status({.sidecars = {.all = 3, .have = 1}});
  const StatusUpdate counted = update_status(StatusShape::kIstio, held, more, kLater);
  EXPECT_EQ(counted.change, StatusChange::kWords);
  EXPECT_EQ(counted.status["conditions"][1]["lastTransitionTime"], kThen);
  EXPECT_EQ(update_status(StatusShape::kIstio, held_with(first.status, 5), wanted, kLater).change,
            StatusChange::kMeaning);
  const Json all = wanted_istio_status({.sidecars = {.all = 2, .have = 2}});
  EXPECT_EQ(update_status(StatusShape::kIstio, held, all, kLater)
                .status["conditions"][1]["lastTransitionTime"],
            kLater);
}

TEST(IstioStatus, LeavesWhatOthersSay) {
  const Json theirs = {
      {"conditions",
       {{{"type", "Theirs"}, {"status", "True"}},
        {{"type", "Reconciled"}, {"status", "True"}, {"lastProbeTime", nullptr}}}},
      {"validationMessages", {{{"type", {{"code", "IST0173"}}}, {"level", "INFO"}}}},
      {"observedGeneration", "3"}};
  const StatusUpdate update = update_status(StatusShape::kIstio, held_with(theirs),
                                            wanted_istio_status({.mistakes = "no"}), kThen);
  EXPECT_EQ(said_in(update.status["conditions"], update.status["validationMessages"]),
            "Theirs=True/: \n"
            "PassedAnalysis=False/errorsFound: no\n"
            "Reconciled=False/refused: nothing of it holds\n"
            "IST0173 INFO\nIST0106 ERROR\n");
  const StatusUpdate mended =
      update_status(StatusShape::kIstio, held_with(update.status), wanted_istio_status({}), kLater);
  EXPECT_EQ(mended.status["validationMessages"], theirs["validationMessages"]);
}

TEST(IstioStatus, BearsWhateverStandsThere) {
  for (const Json& odd : {Json(7), Json(nullptr), Json::array({1}),
                          Json{{"conditions", 7}, {"validationMessages", {1, "x", nullptr}}},
                          Json{{"conditions", {nullptr, 3, {{"type", 9}}}}}}) {
    const StatusUpdate update =
        update_status(StatusShape::kIstio, held_with(odd), wanted_istio_status({}), kThen);
    EXPECT_EQ(update.change, StatusChange::kMeaning) << odd;
  }
}

}  // namespace
}  // namespace weft::control::kube
