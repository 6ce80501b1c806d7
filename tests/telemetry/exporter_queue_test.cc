#include "telemetry/exporter_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "telemetry/proto/trace_service.pb.h"

namespace weft::telemetry {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart = TimePoint{} + std::chrono::hours(100);

Span span(std::uint8_t number = 1) {
  Span made;
  made.clear();
  made.trace_id.bytes[15] = number;
  made.span_id.bytes[7] = number;
  made.start = WallTime{} + seconds(5);
  made.end = made.start + milliseconds(3);
  made.kind = SpanKind::kServer;
  made.set_name("GET", "shop/cart");
  return made;
}

ExportTraceServiceRequest parsed(std::string_view bytes) {
  ExportTraceServiceRequest request;
  EXPECT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return request;
}

int spans_in(std::string_view bytes) {
  return parsed(bytes).resource_spans(0).scope_spans(0).spans_size();
}

TEST(Otlp, ASpanSurvivesTheJourney) {
  Span one = span();
  one.parent_id.bytes[0] = 7;
  one.status = SpanStatus::kError;
  one.trace_flags = 1;
  one.add(AttributeKey::kUrlPath, std::string_view("/items"));
  one.add(AttributeKey::kBackend, intern("\xff\xff"
                                         "cart\xc3\xa9\xc3"));
  one.add(AttributeKey::kStatusCode, std::int64_t{503});
  const OtlpEncoder encoder({{"service.name", "cart"}, {"service.namespace", "shop"}});
  const ExportTraceServiceRequest request = parsed(encoder.encode({one}, 1));
  ASSERT_EQ(request.resource_spans_size(), 1);
  const auto& resource = request.resource_spans(0).resource();
  EXPECT_EQ(resource.attributes(0).key(), "service.name");
  EXPECT_EQ(resource.attributes(0).value().string_value(), "cart");
  EXPECT_EQ(resource.attributes(2).key(), "telemetry.sdk.name");
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).scope().name(), "weft");
  ASSERT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 1);
  const auto& out = request.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(out.trace_id(), std::string(15, '\0') + '\1');
  EXPECT_EQ(out.span_id(), std::string(7, '\0') + '\1');
  EXPECT_EQ(out.parent_span_id(), '\7' + std::string(7, '\0'));
  EXPECT_EQ(out.name(), "GET shop/cart");
  EXPECT_EQ(out.kind(), opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(out.start_time_unix_nano(), 5'000'000'000u);
  EXPECT_EQ(out.end_time_unix_nano(), 5'003'000'000u);
  EXPECT_EQ(out.flags(), 1u);
  EXPECT_EQ(out.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
  ASSERT_EQ(out.attributes_size(), 3);
  EXPECT_EQ(out.attributes(0).key(), "url.path");
  EXPECT_EQ(out.attributes(0).value().string_value(), "/items");
  EXPECT_EQ(out.attributes(1).value().string_value(), "??cart\xc3\xa9?");
  EXPECT_EQ(out.attributes(2).value().int_value(), 503);
}

TEST(Otlp, ARootHasNoParent) {
  const OtlpEncoder encoder({});
  EXPECT_EQ(parsed(encoder.encode({span()}, 1))
                .resource_spans(0)
                .scope_spans(0)
                .spans(0)
                .parent_span_id(),
            "");
}

TEST(Otlp, NoSpanIsLargerThanItWasTakenFor) {
  Span large = span();
  large.parent_id = large.span_id;
  large.status = SpanStatus::kError;
  large.trace_flags = 3;
  large.set_name(std::string(200, 'n'));
  large.start = large.end = WallTime::max();
  for (int i = 0; i < 6; ++i) large.add(AttributeKey::kDetails, std::string(200, 'd'));
  for (int i = 0; i < 6; ++i)
    large.add(AttributeKey::kProtocolVersion, intern(std::string(2000, 'l')));
  for (int i = 0; i < 20; ++i) large.add(AttributeKey::kResponseBytes, std::int64_t{-1});
  const OtlpEncoder encoder({});
  const std::size_t frame = encoder.encode({large}, 0).size();
  for (const Span& one : {large, span()})
    EXPECT_LE(encoder.encode({one}, 1).size() - frame, one.encoded_bytes_max());
}

TEST(Otlp, ReadsThePartialSuccess) {
  EXPECT_EQ(parse_export_response("")->spans_rejected, 0u);
  ExportTraceServiceResponse response;
  response.mutable_partial_success()->set_rejected_spans(3);
  response.mutable_partial_success()->set_error_message(std::string(10'000, 'm'));
  Result<ExportResponse> read = parse_export_response(response.SerializeAsString());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->spans_rejected, 3u);
  EXPECT_EQ(read->message.size(), 512u);
  response.mutable_partial_success()->set_rejected_spans(-3);
  EXPECT_EQ(parse_export_response(response.SerializeAsString())->spans_rejected, 0u);
  EXPECT_FALSE(parse_export_response("\xff\xff\xff").has_value());
  EXPECT_FALSE(parse_export_response(std::string(100'000, '\0')).has_value());
}

TEST(Otlp, KnowsWhichAnswersAskForARetry) {
  for (const int status : {429, 502, 503, 504})
    EXPECT_EQ(judge_http_status(status), ExportVerdict::kRetry) << status;
  for (const int status : {200, 202})
    EXPECT_EQ(judge_http_status(status), ExportVerdict::kAccepted) << status;
  for (const int status : {100, 301, 400, 401, 404, 413, 500})
    EXPECT_EQ(judge_http_status(status), ExportVerdict::kRefused) << status;
  EXPECT_EQ(judge_grpc_status(0, false), ExportVerdict::kAccepted);
  for (const int status : {1, 4, 10, 11, 14, 15})
    EXPECT_EQ(judge_grpc_status(status, false), ExportVerdict::kRetry) << status;
  for (const int status : {2, 3, 5, 7, 8, 12, 13, 16, 99}) {
    EXPECT_EQ(judge_grpc_status(status, false), ExportVerdict::kRefused) << status;
  }
  EXPECT_EQ(judge_grpc_status(8, true), ExportVerdict::kRetry);
}

ExporterQueue queue(const ExporterQueue::Options& options = {}) {
  return {OtlpEncoder({}), options, Random(1)};
}

TEST(ExporterQueue, LingersForCompany) {
  ExporterQueue q = queue();
  EXPECT_EQ(q.due(), std::nullopt);
  q.add(span(), kStart);
  q.add(span(), kStart + milliseconds(500));
  EXPECT_EQ(q.due(), kStart + seconds(1));
  EXPECT_EQ(q.next(kStart + milliseconds(999)), std::nullopt);
  const auto bytes = q.next(kStart + seconds(1));
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(spans_in(*bytes), 2);
  EXPECT_EQ(q.due(), std::nullopt) << "under way";
  q.on_accepted(0);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.totals().exported, 2u);
}

TEST(ExporterQueue, SendsAFullBatchAtOnceAndOneAtATime) {
  ExporterQueue q = queue({.batch_spans_max = 3});
  for (int i = 0; i < 7; ++i) q.add(span(), kStart);
  EXPECT_EQ(spans_in(*q.next(kStart)), 3);
  EXPECT_EQ(q.next(kStart), std::nullopt);
  q.on_accepted(0);
  EXPECT_EQ(spans_in(*q.next(kStart)), 3);
  q.on_accepted(0);
  EXPECT_EQ(q.next(kStart), std::nullopt);
  EXPECT_EQ(spans_in(*q.next(kStart + seconds(1))), 1);
}

TEST(ExporterQueue, BoundsABatchInBytes) {
  const std::size_t one = span().encoded_bytes_max();
  ExporterQueue q = queue({.batch_bytes_max = one * 5 / 2});
  for (int i = 0; i < 4; ++i) q.add(span(), kStart);
  EXPECT_EQ(spans_in(*q.next(kStart)), 2);
  ExporterQueue tiny = queue({.batch_bytes_max = 1});
  tiny.add(span(), kStart);
  EXPECT_EQ(spans_in(*tiny.next(kStart)), 1) << "a span alone always goes";
}

TEST(ExporterQueue, DropsAndCountsWhenItIsFull) {
  ExporterQueue q = queue({.spans_max = 10});
  for (int i = 0; i < 25; ++i) q.add(span(), kStart);
  EXPECT_EQ(q.totals().dropped_full, 15u);
  EXPECT_EQ(spans_in(*q.next(kStart + seconds(1))), 10);
}

TEST(ExporterQueue, TriesTheSameBytesAgainAfterAPause) {
  ExporterQueue q = queue({.backoff_base = seconds(1), .backoff_max = seconds(4)});
  q.add(span(), kStart);
  TimePoint now = kStart + seconds(1);
  const std::string first(*q.next(now));
  for (int attempt = 2; attempt <= 5; ++attempt) {
    q.on_retry(now, std::nullopt);
    const TimePoint due = q.due().value();
    EXPECT_GE(due, now);
    EXPECT_LE(due, now + seconds(4));
    now = due;
    EXPECT_EQ(std::string(q.next(now).value()), first);
  }
  q.on_retry(now, std::nullopt);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.totals().dropped_attempts, 1u);
  EXPECT_EQ(q.totals().retries, 4u);
}

TEST(ExporterQueue, WaitsAsLongAsTheCollectorAsksWithinReason) {
  ExporterQueue q = queue({.backoff_base = milliseconds(1), .backoff_max = seconds(30)});
  q.add(span(), kStart);
  const TimePoint now = kStart + seconds(1);
  static_cast<void>(q.next(now));
  q.on_retry(now, seconds(10));
  EXPECT_EQ(q.due(), now + seconds(10));
  static_cast<void>(q.next(now + seconds(10)));
  q.on_retry(now, std::chrono::hours(5));
  EXPECT_EQ(q.due(), now + seconds(30));
}

TEST(ExporterQueue, TheNextBatchAlsoWaitsWhileTheCollectorIsDown) {
  ExporterQueue q = queue({.batch_spans_max = 1,
                           .attempts_max = 1,
                           .backoff_base = seconds(10),
                           .backoff_max = seconds(10)});
  q.add(span(), kStart);
  q.add(span(), kStart);
  static_cast<void>(q.next(kStart));
  q.on_retry(kStart, seconds(10));
  EXPECT_EQ(q.totals().dropped_attempts, 1u);
  EXPECT_EQ(q.due(), kStart + seconds(10));
}

TEST(ExporterQueue, CountsWhatTheCollectorDoesNotTake) {
  ExporterQueue q = queue();
  for (int i = 0; i < 4; ++i) q.add(span(), kStart);
  static_cast<void>(q.next(kStart + seconds(1)));
  q.on_accepted(3);
  EXPECT_EQ(q.totals().exported, 1u);
  EXPECT_EQ(q.totals().dropped_refused, 3u);
  q.add(span(), kStart);
  static_cast<void>(q.next(kStart + seconds(1)));
  q.on_refused();
  EXPECT_EQ(q.totals().dropped_refused, 4u);
  EXPECT_EQ(q.totals().dropped(), 4u);
  EXPECT_TRUE(q.empty());
}

TEST(ExporterQueue, FlushingHurriesAndGivesUpSooner) {
  ExporterQueue q = queue({.batch_spans_max = 1});
  q.add(span(), kStart);
  q.add(span(), kStart);
  static_cast<void>(q.next(kStart));
  q.on_retry(kStart, seconds(20));
  EXPECT_EQ(q.next(kStart), std::nullopt);
  q.flush();
  EXPECT_NE(q.next(kStart), std::nullopt);
  q.on_retry(kStart, seconds(20));
  EXPECT_NE(q.next(kStart), std::nullopt);
  q.on_accepted(0);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.totals().dropped(), 1u);
}

}  // namespace
}  // namespace weft::telemetry
