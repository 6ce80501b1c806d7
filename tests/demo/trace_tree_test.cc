// Whether spans hang together, and which certificate is the newest.

#include "tests/demo/trace_tree.h"

#include <gtest/gtest.h>

#include "tests/demo/certificate_watch.h"

namespace weft::demo {
namespace {

const std::string kWeb = R"({"traces": [
  {"trace_id": "other", "spans": [{"span_id": "99", "parent_id": "0", "kind": "server"}]},
  {"trace_id": "t", "spans": [{"span_id": "1", "parent_id": "caller", "kind": "server"},
                              {"span_id": "2", "parent_id": "1", "kind": "client"}]}]})";
const std::string kLedger = R"({"traces": [
  {"trace_id": "t", "spans": [{"span_id": "3", "parent_id": "2", "kind": "server"},
                              {"span_id": "4", "parent_id": "3", "kind": "client"}]}]})";

std::vector<SpanSeen> both(const std::string& ledger) {
  std::vector<SpanSeen> spans;
  read_spans(kWeb, "t", "web-a", spans);
  read_spans(ledger, "t", "ledger-a", spans);
  return spans;
}

TEST(TraceTree, FollowsTheParentsUp) {
  const std::vector<SpanSeen> spans = both(kLedger);
  EXPECT_EQ(spans.size(), 4U);
  EXPECT_EQ(way_to(spans, "ledger-a"),
            "web-a server > web-a client > ledger-a server > ledger-a client");
  EXPECT_EQ(way_to(spans, "ledger-a"), expected_way({"web-a", "ledger-a"}));
  EXPECT_EQ(orphans(spans, "caller"), 0U);
}

TEST(TraceTree, EndsWhereAParentIsMissing) {
  std::string torn = kLedger;
  torn.replace(torn.find(R"("parent_id": "2")"), 16, R"("parent_id": "7")");
  const std::vector<SpanSeen> spans = both(torn);
  EXPECT_EQ(way_to(spans, "ledger-a"), "ledger-a server > ledger-a client");
  EXPECT_EQ(orphans(spans, "caller"), 1U);
}

TEST(TraceTree, BearsACircleAndNonsense) {
  std::vector<SpanSeen> spans = {{"a", "1", "2", "server"}, {"a", "2", "1", "client"}};
  EXPECT_EQ(way_to(spans, "a"), "");
  read_spans("no page", "t", "a", spans);
  read_spans(R"({"traces": [7, {"trace_id": "t", "spans": 3}]})", "t", "a", spans);
  EXPECT_EQ(spans.size(), 2U);
}

TEST(TraceTree, ExpectsAnAppToBeEnteredAndLeft) {
  EXPECT_EQ(expected_way({"visitor", "web-a", "ledger-a"}),
            "visitor server > visitor client > web-a server > web-a client > web-a server > web-a "
            "client > ledger-a server > ledger-a client");
}

TEST(RenewalCount, CountsDifferentSerials) {
  RenewalCount count;
  EXPECT_EQ(count.renewals(), 0U);
  for (const char* serial : {"a", "a", "", "b", "a", "c"}) count.see(serial);
  EXPECT_EQ(count.renewals(), 2U);
}

TEST(RenewalCount, DoesNotCountTheFirstCertificateOfANewProcess) {
  RenewalCount count;
  for (const char* serial : {"a", "b"}) count.see(serial);
  count.start_anew();
  count.see("c");
  EXPECT_EQ(count.renewals(), 1U);
  count.see("d");
  EXPECT_EQ(count.renewals(), 2U);
}

TEST(RenewalCount, LooksAtTheLongestLastingLeafOfItsName) {
  const std::string page = R"({"certificates": [
    {"kind": "chain", "identity": "spiffe://d/web", "serial": "old", "not_after": 10},
    {"kind": "chain", "identity": "spiffe://d/web", "serial": "new", "not_after": 20},
    {"kind": "chain", "identity": "spiffe://d/cart", "serial": "other", "not_after": 30},
    {"kind": "roots", "identity": "spiffe://d/web", "serial": "root", "not_after": 40}]})";
  EXPECT_EQ(newest_serial(page, "spiffe://d/web"), "new");
  EXPECT_EQ(newest_serial("{}", "spiffe://d/web"), "");
}

}  // namespace
}  // namespace weft::demo
