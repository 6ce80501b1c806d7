// Stream over memory: what both ends hear, at every way the wire may cut the bytes.
#include "tls/stream.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

TEST(Stream, TellsEachSideWhoTheOtherIs) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready");
  EXPECT_EQ(pair.server.story(), "ready");
  EXPECT_EQ(pair.client.stream->tls().peer.uri(), "spiffe://cluster.local/ns/shop/sa/server");
  EXPECT_EQ(pair.server.stream->tls().peer.uri(), "spiffe://cluster.local/ns/shop/sa/client");
  for (const Party* party : {&pair.client, &pair.server}) {
    const TlsInfo& info = party->stream->tls();
    EXPECT_TRUE(info.secured);
    EXPECT_EQ(info.alpn, "h2");
    EXPECT_EQ(info.server_name, "outbound.server.shop");
    EXPECT_EQ(info.version, "TLSv1.3");
    EXPECT_EQ(info.cipher, "TLS_AES_128_GCM_SHA256");
  }
  EXPECT_EQ(cast.library->accepted().value(HandshakeResult::kOk), 1U);
  EXPECT_EQ(cast.library->connected().value(HandshakeResult::kOk), 1U);
}

class StreamInPieces : public ::testing::TestWithParam<std::size_t> {};

TEST_P(StreamInPieces, CarriesBytesBothWaysThroughAHandshakeAndARecordCutAnywhere) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.piece = GetParam()}});
  pair.client.greeting = "GET / HTTP/1.1\r\n\r\n";
  pair.server.greeting = "hello";
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready, heard hello");
  EXPECT_EQ(pair.server.story(), "ready, heard GET / HTTP/1.1\r\n\r\n");
  const std::string more = pattern(40'000);
  pair.client.ear.text.clear();
  pair.server.ear.text.clear();
  pair.client.say(more);
  pair.server.say(more);
  pair.run();
  EXPECT_EQ(pair.client.ear.text, more);
  EXPECT_EQ(pair.server.ear.text, more);
}

TEST_P(StreamInPieces, DoesTheSameWithTls12) {
  Cast cast;
  cast.server_settings.version_max = TlsSettings::Version::kTls12;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.piece = GetParam()}});
  pair.client.greeting = "ping";
  pair.server.greeting = "pong";
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready, heard pong");
  EXPECT_EQ(pair.server.story(), "ready, heard ping");
  EXPECT_EQ(pair.client.stream->tls().version, "TLSv1.2");
  EXPECT_EQ(pair.server.stream->tls().peer.uri(), "spiffe://cluster.local/ns/shop/sa/client");
}

INSTANTIATE_TEST_SUITE_P(Sizes, StreamInPieces,
                         ::testing::Values(1, 2, 3, 5, 7, 64, 1000, 16'389, 65'536));

TEST(Stream, CarriesMegabytesBothWaysAtOnce) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.piece = 60'000, .wire = 300'000}});
  pair.run();
  const std::string there = pattern(5'000'000);
  const std::string back = pattern(3'000'001);
  pair.client.say(there);
  pair.server.say(back);
  EXPECT_GT(pair.client.stream->buffered(), Transport::kHighMark);
  pair.run();
  EXPECT_TRUE(pair.server.ear.text == there);
  EXPECT_TRUE(pair.client.ear.text == back);
  EXPECT_EQ(pair.client.ear.writable, 1);
  EXPECT_EQ(pair.client.stream->buffered(), 0U);
}

TEST(Stream, StopsEncryptingAboveTheLowerHighMark) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.wire = 100'000}});
  pair.run();
  pair.server.stream->pause();
  pair.run();
  const std::size_t before = pair.pipe.sent_to(MemoryPipe::End::kRight).size();
  pair.client.say(pattern(4'000'000));
  pair.run();
  // Only what the wire takes was sent; of the rest at most one high mark and one record became
  // ciphertext.
  EXPECT_LE(pair.pipe.sent_to(MemoryPipe::End::kRight).size() - before, 200'000U);
  EXPECT_GT(pair.client.stream->buffered(), 3'500'000U);
  EXPECT_EQ(pair.server.ear.text.size(), 0U);
  EXPECT_EQ(pair.client.ear.writable, 0);
  pair.server.stream->resume();
  pair.run();
  EXPECT_TRUE(pair.server.ear.text == pattern(4'000'000));
  EXPECT_EQ(pair.client.ear.writable, 1);
}

