// Http2StreamTable beside a std::map, in the order in which streams come and go.
#include "sidecar/http/http2_stream_table.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "sidecar/http/http2_session.h"

namespace weft::http {
namespace {

// A stream only names its session here.
Http2Session& nobody() {
  static std::max_align_t place;
  return reinterpret_cast<Http2Session&>(place);
}

TEST(Http2StreamTable, FindsWhatIsThereAndNothingElse) {
  std::mt19937 random(7541);
  Http2StreamTable table;
  std::map<std::int32_t, std::unique_ptr<Http2Stream>> kept;
  EXPECT_EQ(table.find(1), nullptr);
  std::int32_t next = 1;
  for (int step = 0; step < 20'000; ++step) {
    if (kept.empty() || random() % 100 < (step % 2000 < 1000 ? 60 : 40)) {
      auto stream = std::make_unique<Http2Stream>(nobody(), next);
      table.insert(*stream);
      kept.emplace(next, std::move(stream));
      // Numbers may be skipped (RFC 9113 section 5.1.1), and far ones meet near ones in one place.
      next += 2 * static_cast<std::int32_t>(1 + random() % 40);
    } else {
      auto gone = std::next(kept.begin(), static_cast<std::ptrdiff_t>(random() % kept.size()));
      table.erase(*gone->second);
      EXPECT_EQ(table.find(gone->first), nullptr);
      kept.erase(gone);
    }
    ASSERT_EQ(table.size(), kept.size());
    if (step % 97 != 0) continue;
    for (const auto& [id, stream] : kept) ASSERT_EQ(table.find(id), stream.get()) << step;
  }
}

TEST(Http2StreamTable, WhatProbedPastAGoneStreamIsStillFound) {
  Http2StreamTable table;
  // All want one place of the first eight.
  Http2Stream a(nobody(), 1);
  Http2Stream b(nobody(), 17);
  Http2Stream c(nobody(), 33);
  Http2Stream d(nobody(), 3);
  for (Http2Stream* stream : {&a, &b, &c, &d}) table.insert(*stream);
  table.erase(a);
  EXPECT_EQ(table.find(17), &b);
  EXPECT_EQ(table.find(33), &c);
  EXPECT_EQ(table.find(3), &d);
  table.erase(b);
  EXPECT_EQ(table.find(33), &c);
  EXPECT_EQ(table.find(3), &d);
  EXPECT_EQ(table.find(1), nullptr);
}

}  // namespace
}  // namespace weft::http
