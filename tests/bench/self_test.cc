#include "tests/bench/self_test.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/http2_wire.h"
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

// One end of a connection without a socket; it writes down what it is told.
struct WireEnd final : Http2Wire::Events {
  WireEnd(Http2Wire::Side side, std::vector<Fields> blocks)
      : wire(side, *this, std::move(blocks), 100) {}

  void on_peer_settings() override { said += "settings "; }
  void on_field(Http2Wire::StreamId id, std::string_view name, std::string_view value) override {
    said += std::to_string(id) + ' ' + std::string{name} + '=' + std::string{value} + ' ';
  }
  void on_fields_end(Http2Wire::StreamId id, bool is_last) override {
    said += std::to_string(id) + (is_last ? " fields, end " : " fields ");
  }
  void on_data(Http2Wire::StreamId id, std::string_view bytes, bool is_last) override {
    received += bytes.size();
    if (is_last) said += std::to_string(id) + " data end ";
  }
  void on_reset(Http2Wire::StreamId id) override { said += std::to_string(id) + " reset "; }
  void on_goaway() override { said += "goaway "; }

  Http2Wire wire;
  std::string said;
  std::size_t received = 0;
};

// Everything both have to say, in pieces of `piece` bytes.
void converse(WireEnd& client, WireEnd& server, std::size_t piece) {
  while (!client.wire.output().empty() || !server.wire.output().empty()) {
    for (auto [from, to] : {std::pair{&client, &server}, std::pair{&server, &client}}) {
      const std::string bytes = std::exchange(from->wire.output(), {});
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        expect(to->wire.feed(std::string_view{bytes}.substr(at, piece)), "frames are understood");
      }
    }
  }
}

void http2_is_spoken_in_any_pieces() {
  for (const std::size_t piece : {1UL, 2UL, 7UL, 9UL, 10UL, 1000UL, 100000UL}) {
    WireEnd client{Http2Wire::Side::kClient, {{{":method", "POST"}, {"x-tenant", "7d1f0c52"}}}};
    WireEnd server{Http2Wire::Side::kServer, {{{":status", "200"}}, {{"grpc-status", "0"}}}};
    converse(client, server, piece);
    expect(client.said == "settings " && server.said == "settings ", "settings are exchanged");
    // From the third on the header blocks are the kept ones.
    for (Http2Wire::StreamId id = 1; id < 11; id += 2) {
      client.said.clear();
      server.said.clear();
      const std::string number = std::to_string(id);
      expect(client.wire.open() == id, "streams count up");
      client.wire.send_block(id, 0, false);
      client.wire.send_data(id, "request", true);
      converse(client, server, piece);
      expect(server.said == number + " :method=POST " + number + " x-tenant=7d1f0c52 " + number +
                                " fields " + number + " data end ",
             "a request arrives as it was sent");
      server.wire.send_block(id, 0, false);
      server.wire.send_data(id, "answer", false);
      server.wire.send_block(id, 1, true);
      converse(client, server, piece);
      expect(client.said == number + " :status=200 " + number + " fields " + number +
                                " grpc-status=0 " + number + " fields, end ",
             "an answer and its trailers arrive as they were sent");
    }
  }
}

void http2_waits_for_windows() {
  constexpr std::size_t kMuch = 3'000'000;
  WireEnd client{Http2Wire::Side::kClient, {{{":method", "POST"}}}};
  WireEnd server{Http2Wire::Side::kServer, {{{":status", "200"}}, {{"grpc-status", "0"}}}};
  converse(client, server, 100000);
  const auto id = client.wire.open();
  client.wire.send_block(id, 0, true);
  converse(client, server, 100000);
  client.said.clear();
  server.wire.send_block(id, 0, false);
  server.wire.send_data(id, std::string(kMuch, 'w'), false);
  server.wire.send_block(id, 1, true);
  expect(server.wire.output().size() < kMuch / 2, "no more is sent than the windows allow");
  converse(client, server, 100000);
  expect(client.received == kMuch, "all of it arrives as windows grow");
  expect(client.said.ends_with("grpc-status=0 1 fields, end "), "trailers come last");
}

void http2_nonsense_is_refused() {
  WireEnd server{Http2Wire::Side::kServer, {{{":status", "200"}}}};
  expect(!server.wire.feed("GET / HTTP/1.1\r\nhost: bench.local\r\n\r\n"), "a preface comes first");
  WireEnd client{Http2Wire::Side::kClient, {{{":method", "GET"}}}};
  expect(!client.wire.feed(std::string_view{"\xff\xff\xff\0\0\0\0\0\1", 9}), "a frame past 16 KiB");
}

}  // namespace

int self_test() {
  every_value_lies_in_its_bucket();
  quantiles_are_within_a_bucket();
  messages_end_where_they_should();
  nonsense_is_malformed();
  http2_is_spoken_in_any_pieces();
  http2_waits_for_windows();
  http2_nonsense_is_refused();
  return g_wrong;
}

}  // namespace weft::bench
