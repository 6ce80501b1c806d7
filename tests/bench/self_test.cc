#include "tests/bench/self_test.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/bench/histogram.h"
#include "tests/bench/message.h"

namespace weft::bench {
namespace {

using Kind = MessageReader::Kind;
using Progress = MessageReader::Progress;

int g_wrong = 0;

void expect(bool holds, std::string_view what) {
  if (holds) return;
  ++g_wrong;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
}

void every_value_lies_in_its_bucket() {
  const Histogram histogram;
  bool contains = true;
  bool narrow = true;
  for (std::uint64_t value = 0; value < (1U << 20U); ++value) {
    const Histogram::Bucket bucket = histogram.bucket(Histogram::index_of(value));
    contains &= value >= bucket.lowest && value <= bucket.highest;
    narrow &= bucket.highest - bucket.lowest <= value / Histogram::kSteps;
  }
  expect(contains, "every value lies in its bucket");
  expect(narrow, "a bucket is at most 1/64 wide");
  expect(Histogram::index_of(~std::uint64_t{0}) == Histogram::kBuckets - 1,
         "the largest value counts in the last bucket");
}

void quantiles_are_within_a_bucket() {
  Histogram once;
  for (int us = 1; us <= 1000; ++us) once.record(std::chrono::microseconds{us});
  Histogram twice = once;
  twice.merge(once);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double found = static_cast<double>(twice.quantile(share).count()) / (share * 1e6);
    expect(found >= 1.0 && found <= 1.016, "a quantile of 1..1000 us is within its bucket");
  }
  expect(twice.count() == 2000, "merging adds counts");
  expect(twice.max() == std::chrono::milliseconds{1}, "merging keeps the maximum");
  expect(Histogram{}.quantile(0.5).count() == 0, "an empty histogram answers zero");
}

// One piece up to the cut, one after it; then what follows must be left untouched.
void reads_to_its_end(Kind kind, std::string_view message, std::uint64_t body) {
  const std::string stream = std::string{message} + "NEXT";
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    MessageReader reader{kind};
    std::string_view head = std::string_view{stream}.substr(0, cut);
    Progress progress = reader.feed(head);
    expect(head.empty(), "bytes of an unfinished message are taken");
    expect(progress == (cut == message.size() ? Progress::kDone : Progress::kMore),
           "a message is done at its last byte and no earlier");
    std::string_view rest = std::string_view{stream}.substr(cut);
    if (progress == Progress::kMore) progress = reader.feed(rest);
    expect(progress == Progress::kDone, "a message cut anywhere is read");
    expect(rest == "NEXT", "bytes after a message are left");
    expect(reader.body_bytes() == body, "body bytes are counted");
  }
}

void messages_end_where_they_should() {
  reads_to_its_end(Kind::kRequest, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", 0);
  reads_to_its_end(Kind::kRequest, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 3);
  reads_to_its_end(Kind::kAnswer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 5);
  reads_to_its_end(Kind::kAnswer, "HTTP/1.1 204 No Content\r\n\r\n", 0);
  reads_to_its_end(Kind::kAnswer,
                   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n.", 1);
  reads_to_its_end(Kind::kAnswer,
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "4;x=y\r\nwiki\r\nA\r\n0123456789\r\n0\r\nt: v\r\n\r\n",
                   14);
}

void nonsense_is_malformed() {
  for (const std::string_view text :
       {"HTTP/2 200 OK\r\nx: y\r\n\r\n", "HTTP/1.1 999 X\r\nx: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"}) {
    MessageReader reader{Kind::kAnswer};
    std::string_view bytes = text;
    expect(reader.feed(bytes) == Progress::kMalformed, text);
  }
}

}  // namespace

int self_test() {
  every_value_lies_in_its_bucket();
  quantiles_are_within_a_bucket();
  messages_end_where_they_should();
  nonsense_is_malformed();
  return g_wrong;
}

}  // namespace weft::bench
