// A TCP connection in the place of a stream: its bytes are bodies, its ends half-closes, its breaks
// resets, and back-pressure runs both ways.
#include "sidecar/proxy/raw_stream.h"

#include <gtest/gtest.h>

#include "tests/support/memory_transport.h"

namespace weft::proxy {
namespace {

using testing::Ear;
using testing::MemoryPipe;
using End = MemoryPipe::End;

// Whoever has the stream: writes down what it hears.
class RawHolder final : public http::ResponseSink {
 public:
  void on_body(Buffer&& bytes, bool end) override {
    said += bytes.to_string();
    bytes.clear();
    if (end) said += "<end>";
  }
  void on_trailers(http::Headers&&) override { said += "<trailers>"; }
  void on_sent(std::size_t bytes) override {
    sent += bytes;
    ++sent_events;
  }
  void on_stream_fault(const Error& error) override { said += "<" + to_string(error) + ">"; }
  void on_informational(http::ResponseHead&&) override { said += "<informational>"; }
  void on_response_head(http::ResponseHead&&, bool) override { said += "<head>"; }

  std::string said;
  std::size_t sent = 0;
  int sent_events = 0;
};

struct RawStreams : public ::testing::Test {
  RawStreams() { peer->set_sink(&ear); }
  void pass(Duration time) {
    turn.advance(turn.now() + time);
    pipe.run();
  }
  Turn turn{TimePoint(std::chrono::hours(1))};
  MemoryPipe pipe{turn};
  RawHolder holder;
  Ear ear;
  std::unique_ptr<Transport> peer = pipe.take_right();
  std::unique_ptr<RawStream> stream = std::make_unique<RawStream>(turn, pipe.take_left(), holder);
};

TEST_F(RawStreams, CarryBytesBothWaysAndNothingElse) {
  stream->send_body(Buffer("hello "), false);
  stream->send_body(Buffer("server"), false);
  pipe.run();
  EXPECT_EQ(ear.text, "hello server");
  EXPECT_EQ(holder.sent, 12U);
  peer->write(Buffer("hello caller"));
  peer->flush();
  pipe.run();
  EXPECT_EQ(holder.said, "hello caller");
  EXPECT_FALSE(stream->reused_connection());
}

TEST_F(RawStreams, EndEachDirectionOnItsOwn) {
  stream->send_body(Buffer("all"), true);
  pipe.run();
  EXPECT_EQ(ear.text, "all");
  EXPECT_TRUE(ear.ended);
  peer->write(Buffer("still here"));
  peer->flush();
  pipe.run();
  EXPECT_EQ(holder.said, "still here");
  peer->shutdown_write();
  pipe.run();
  EXPECT_EQ(holder.said, "still here<end>");
  stream.reset();
  EXPECT_FALSE(pipe.is_aborted(End::kLeft)) << "both had ended";
}

TEST_F(RawStreams, TakeTrailersForAnEnd) {
  stream->send_trailers(http::Headers());
  pipe.run();
  EXPECT_TRUE(ear.ended);
  EXPECT_EQ(ear.text, "");
}

TEST_F(RawStreams, SayWhenTheLastBytesBehindAnEndHaveLeft) {
  pipe.set_wire(10);
  stream->send_body(Buffer(std::string(25, 'x')), true);
  EXPECT_EQ(stream->buffered(), 25U);
  peer->pause();
  pipe.run();
  EXPECT_GT(stream->buffered(), 0U);
  const int events = holder.sent_events;
  pass(std::chrono::seconds(1));
  EXPECT_EQ(holder.sent_events, events) << "they are still there";
  peer->resume();
  pipe.run();
  pass(std::chrono::seconds(1));
  EXPECT_EQ(stream->buffered(), 0U);
  EXPECT_EQ(ear.text.size(), 25U);
  EXPECT_EQ(holder.sent, 25U);
  EXPECT_EQ(holder.sent_events, events + 1);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(holder.sent_events, events + 1) << "once";
}

TEST_F(RawStreams, StopReadingWhatNobodyTakes) {
  pipe.set_piece(64 * 1024);
  peer->write(Buffer(std::string(2 * Transport::kHighMark, 'y')));
  peer->flush();
  pipe.run();
  EXPECT_TRUE(pipe.is_paused(End::kLeft));
  const std::size_t heard = holder.said.size();
  EXPECT_EQ(heard, Transport::kHighMark);
  stream->consume(heard - Transport::kLowMark - 1);
  EXPECT_TRUE(pipe.is_paused(End::kLeft));
  stream->consume(1);
  EXPECT_FALSE(pipe.is_paused(End::kLeft));
  pipe.run();
  EXPECT_GT(holder.said.size(), heard);
}

TEST_F(RawStreams, HoldWhatTheConnectionDoesNotTake) {
  pipe.set_wire(1000);
  peer->pause();
  std::size_t given = 0;
  for (int i = 0; i < 8; ++i) {
    stream->send_body(Buffer(std::string(Transport::kHighMark, 'z')), false);
    given += Transport::kHighMark;
    pipe.run();
  }
  EXPECT_GE(holder.sent + stream->buffered(), given);
  EXPECT_LE(holder.sent, 2 * Transport::kHighMark) << "the holder is told to wait";
  peer->resume();
  pipe.set_wire(SIZE_MAX);
  pipe.run();
  EXPECT_EQ(ear.text.size(), given);
  EXPECT_EQ(holder.sent, given);
}

TEST_F(RawStreams, TellABreakOnceAsTheUpstreams) {
  pipe.break_end(End::kLeft, Error{Fault::kReset, Side::kDownstream, "gone"});
  pipe.run();
  EXPECT_EQ(holder.said, "<upstream reset: gone>");
  stream->send_body(Buffer("to nobody"), true);
  pipe.run();
  pass(std::chrono::seconds(1));
  EXPECT_EQ(holder.said, "<upstream reset: gone>");
  EXPECT_EQ(holder.sent_events, 0);
}

TEST_F(RawStreams, AResetIsOne) {
  stream->send_body(Buffer("half"), false);
  pipe.run();
  stream->reset(http::ResetReason::kCancel);
  EXPECT_TRUE(pipe.is_aborted(End::kLeft));
  pipe.run();
  EXPECT_TRUE(ear.fault.has_value());
  EXPECT_EQ(holder.said, "");
}

TEST_F(RawStreams, DroppedUnfinishedAreReset) {
  stream->send_body(Buffer("half"), true);
  pipe.run();
  stream.reset();
  EXPECT_TRUE(pipe.is_aborted(End::kLeft)) << "the server had not ended";
}

}  // namespace
}  // namespace weft::proxy