// The writer asks buffered() and stops above the mark: from then on it hears of room exactly once.
TEST(Stream, DoesNotBelieveALowerTransportThatSpeaksOfThePast) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.wire = 100'000}});
  pair.run();
  pair.server.stream->pause();
  pair.client.say(pattern(600'000));
  pair.run();
  ASSERT_GT(pair.client.stream->buffered(), Transport::kHighMark);
  // It had drained, but before its deferred call came it was filled again.
  pair.client.stream->on_writable();
  pair.run();
  EXPECT_EQ(pair.client.ear.writable, 0) << "there is no room";
  pair.server.stream->resume();
  pair.run();
  EXPECT_EQ(pair.client.ear.writable, 1);
  EXPECT_EQ(pair.server.ear.text.size(), 600'000U);
}

TEST(Stream, CountsWhatEncryptionAddsTowardsTheHighMark) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.pipe.set_wire(0);
  pair.client.say(pattern(Transport::kHighMark));
  ASSERT_GT(pair.client.stream->buffered(), Transport::kHighMark);
  pair.pipe.set_wire(SIZE_MAX);
  pair.run();
  EXPECT_EQ(pair.client.ear.writable, 1);
}

TEST(Stream, GathersSmallWritesIntoOneRecord) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  const std::size_t before = pair.pipe.sent_to(MemoryPipe::End::kRight).size();
  for (int i = 0; i < 50; ++i) pair.client.stream->write(Buffer("0123456789"));
  pair.client.stream->flush();
  pair.run();
  // 5 bytes of header, 1 of content type, 16 of tag: once.
  EXPECT_EQ(pair.pipe.sent_to(MemoryPipe::End::kRight).size() - before, 500U + 22U);
  EXPECT_EQ(pair.server.ear.text.size(), 500U);
}

TEST(Stream, SendsTheFirstRequestTogetherWithTheEndOfTheHandshake) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.client.greeting = "first";
  // ClientHello, then the server's flight; the client answers within the turn in which it became
  // ready.
  pair.pipe.step();
  pair.pipe.step();
  EXPECT_FALSE(pair.server.ready);
  pair.pipe.step();
  EXPECT_EQ(pair.server.story(), "ready, heard first");
}

// Takes only so many bytes of each offer and may pause afterwards.
class SlowEar final : public Ear {
 public:
  Stream* stream = nullptr;
  std::size_t appetite = 10;
  bool pauses = true;
  void on_bytes(Buffer& bytes) override {
    ++events;
    const std::size_t size = std::min(appetite, bytes.size());
    text += bytes.split(size).to_string();
    if (pauses) stream->pause();
  }
};

TEST(Stream, OffersAgainAfterResumeWhatAPausedSinkLeft) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  SlowEar ear;
  ear.stream = pair.server.stream.get();
  pair.server.stream->set_sink(&ear);
  pair.client.say("abcdefghijklmnopqrstuvwxyz");
  pair.run();
  EXPECT_EQ(ear.text, "abcdefghij");
  EXPECT_EQ(ear.events, 1);
  pair.server.stream->resume();
  EXPECT_EQ(ear.events, 1) << "resume must not call back";
  pair.run();
  EXPECT_EQ(ear.text, "abcdefghijklmnopqrst");
  pair.server.stream->resume();
  pair.run();
  EXPECT_EQ(ear.text, "abcdefghijklmnopqrstuvwxyz");
}

TEST(Stream, LosesNothingWhenTheSinkPausesAtEveryOffer) {
  const Cast cast;
  for (const std::size_t appetite : {1000U, 17'000U, 300'000U}) {
    MeshPair pair(cast.client(), cast.server(), {.pipe = {.piece = 50'000, .wire = 200'000}});
    pair.run();
    SlowEar ear;
    ear.stream = pair.server.stream.get();
    ear.appetite = appetite;
    pair.server.stream->set_sink(&ear);
    const std::string sent = pattern(1'000'000);
    pair.client.say(sent);
    pair.client.stream->shutdown_write();
    for (int i = 0; i < 3000 && !ear.ended; ++i) {
      pair.run();
      pair.server.stream->resume();
    }
    EXPECT_TRUE(ear.text == sent) << appetite;
    EXPECT_TRUE(ear.ended) << appetite;
  }
}

