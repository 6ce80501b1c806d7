#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "telemetry/access_record.h"
#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::string json(const AccessRecord& record) {
  std::string line;
  append_json(record, line);
  return line;
}

std::string text(const AccessRecord& record) {
  std::string line;
  append_text(record, line);
  return line;
}

AccessRecord served() {
  AccessRecord record;
  record.started = WallTime{} + std::chrono::seconds(1'460'751'420) + milliseconds(310);
  record.total = microseconds(12'345);
  record.head = milliseconds(11);
  record.upstream = microseconds(9'007);
  record.direction = Direction::kOutbound;
  record.wire = WireProtocol::kHttp11;
  record.method = "GET";
  record.authority = "cart.shop";
  record.path = "/items";
  record.user_agent = "curl/7.88";
  record.request_id = "11111111-2222";
  record.status = 200;
  record.bytes_out = 512;
  record.attempts = 1;
  record.source = intern_peer({.workload = intern("web-1"),
                               .workload_namespace = intern("shop"),
                               .principal = intern("spiffe://cluster.local/ns/shop/sa/web")});
  record.destination = intern_peer({.workload = intern("cart-v2-a"),
                                    .workload_namespace = intern("shop"),
                                    .canonical_revision = intern("v2"),
                                    .principal = intern("spiffe://cluster.local/ns/shop/sa/cart")});
  record.service = intern_service({.host = intern("cart.shop.svc.cluster.local")});
  record.source_address = "127.5.1.2:40000";
  record.upstream_address = "127.5.1.7:8080";
  record.tls = TlsVersion::kTls13;
  record.route = intern("shop/cart/main");
  record.backend = intern("cart-v2:80");
  record.generation = 42;
  record.trace.trace_id.bytes[15] = 0xab;
  record.trace.span_id.bytes[0] = 0x10;
  return record;
}

TEST(JsonLog, HasEveryFieldInOrder) {
  EXPECT_EQ(
      json(served()),
      R"({"time":"2016-04-15T20:17:00.310Z","direction":"outbound","method":"GET","authority":"cart.shop",)"
      R"("path":"/items","protocol":"HTTP/1.1","status":200,"grpc_status":null,"flags":null,"details":null,)"
      R"("cause":null,"policy":null,"duration_ms":12.345,"head_ms":11.000,"upstream_ms":9.007,"queue_ms":null,)"
      R"("bytes_in":0,"bytes_out":512,"attempts":1,"route":"shop/cart/main","backend":"cart-v2:80",)"
      R"("upstream":"127.5.1.7:8080","source":{"workload":"web-1","namespace":"shop",)"
      R"("principal":"spiffe://cluster.local/ns/shop/sa/web","address":"127.5.1.2:40000"},)"
      R"("destination":{"workload":"cart-v2-a","namespace":"shop",)"
      R"("principal":"spiffe://cluster.local/ns/shop/sa/cart","service":"cart.shop.svc.cluster.local",)"
      R"("version":"v2"},"tls":"TLSv1.3","request_id":"11111111-2222",)"
      R"("trace_id":"000000000000000000000000000000ab","span_id":"1000000000000000","user_agent":"curl/7.88",)"
      R"("fault":null,"generation":42})"
      "\n");
}

TEST(JsonLog, SaysWhyARequestWasRefused) {
  AccessRecord record = served();
  record.status = 503;
  record.grpc_status = 14;
  record.cause = Cause::kCircuitOpen;
  record.flags.set(Flag::kUpstreamOverflow);
  record.flags.set(Flag::kRetryLimitExceeded);
  record.details = "breaker open for 3s";
  const std::string line = json(record);
  EXPECT_NE(
      line.find(
          R"("status":503,"grpc_status":14,"flags":"UO,URX","details":"breaker open for 3s","cause":"circuit_open")"),
      std::string::npos)
      << line;
}

TEST(JsonLog, AnEmptyRecordIsStillALine) {
  const std::string line = json({});
  EXPECT_TRUE(
      line.starts_with(R"({"time":"1970-01-01T00:00:00.000Z","direction":"inbound","method":null)"))
      << line;
  EXPECT_TRUE(line.ends_with("}\n"));
}

TEST(JsonLog, HostileTextCannotLeaveItsString) {
  AccessRecord record = served();
  record.path = std::string_view("/a\"b\\c\r\nd\0e\x1b[31m\x7f", 17);
  record.user_agent = "\xff\xfe ok \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xc3\xa9 \xe2\x82";
  const std::string line = json(record);
  EXPECT_NE(line.find(R"("path":"/a\"b\\c\r\nd\u0000e\u001b[31m\u007f")"), std::string::npos)
      << line;
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_NE(line.find("\"user_agent\":\"" + bad + bad + " ok " + bad + bad + " " + bad + bad + bad +
                      " " + bad + bad + bad + bad + " \xc3\xa9 " + bad + bad + "\""),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(JsonLog, LongTextsAreCutBetweenCharacters) {
  AccessRecord record = served();
  const std::string path(kLogPathMax + 1, 'p');
  record.path = path;
  const std::string agent = std::string(kLogTextMax - 1, 'a') + "\xe2\x82\xac";
  record.user_agent = agent;
  const std::string line = json(record);
  EXPECT_NE(line.find("\"" + std::string(kLogPathMax, 'p') + "...\""), std::string::npos);
  EXPECT_NE(line.find("\"" + std::string(kLogTextMax - 1, 'a') + "...\""), std::string::npos);
}

TEST(JsonLog, ALineHasABoundWhateverComes) {
  AccessRecord record = served();
  const std::string junk(100'000, '\x01');
  record.method = record.authority = record.path = record.user_agent = record.request_id =
      record.details = junk;
  record.source_address = record.upstream_address = junk;
  EXPECT_LT(json(record).size(), 40'000u);
  EXPECT_LT(text(record).size(), 40'000u);
}

TEST(JsonLog, ATunnelTellsTheSameWay) {
  AccessRecord record;
  record.protocol = RequestProtocol::kTcp;
  record.wire = WireProtocol::kTcp;
  record.flags.set(Flag::kUpstreamConnectionFailure);
  EXPECT_NE(json(record).find(R"("protocol":"TCP","status":0,"grpc_status":null,"flags":"UF")"),
            std::string::npos);
}

TEST(TextLog, IsEnvoysDefaultFormat) {
  AccessRecord record = served();
  record.forwarded_for = "10.0.0.1";
  EXPECT_EQ(text(record),
            "[2016-04-15T20:17:00.310Z] \"GET /items HTTP/1.1\" 200 - 0 512 12 9 \"10.0.0.1\" "
            "\"curl/7.88\" \"11111111-2222\" "
            "\"cart.shop\" \"127.5.1.7:8080\"\n");
}

TEST(TextLog, ShowsWhatIsAbsentAsADash) {
  EXPECT_EQ(text({}),
            "[1970-01-01T00:00:00.000Z] \"- - -\" 0 - 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\"\n");
}

TEST(TextLog, HostileTextCannotForgeALine) {
  AccessRecord record;
  record.method = "GET";
  record.path = "/\" 200 -\r\n[forged]\xff";
  EXPECT_NE(text(record).find("\"GET /\\\" 200 -\\x0d\\x0a[forged]\\xff -\""), std::string::npos)
      << text(record);
}

TEST(TextLog, FindsWhatIsNotPlainWhereverItStands) {
  constexpr std::size_t kSize = 19;  // two words and a rest
  for (int byte = 0; byte < 256; ++byte) {
    std::string escaped(1, static_cast<char>(byte));
    if (byte == '"' || byte == '\\') {
      escaped = "\\" + escaped;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char digits[8];
      std::snprintf(digits, sizeof digits, "\\x%02x", static_cast<unsigned>(byte));
      escaped = digits;
    }
    for (std::size_t at = 0; at < kSize; ++at) {
      std::string raw(kSize, '!');
      raw[at] = static_cast<char>(byte);
      std::string out;
      append_log_text(out, raw);
      EXPECT_EQ(out, std::string(at, '!') + escaped + std::string(kSize - at - 1, '!')) << byte;
    }
  }
}

TEST(Failed, KnowsWhatSomebodyShouldLookAt) {
  const auto failed = [](std::uint16_t status, std::int8_t grpc = -1) {
    AccessRecord record;
    record.status = status;
    record.grpc_status = grpc;
    return record.failed();
  };
  EXPECT_FALSE(failed(200));
  EXPECT_FALSE(failed(404));
  EXPECT_TRUE(failed(500));
  EXPECT_TRUE(failed(0));
  EXPECT_TRUE(failed(200, 14));
  EXPECT_FALSE(failed(200, 5));
  AccessRecord tunnel;
  tunnel.protocol = RequestProtocol::kTcp;
  EXPECT_FALSE(tunnel.failed());
  tunnel.flags.set(Flag::kUpstreamClosed);
  EXPECT_TRUE(tunnel.failed());
}

TEST(Cause, EveryNameIsReadBackAndUnique) {
  for (std::size_t i = 1; i < kCauses; ++i) {
    const Cause cause = static_cast<Cause>(i);
    EXPECT_EQ(parse_cause(name_of(cause)), cause) << name_of(cause);
  }
  EXPECT_EQ(parse_cause(""), std::nullopt);
  EXPECT_EQ(parse_cause("nonsense"), std::nullopt);
}

TEST(ResponseFlags, PrintInEnvoysOrder) {
  ResponseFlags flags;
  EXPECT_EQ(flags.to_string(), "-");
  for (std::size_t i = kFlags; i-- > 0;) flags.set(static_cast<Flag>(i));
  EXPECT_EQ(flags.to_string(),
            "UH,UT,LR,UR,UF,UC,UO,NR,DI,FI,RL,DC,URX,SI,DPE,UMSDR,DT,UPE,NC,OM,DF,DR");
}

TEST(Utf8, KnowsEveryFormOfTheStandard) {
  EXPECT_EQ(utf8_length("a"), 1u);
  EXPECT_EQ(utf8_length("\xc2\x80"), 2u);
  EXPECT_EQ(utf8_length("\xe0\xa0\x80"), 3u);
  EXPECT_EQ(utf8_length("\xed\x9f\xbf"), 3u);
  EXPECT_EQ(utf8_length("\xf0\x90\x80\x80"), 4u);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf"), 4u);
  for (const char* bad :
       {"", "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x80\x80", "\xe0\xa0", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(bad), 0u) << bad;
  }
}

}  // namespace
}  // namespace weft::telemetry
