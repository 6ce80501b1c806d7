#include "sidecar/http/grpc.h"

#include <gtest/gtest.h>

namespace weft::http {
namespace {

using namespace std::chrono_literals;

TEST(GrpcReader, CutsMessagesAtEverySplit) {
  Buffer wire;
  write_grpc_message(wire, "first");
  write_grpc_message(wire, "");
  write_grpc_message(wire, std::string(300, 'x'));
  const std::string text = wire.to_string();
  for (std::size_t split = 0; split <= text.size(); ++split) {
    GrpcReader reader(300);
    std::string seen;
    for (const std::string& part : {text.substr(0, split), text.substr(split)}) {
      reader.feed(Buffer(part));
      while (true) {
        Result<std::optional<Buffer>> message = reader.next();
        ASSERT_TRUE(message.has_value());
        if (!*message) break;
        seen += "[" + (**message).to_string() + "]";
      }
    }
    EXPECT_EQ(seen, "[first][][" + std::string(300, 'x') + "]");
    EXPECT_FALSE(reader.mid_message());
  }
}

TEST(GrpcReader, KnowsThatAMessageIsCutShort) {
  GrpcReader reader(100);
  reader.feed(Buffer(std::string_view("\0\0\0\0\5hel", 8)));
  EXPECT_FALSE((*reader.next()).has_value());
  EXPECT_TRUE(reader.mid_message());
}

TEST(GrpcReader, RefusesWhatIsTooLargeBeforeItArrives) {
  GrpcReader reader(100);
  reader.feed(Buffer(std::string_view("\0\xff\xff\xff\xff", 5)));
  const auto message = reader.next();
  ASSERT_FALSE(message.has_value());
  EXPECT_EQ(message.error().fault, Fault::kBodyTooLarge);
  EXPECT_FALSE(reader.next().has_value());
}

TEST(GrpcReader, RefusesCompression) {
  GrpcReader reader(100);
  reader.feed(Buffer(std::string_view("\1\0\0\0\1x", 6)));
  EXPECT_EQ(reader.next().error().fault, Fault::kProtocol);
}

TEST(GrpcMessage, EscapesAndComesBack) {
  EXPECT_EQ(encode_grpc_message("plain text, 100% \n\xc3\xa9"), "plain text, 100%25 %0A%C3%A9");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(decode_grpc_message(encode_grpc_message(all)), all);
}

TEST(GrpcMessage, KeepsWhatIsNoEscape) {
  EXPECT_EQ(decode_grpc_message("%"), "%");
  EXPECT_EQ(decode_grpc_message("%4"), "%4");
  EXPECT_EQ(decode_grpc_message("%zz%41"), "%zzA");
}

TEST(GrpcTimeout, ReadsEveryUnit) {
  EXPECT_EQ(parse_grpc_timeout("1H"), Duration(1h));
  EXPECT_EQ(parse_grpc_timeout("2M"), Duration(2min));
  EXPECT_EQ(parse_grpc_timeout("3S"), Duration(3s));
  EXPECT_EQ(parse_grpc_timeout("4m"), Duration(4ms));
  EXPECT_EQ(parse_grpc_timeout("5u"), Duration(5us));
  EXPECT_EQ(parse_grpc_timeout("6n"), Duration(6ns));
  EXPECT_EQ(parse_grpc_timeout("0S"), Duration(0));
}

TEST(GrpcTimeout, ClampsOrIgnoresNonsense) {
  EXPECT_EQ(parse_grpc_timeout("99999999H"), kGrpcTimeoutMax);
  for (const char* text : {"", "S", "1", "-1S", "+1S", "1x", "1s", " 1S", "1S ", "1.5S",
                           "123456789S", "12345678901234567890H"}) {
    EXPECT_EQ(parse_grpc_timeout(text), std::nullopt) << text;
  }
}

TEST(GrpcTimeout, PrintsTheFinestUnitThatFits) {
  EXPECT_EQ(format_grpc_timeout(5ms), "5000000n");
  EXPECT_EQ(format_grpc_timeout(1s), "1000000u");
  EXPECT_EQ(format_grpc_timeout(10min), "600000m");
  EXPECT_EQ(format_grpc_timeout(Duration(0)), "1n");
  EXPECT_EQ(format_grpc_timeout(-5s), "1n");
  EXPECT_EQ(format_grpc_timeout(Duration::max()), "2562047H");
  for (const Duration d :
       {Duration(1), Duration(99'999'999), Duration(100'000'001), Duration(24h)}) {
    EXPECT_LE(*parse_grpc_timeout(format_grpc_timeout(d)), d);
    EXPECT_GT(*parse_grpc_timeout(format_grpc_timeout(d)), d - d / 100'000 - Duration(1));
  }
}

TEST(GrpcStatus, HasANameANumberAndAnHttpCounterpart) {
  for (int i = 0; i <= 16; ++i) {
    const auto status = static_cast<GrpcStatus>(i);
    EXPECT_EQ(number_of(status), std::to_string(i));
    EXPECT_EQ(grpc_status_from(number_of(status)), status);
    EXPECT_FALSE(name_of(status).empty());
    EXPECT_GE(http_status_of_grpc(status), 200);
  }
  for (const char* text : {"17", "-1", "", "04", "x"})
    EXPECT_EQ(grpc_status_from(text), std::nullopt) << text;
  EXPECT_EQ(grpc_status_of_http(503), GrpcStatus::kUnavailable);
  EXPECT_EQ(grpc_status_of_http(404), GrpcStatus::kUnimplemented);
  EXPECT_EQ(grpc_status_of_http(500), GrpcStatus::kUnknown);
}

TEST(GrpcOutcome, PrefersTrailersThenTheHeadThenTheStatus) {
  const Headers trailers = make_grpc_trailers(GrpcStatus::kNotFound, "no cart");
  const ResponseHead head = make_grpc_head();
  EXPECT_EQ(read_grpc_outcome(head, &trailers).status, GrpcStatus::kNotFound);
  EXPECT_EQ(read_grpc_outcome(head, &trailers).message, "no cart");
  EXPECT_EQ(read_grpc_outcome(head, nullptr).status, GrpcStatus::kUnknown);
  const ResponseHead only = make_trailers_only(GrpcStatus::kUnavailable, "ümlaut");
  EXPECT_EQ(*only.headers.find(HeaderId::kGrpcMessage), "%C3%BCmlaut");
  EXPECT_EQ(read_grpc_outcome(only, nullptr).status, GrpcStatus::kUnavailable);
  EXPECT_EQ(read_grpc_outcome(only, nullptr).message, "ümlaut");
  ResponseHead bad;
  bad.status = 502;
  EXPECT_EQ(read_grpc_outcome(bad, nullptr).status, GrpcStatus::kUnavailable);
  Headers odd;
  odd.add_copy("grpc-status", "99");
  EXPECT_EQ(read_grpc_outcome(head, &odd).status, GrpcStatus::kUnknown);
}

}  // namespace
}  // namespace weft::http