TEST(Stream, StopsTheLowerTransportWhilePaused) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.piece = 10'000, .wire = 50'000}});
  pair.run();
  pair.server.stream->pause();
  pair.client.say(pattern(100'000));
  pair.run();
  EXPECT_TRUE(pair.pipe.is_paused(MemoryPipe::End::kRight));
  EXPECT_EQ(pair.server.ear.text.size(), 0U);
  pair.server.stream->resume();
  pair.run();
  EXPECT_EQ(pair.server.ear.text.size(), 100'000U);
}

TEST(Stream, KeepsBytesForASinkThatComesLater) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.client.greeting = "early";
  pair.run();
  pair.server.stream->set_sink(nullptr);
  pair.client.say(" and later");
  pair.client.stream->shutdown_write();
  pair.run();
  EXPECT_EQ(pair.server.ear.text, "early");
  Ear other;
  pair.server.stream->set_sink(&other);
  EXPECT_EQ(other.events, 0);
  pair.run();
  EXPECT_EQ(other.text, " and later");
  EXPECT_TRUE(other.ended);
}

TEST(Stream, FaultsASinkThatNeitherTakesNorPauses) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  SlowEar ear;
  ear.stream = pair.server.stream.get();
  ear.appetite = 0;
  ear.pauses = false;
  pair.server.stream->set_sink(&ear);
  for (int i = 0; i < 100; ++i) {
    pair.client.say(pattern(10'000));
    pair.run();
  }
  ASSERT_TRUE(ear.fault.has_value());
  EXPECT_EQ(ear.fault->fault, Fault::kLimit);
}

// ---- the end ----

TEST(Stream, EndsEachDirectionByItself) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.client.say("question");
  pair.client.stream->shutdown_write();
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard question, end");
  pair.server.say("answer");
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready, heard answer");
  pair.server.stream->shutdown_write();
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready, heard answer, end");
}

TEST(Stream, SendsEverythingBeforeTheEnd) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server(), {.pipe = {.wire = 20'000}});
  pair.run();
  pair.client.stream->write(Buffer(pattern(900'000)));
  pair.client.stream->shutdown_write();
  pair.client.stream->write(Buffer("too late"));
  pair.run();
  EXPECT_TRUE(pair.server.ear.text == pattern(900'000));
  EXPECT_TRUE(pair.server.ear.ended);
}

TEST(Stream, FaultsWhenTheInputEndsWithoutCloseNotify) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.client.greeting = "half a body";
  pair.run();
  pair.pipe.end_input(MemoryPipe::End::kRight);
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard half a body, fault closed");
  EXPECT_EQ(pair.server.ear.fault->side, Side::kDownstream);
}

TEST(Stream, FaultsAlsoWhenARecordIsCutInTheMiddle) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.pipe.set_wire(5000);
  pair.client.say(pattern(10'000));
  pair.pipe.step();
  pair.pipe.end_input(MemoryPipe::End::kRight);
  pair.pipe.set_wire(0);
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, fault closed");
}

TEST(Stream, TellsTheTruncationAfterWhatAPausedSinkHadNotHeard) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.client.say("first");
  pair.pipe.step();
  pair.server.stream->pause();
  pair.client.say("second");
  pair.run();
  pair.pipe.end_input(MemoryPipe::End::kRight);
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard first");
  pair.server.stream->resume();
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard firstsecond, fault closed");
}

TEST(Stream, PassesTheLowerFaultOn) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.pipe.break_end(MemoryPipe::End::kLeft, Error{Fault::kReset, Side::kUpstream, "reset"});
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready, fault reset");
}

TEST(Stream, AbortIsSilentForTheCallerAndAFaultForThePeer) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.client.stream->abort();
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready");
  EXPECT_TRUE(pair.pipe.is_aborted(MemoryPipe::End::kLeft));
  EXPECT_EQ(pair.server.story(), "ready, fault reset");
}

TEST(Stream, FaultsOnAForgedRecordAndSaysSoToThePeer) {
  const Cast cast;
  Turn turn{TimePoint{}};
  MemoryPipe pipe(turn);
  Party server;
  server.stream = Stream::accept(turn, pipe.take_right(), cast.server(), server, {});
  Party client;
  client.stream = Stream::connect(turn, pipe.take_left(), cast.client(), client, {});
  pipe.run();
  ASSERT_TRUE(server.ready);
  // Take the client's place on the wire.
  Buffer forged(std::string_view("\x17\x03\x03\x00\x20this is not encrypted with the key", 37));
  server.stream->on_bytes(forged);
  EXPECT_EQ(server.story(), "ready, fault protocol");
  pipe.run();
  EXPECT_EQ(client.story(), "ready, fault tls handshake") << "an alert in place of the first data";
}

// ---- handshakes that fail ----

TEST(Stream, GivesUpAtTheDeadline) {
  const Cast cast;
  Turn turn{TimePoint{}};
  MemoryPipe pipe(turn);
  const std::unique_ptr<Transport> silent = pipe.take_left();
  Party server;
  server.stream = Stream::accept(turn, pipe.take_right(), cast.server(), server,
                                 {.handshake_timeout = seconds(5)});
  turn.advance(turn.now() + milliseconds(4900));
  turn.end();
  EXPECT_EQ(server.story(), "");
  turn.advance(turn.now() + milliseconds(200));
  EXPECT_EQ(server.story(), "timeout (tls timeout)");
  EXPECT_EQ(pipe.sent_to(MemoryPipe::End::kLeft), "");
  EXPECT_EQ(cast.library->accepted().value(HandshakeResult::kTimeout), 1U);
}

TEST(Stream, ForgetsTheDeadlineOnceOpen) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  pair.advance(seconds(60));
  pair.client.say("still here");
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard still here");
}

TEST(Stream, AnswersPlainHttpWithSilence) {
  const Cast cast;
  for (const char* text : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                           "SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01garbage garbage garbage",
                           "\x80\x2e\x01\x03\x01 an old hello"}) {
    Turn turn{TimePoint{}};
    MemoryPipe pipe(turn);
    Ear ear;
    std::unique_ptr<Transport> plain = pipe.take_left();
    plain->set_sink(&ear);
    Party server;
    server.stream = Stream::accept(turn, pipe.take_right(), cast.server(), server, {});
    plain->write(Buffer(text));
    plain->flush();
    plain->shutdown_write();
    pipe.run();
    ASSERT_TRUE(server.failure.has_value()) << text;
    EXPECT_EQ(server.failure->fault, Fault::kTlsHandshake);
    if (text[0] == '\x16') continue;
    EXPECT_EQ(ear.text, "") << text;
  }
  EXPECT_GE(cast.library->accepted().value(HandshakeResult::kNotTls), 3U);
}

TEST(Stream, FailsWhenThePeerLeavesInTheMiddle) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.pipe.step();
  pair.pipe.end_input(MemoryPipe::End::kLeft);
  pair.pipe.end_input(MemoryPipe::End::kRight);
  pair.run();
  EXPECT_EQ(pair.server.story(), "closed (tls handshake)");
}

TEST(Stream, FailsWhenTheConnectionBreaksInTheMiddle) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.pipe.break_end(MemoryPipe::End::kRight, Error{Fault::kReset, Side::kDownstream, "reset"});
  pair.run();
  EXPECT_EQ(pair.server.story(), "closed (tls handshake)");
}

TEST(Stream, TakesTheBytesThatASnifferHadRead) {
  const Cast cast;
  Turn turn{TimePoint{}};
  MemoryPipe pipe(turn);
  Party client;
  client.stream = Stream::connect(turn, pipe.take_left(), cast.client(), client, {});
  Ear sniffer;
  std::unique_ptr<Transport> socket = pipe.take_right();
  socket->set_sink(&sniffer);
  turn.end();
  pipe.step();
  ASSERT_FALSE(sniffer.text.empty());
  Party server;
  server.stream =
      Stream::accept(turn, std::move(socket), cast.server(), server, {}, Buffer(sniffer.text));
  pipe.run();
  EXPECT_EQ(server.story(), "ready");
  EXPECT_EQ(client.story(), "ready");
}

TEST(Stream, BoundsTheLengthOfAHandshake) {
  const Cast cast;
  Turn turn{TimePoint{}};
  MemoryPipe pipe(turn, {.piece = 16'000});
  const std::unique_ptr<Transport> hostile = pipe.take_left();
  Party server;
  server.stream = Stream::accept(turn, pipe.take_right(), cast.server(), server, {});
  // A ClientHello that claims 16 MB, in records of one byte.
  std::string bytes;
  const std::string hello("\x01\xff\xff\xff", 4);
  for (std::size_t i = 0; i < 60'000; ++i) {
    bytes += std::string("\x16\x03\x01\x00\x01", 5);
    bytes += i < 4 ? hello[i] : 'x';
  }
  hostile->write(Buffer(bytes));
  hostile->flush();
  pipe.run();
  EXPECT_EQ(server.story(), "broken (tls handshake)");
}

// ---- being destroyed ----

class Destroyer final : public Stream::Owner, public Ear {
 public:
  enum class When { kReady, kFailed, kBytes, kEnd, kFault, kWritable };
  std::unique_ptr<Stream> stream;
  When when;
  bool ready = false;

  explicit Destroyer(When w) : when(w) {}
  void at(When now) {
    if (now == when) stream.reset();
  }
  void on_tls_ready(Stream& opened) override {
    ready = true;
    opened.set_sink(this);
    at(When::kReady);
  }
  void on_tls_failed(Stream&, const Error&, HandshakeResult) override { at(When::kFailed); }
  void on_bytes(Buffer& bytes) override {
    bytes.clear();
    at(When::kBytes);
  }
  void on_end() override { at(When::kEnd); }
  void on_fault(const Error&) override { at(When::kFault); }
  void on_writable() override { at(When::kWritable); }
};

TEST(Stream, MayBeDestroyedInsideAnyEvent) {
  using When = Destroyer::When;
  const Cast cast;
  for (const bool accepts : {true, false}) {
    for (const When when :
         {When::kReady, When::kFailed, When::kBytes, When::kEnd, When::kFault, When::kWritable}) {
      for (const std::size_t piece : {std::size_t{100}, std::size_t{100'000}}) {
        Turn turn{TimePoint{}};
        MemoryPipe pipe(turn, {.piece = piece, .wire = 100'000});
        Destroyer destroyer(when);
        Party other;
        other.greeting = "some bytes";
        if (accepts) {
          destroyer.stream = Stream::accept(turn, pipe.take_right(), cast.server(), destroyer, {});
          other.stream = Stream::connect(turn, pipe.take_left(), cast.client(), other, {});
        } else {
          destroyer.stream = Stream::connect(turn, pipe.take_left(), cast.client(), destroyer, {});
          other.stream = Stream::accept(turn, pipe.take_right(), cast.server(), other, {});
        }
        if (when == When::kFailed) {
          pipe.break_end(accepts ? MemoryPipe::End::kRight : MemoryPipe::End::kLeft, Error{});
        }
        pipe.run();
        if (when == When::kWritable) destroyer.stream->write(Buffer(pattern(400'000)));
        if (when == When::kWritable) destroyer.stream->flush();
        if (when == When::kEnd) other.stream->shutdown_write();
        if (when == When::kFault) other.stream->abort();
        pipe.run();
        EXPECT_EQ(destroyer.stream, nullptr) << accepts << ' ' << int(when) << ' ' << piece;
      }
    }
  }
}

TEST(Stream, IsSilentAboutTimersAfterDeath) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.client.stream.reset();
  pair.advance(seconds(100));
  pair.run();
  EXPECT_EQ(pair.client.story(), "");
  EXPECT_EQ(pair.server.story(), "timeout (tls timeout)");
}

// ---- memory ----

TEST(Stream, WorksOnAfterItsBuffersWereFreed) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.client.greeting = "before";
  pair.run();
  for (int i = 0; i < 3; ++i) {
    pair.client.say(" after");
    pair.server.say("yes ");
    pair.run();
  }
  EXPECT_EQ(pair.server.story(), "ready, heard before after after after");
  EXPECT_EQ(pair.client.story(), "ready, heard yes yes yes ");
  EXPECT_FALSE(pair.turn.wheel().next_wake().has_value() && pair.client.stream->buffered() != 0);
}

TEST(Stream, SleepsWhenIdle) {
  const Cast cast;
  MeshPair pair(cast.client(), cast.server());
  pair.run();
  for (int s = 0; s < 10; ++s) pair.advance(seconds(1));
  EXPECT_FALSE(pair.turn.wheel().next_wake().has_value())
      << "an idle connection must cost no wake-ups";
}

}  // namespace
}  // namespace weft::tls::testing
