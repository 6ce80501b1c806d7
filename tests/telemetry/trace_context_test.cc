#include "telemetry/trace_context.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::telemetry {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kShort = "8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";
const std::string kParent = "05e3ac9a4f6e3b90";
const std::string kW3c = "00-" + kTrace + "-" + kSpan + "-01";

template <typename Id>
std::string hex(const Id& id) {
  std::string text(2 * sizeof(Id), ' ');
  write_hex(id, text.data());
  return text;
}

// "trace span parent sampling", '-' for what is not there.
std::string told(const TraceContext& context) {
  if (!context.has_ids() && context.sampling == Sampling::kUndecided) return "nothing";
  static constexpr std::string_view kWords[] = {"undecided", "no", "yes", "debug"};
  std::string text = context.has_ids() ? hex(context.trace_id) + " " + hex(context.span_id) : "- -";
  text += context.parent_id.is_zero() ? " -" : " " + hex(context.parent_id);
  return text + " " + std::string(kWords[static_cast<std::size_t>(context.sampling)]);
}

std::string from_w3c(std::string_view traceparent) {
  return told(parse_trace_context({.traceparent = traceparent}));
}
std::string from_b3(std::string_view b3) { return told(parse_trace_context({.b3 = b3})); }

TEST(W3c, ReadsIdsAndTheDecision) {
  EXPECT_EQ(from_w3c(kW3c), kTrace + " " + kSpan + " - yes");
  EXPECT_EQ(from_w3c("00-" + kTrace + "-" + kSpan + "-00"), kTrace + " " + kSpan + " - no");
}

TEST(W3c, LooksOnlyAtTheFlagsItKnows) {
  EXPECT_EQ(from_w3c("00-" + kTrace + "-" + kSpan + "-ff"), kTrace + " " + kSpan + " - yes");
  EXPECT_EQ(from_w3c("00-" + kTrace + "-" + kSpan + "-fe"), kTrace + " " + kSpan + " - no");
}

TEST(W3c, ReadsALaterVersionAsFarAsItIsOurs) {
  const std::string known = kTrace + "-" + kSpan + "-01";
  for (const std::string& text : {"01-" + known, "cc-" + known, "cc-" + known + "-",
                                  "cc-" + known + "-what-comes", "fe-" + known}) {
    EXPECT_EQ(from_w3c(text), kTrace + " " + kSpan + " - yes") << text;
  }
  EXPECT_EQ(from_w3c("cc-" + known + ".what"), "nothing");
  EXPECT_EQ(from_w3c("cc-" + known + "0"), "nothing");
}

TEST(W3c, RefusesEverythingElse) {
  const std::vector<std::string> bad = {
      "",
      "0",
      "00",
      "ff-" + kTrace + "-" + kSpan + "-01",   // forbidden version
      "00-" + kTrace + "-" + kSpan + "-01-",  // version 00 has an end
      "00-" + kTrace + "-" + kSpan + "-01-more",
      "00-" + kTrace + "-" + kSpan + "-1",
      "00-" + kTrace + "-" + kSpan + "-0g",
      "00-" + kTrace + "-" + kSpan,
      "0x-" + kTrace + "-" + kSpan + "-01",
      "00-" + std::string(32, '0') + "-" + kSpan + "-01",  // zero ids
      "00-" + kTrace + "-" + std::string(16, '0') + "-01",
      "00-0AF7651916CD43DD8448EB211C80319C-" + kSpan + "-01",  // upper case
      "00-" + kTrace + "-B7AD6B7169203331-01",
      "00-" + kTrace + "-" + kSpan + "-0A",
      "00_" + kTrace + "-" + kSpan + "-01",
      "00-" + kTrace + "_" + kSpan + "-01",
      "00-" + kTrace + "-" + kSpan + "_01",
      " " + kW3c,
      kW3c + " ",
      kW3c + "," + kW3c,  // sent twice
      std::string(55, '-'),
      std::string(55, '\0'),
      std::string(100'000, 'a'),
  };
  for (const std::string& text : bad) EXPECT_EQ(from_w3c(text), "nothing") << text.substr(0, 80);
}

TEST(W3c, NoProperPartOfAGoodHeaderIsGood) {
  for (std::size_t i = 0; i < kW3c.size(); ++i)
    EXPECT_EQ(from_w3c(kW3c.substr(0, i)), "nothing") << i;
}

TEST(W3c, AnyByteInAnyPlaceIsEitherReadOrRefused) {
  for (std::size_t i = 0; i < kW3c.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = kW3c;
      text[i] = static_cast<char>(byte);
      const bool digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      const bool dash = i == 2 || i == 35 || i == 52;
      const bool forbidden = text.starts_with("ff");
      const bool good = (dash ? byte == '-' : digit) && !forbidden;
      EXPECT_EQ(from_w3c(text) != "nothing", good) << i << " " << byte;
    }
  }
}

TEST(B3Single, ReadsItsForms) {
  const std::string ids = kTrace + "-" + kSpan;
  EXPECT_EQ(from_b3(ids), kTrace + " " + kSpan + " - undecided");
  EXPECT_EQ(from_b3(ids + "-1"), kTrace + " " + kSpan + " - yes");
  EXPECT_EQ(from_b3(ids + "-0"), kTrace + " " + kSpan + " - no");
  EXPECT_EQ(from_b3(ids + "-d"), kTrace + " " + kSpan + " - debug");
  EXPECT_EQ(from_b3(ids + "-1-" + kParent), kTrace + " " + kSpan + " " + kParent + " yes");
  EXPECT_EQ(from_b3(kShort + "-" + kSpan + "-1"),
            std::string(16, '0') + kShort + " " + kSpan + " - yes");
  EXPECT_EQ(from_b3("0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-1"),
            kTrace + " " + kSpan + " - yes");
}

TEST(B3Single, ADecisionMayComeAlone) {
  EXPECT_EQ(from_b3("0"), "- - - no");
  EXPECT_EQ(from_b3("1"), "- - - yes");
  EXPECT_EQ(from_b3("d"), "- - - debug");
}

TEST(B3Single, RefusesEverythingElse) {
  const std::string ids = kTrace + "-" + kSpan;
  const std::vector<std::string> bad = {"x",
                                        "-",
                                        "--",
                                        "---",
                                        "00",
                                        "true",
                                        kTrace,
                                        kTrace + "-",
                                        "-" + kSpan,
                                        kSpan,
                                        ids + "-",
                                        ids + "-2",
                                        ids + "-true",
                                        ids + "-1-",
                                        ids + "-1-" + kParent + "-",
                                        ids + "-1-" + kParent + "-x",
                                        ids + "--" + kParent,
                                        ids + "-" + kParent,
                                        ids + "-1-" + std::string(16, '0'),
                                        std::string(32, '0') + "-" + kSpan,
                                        kTrace + "-" + std::string(16, '0'),
                                        kTrace + "0-" + kSpan,
                                        kTrace + "-" + kSpan + "0",
                                        ids + "," + ids,
                                        std::string(50, '-'),
                                        std::string(100'000, 'a')};
  for (const std::string& text : bad) EXPECT_EQ(from_b3(text), "nothing") << text.substr(0, 80);
}

TEST(B3Single, NoProperPartWithoutAMeaningIsRead) {
  const std::string whole = kTrace + "-" + kSpan + "-1-" + kParent;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const bool good =
        i == 1 || i == 49 || i == 51;  // '0' alone says "no"; ids; ids and the decision
    EXPECT_EQ(from_b3(whole.substr(0, i)) != "nothing", good) << whole.substr(0, i);
  }
}

TEST(B3Multi, ReadsItsForms) {
  EXPECT_EQ(
      told(parse_trace_context({.b3_trace_id = kTrace, .b3_span_id = kSpan, .b3_sampled = "1"})),
      kTrace + " " + kSpan + " - yes");
  EXPECT_EQ(told(parse_trace_context({.b3_trace_id = kTrace,
                                      .b3_span_id = kSpan,
                                      .b3_parent_span_id = kParent,
                                      .b3_sampled = "0"})),
            kTrace + " " + kSpan + " " + kParent + " no");
  EXPECT_EQ(told(parse_trace_context({.b3_trace_id = kTrace, .b3_span_id = kSpan})),
            kTrace + " " + kSpan + " - undecided");
  EXPECT_EQ(
      told(parse_trace_context({.b3_trace_id = kTrace, .b3_span_id = kSpan, .b3_sampled = "true"})),
      kTrace + " " + kSpan + " - yes");
  EXPECT_EQ(told(parse_trace_context(
                {.b3_trace_id = kTrace, .b3_span_id = kSpan, .b3_sampled = "0", .b3_flags = "1"})),
            kTrace + " " + kSpan + " - debug");
}

TEST(B3Multi, ADecisionMayComeAlone) {
  EXPECT_EQ(told(parse_trace_context({.b3_sampled = "0"})), "- - - no");
  EXPECT_EQ(told(parse_trace_context({.b3_sampled = "1"})), "- - - yes");
  EXPECT_EQ(told(parse_trace_context({.b3_flags = "1"})), "- - - debug");
}

TEST(B3Multi, BadIdsAreIgnoredAndTheDecisionStands) {
  EXPECT_EQ(
      told(parse_trace_context({.b3_trace_id = "zz", .b3_span_id = kSpan, .b3_sampled = "0"})),
      "- - - no");
  EXPECT_EQ(told(parse_trace_context({.b3_trace_id = kTrace, .b3_span_id = "", .b3_sampled = "1"})),
            "- - - yes");
  EXPECT_EQ(told(parse_trace_context(
                {.b3_trace_id = kTrace, .b3_span_id = kSpan, .b3_parent_span_id = "?"})),
            kTrace + " " + kSpan + " - undecided");
  EXPECT_EQ(told(parse_trace_context({.b3_trace_id = kTrace, .b3_sampled = "maybe"})), "nothing");
  EXPECT_EQ(told(parse_trace_context({.b3_flags = "0"})), "nothing");
}

TEST(Precedence, W3cThenOneB3HeaderThenMany) {
  const std::string other = "11111111111111111111111111111111";
  const std::string third = "22222222222222222222222222222222";
  TraceHeaders headers{
      .traceparent = kW3c, .b3_trace_id = third, .b3_span_id = kSpan, .b3_sampled = "0"};
  const std::string b3 = other + "-" + kSpan + "-0";
  headers.b3 = b3;
  EXPECT_EQ(told(parse_trace_context(headers)), kTrace + " " + kSpan + " - yes");
  headers.traceparent = "00-broken";
  EXPECT_EQ(told(parse_trace_context(headers)), other + " " + kSpan + " - no");
  headers.b3 = "broken";
  EXPECT_EQ(told(parse_trace_context(headers)), third + " " + kSpan + " - no");
  headers.b3_trace_id = "broken";
  EXPECT_EQ(told(parse_trace_context(headers)), "- - - no");
}

TEST(Precedence, RemembersWhichHeadersCameAlsoWhenTheyWereBad) {
  EXPECT_EQ(parse_trace_context({}).formats, (TraceFormats{}));
  EXPECT_EQ(parse_trace_context({.traceparent = "bad"}).formats, (TraceFormats{.w3c = true}));
  EXPECT_EQ(parse_trace_context({.traceparent = kW3c, .b3 = "bad", .b3_sampled = "1"}).formats,
            (TraceFormats{.w3c = true, .b3_single = true, .b3_multi = true}));
}

// What is sent, one header a line.
std::string sent(const TraceContext& context) {
  const TraceHeaderText text(context);
  std::string lines;
  const auto line = [&lines](std::string_view name, std::string_view value) {
    if (!value.empty()) lines += std::string(name) + ": " + std::string(value) + "\n";
  };
  line("traceparent", text.traceparent());
  line("b3", text.b3());
  line("x-b3-traceid", text.b3_trace_id());
  line("x-b3-spanid", text.b3_span_id());
  line("x-b3-parentspanid", text.b3_parent_span_id());
  line("x-b3-sampled", text.b3_sampled());
  line("x-b3-flags", text.b3_flags());
  return lines;
}

TEST(Print, SaysWhatWasRead) {
  EXPECT_EQ(sent(parse_trace_context({.traceparent = kW3c})), "traceparent: " + kW3c + "\n");
  const std::string single = kTrace + "-" + kSpan + "-1-" + kParent;
  EXPECT_EQ(sent(parse_trace_context({.b3 = single})), "b3: " + single + "\n");
  EXPECT_EQ(sent(parse_trace_context({.b3 = kShort + "-" + kSpan})),
            "b3: " + kShort + "-" + kSpan + "\n");
  EXPECT_EQ(sent(parse_trace_context({.b3_trace_id = kShort,
                                      .b3_span_id = kSpan,
                                      .b3_parent_span_id = kParent,
                                      .b3_sampled = "0"})),
            "x-b3-traceid: " + kShort + "\nx-b3-spanid: " + kSpan +
                "\nx-b3-parentspanid: " + kParent + "\nx-b3-sampled: 0\n");
  EXPECT_EQ(
      sent(parse_trace_context({.b3_trace_id = kTrace, .b3_span_id = kSpan, .b3_flags = "1"})),
      "x-b3-traceid: " + kTrace + "\nx-b3-spanid: " + kSpan + "\nx-b3-flags: 1\n");
}

TEST(Print, WritesEveryKindThatCameWithTheSameIds) {
  const TraceContext context =
      parse_trace_context({.traceparent = kW3c, .b3 = "broken", .b3_sampled = "0"});
  EXPECT_EQ(sent(context), "traceparent: " + kW3c + "\nb3: " + kTrace + "-" + kSpan +
                               "-1\nx-b3-traceid: " + kTrace + "\nx-b3-spanid: " + kSpan +
                               "\nx-b3-sampled: 1\n");
}

TEST(Print, HandsOnTheRandomFlagAndNoOtherUnknownOne) {
  const std::string ids = kTrace + "-" + kSpan;
  EXPECT_EQ(sent(parse_trace_context({.traceparent = "00-" + ids + "-ff"})),
            "traceparent: 00-" + ids + "-03\n");
  EXPECT_EQ(sent(parse_trace_context({.traceparent = "cc-" + ids + "-02-later"})),
            "traceparent: 00-" + ids + "-02\n");
}

TEST(Print, KeepsAShortB3IdShortBesideW3c) {
  const std::string w3c = "00-" + std::string(16, '0') + kShort + "-" + kSpan + "-01";
  const TraceContext context =
      parse_trace_context({.traceparent = w3c, .b3 = kShort + "-" + kSpan + "-1"});
  EXPECT_EQ(sent(context), "traceparent: " + w3c + "\nb3: " + kShort + "-" + kSpan + "-1\n");
  // Two traces that disagree: the ids are W3C's, and they do not fit into 64 bits.
  EXPECT_EQ(sent(parse_trace_context({.traceparent = kW3c, .b3 = kShort + "-" + kSpan + "-1"})),
            "traceparent: " + kW3c + "\nb3: " + kTrace + "-" + kSpan + "-1\n");
}

TEST(Child, StaysInTheTraceUnderItsParent) {
  Random random(1);
  const TraceContext parent = parse_trace_context({.traceparent = kW3c});
  const TraceContext child = make_child(parent, random);
  EXPECT_EQ(child.trace_id, parent.trace_id);
  EXPECT_EQ(child.parent_id, parent.span_id);
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_FALSE(child.span_id.is_zero());
  EXPECT_TRUE(child.sampled());
  EXPECT_EQ(told(parse_trace_context({.traceparent = TraceHeaderText(child).traceparent()})),
            hex(child.trace_id) + " " + hex(child.span_id) + " - yes");
}

TEST(Child, OfNothingIsARoot) {
  Random random(1);
  const TraceContext root = make_child(parse_trace_context({.b3_sampled = "0"}), random);
  EXPECT_TRUE(root.has_ids());
  EXPECT_TRUE(root.parent_id.is_zero());
  EXPECT_EQ(root.sampling, Sampling::kNo);
  EXPECT_EQ(sent(root), "x-b3-traceid: " + hex(root.trace_id) +
                            "\nx-b3-spanid: " + hex(root.span_id) + "\nx-b3-sampled: 0\n");
  const TraceContext fresh = make_child({}, random);
  EXPECT_EQ(sent(fresh),
            "traceparent: 00-" + hex(fresh.trace_id) + "-" + hex(fresh.span_id) + "-00\n");
  EXPECT_NE(fresh.trace_id, root.trace_id);
}

TEST(Tracestate, GoesOnOnlyWithAGoodTraceparent) {
  EXPECT_TRUE(parse_trace_context({.traceparent = kW3c, .tracestate = "a=1"}).keep_tracestate);
  EXPECT_FALSE(parse_trace_context({.traceparent = kW3c}).keep_tracestate);
  EXPECT_FALSE(parse_trace_context({.traceparent = "bad", .tracestate = "a=1"}).keep_tracestate);
  EXPECT_FALSE(
      parse_trace_context({.tracestate = "a=1", .b3 = kTrace + "-" + kSpan}).keep_tracestate);
  EXPECT_FALSE(parse_trace_context({.traceparent = kW3c, .tracestate = "a=1,a=2"}).keep_tracestate);
}

std::string members(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
  return text;
}

TEST(Tracestate, AcceptsWhatTheStandardAllows) {
  const std::vector<std::string> good = {
      "",
      "a=1",
      "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
      "fw529a3039@dt=FfAMAEgAAA",
      "1a-_*/@b=x",
      "a=1 , b=2 ,\tc=3",
      "a=1,,b=2,",
      "a=!\"#$%&'()*+-./:;<>?@[]^`{|}~",
      "a=x y",
      std::string(256, 'k') + "=" + std::string(256, 'v'),
      members(32),
  };
  for (const std::string& text : good) EXPECT_TRUE(is_tracestate(text)) << text;
}

TEST(Tracestate, RefusesTheRest) {
  const std::vector<std::string> bad = {
      "a",
      "=",
      "=1",
      "a=",
      "A=1",
      "a =1",
      "a=1=2",
      "a=\x7f",
      "a=\x01",
      "a=\xc3\xa9",
      "_a=1",
      "@a=1",
      "a=1;b=2",
      "a.b=1",
      "a=1,a=2",
      "a=1,b",
      std::string(257, 'k') + "=v",
      "k=" + std::string(257, 'v'),
      members(33),
  };
  for (const std::string& text : bad) EXPECT_FALSE(is_tracestate(text)) << text;
}

TEST(Ids, AreNeverZeroAndRepeatFromASeed) {
  Random one(7);
  Random two(7);
  for (int i = 0; i < 1000; ++i) {
    const TraceId id = make_trace_id(one);
    EXPECT_FALSE(id.is_zero());
    EXPECT_EQ(id, make_trace_id(two));
  }
}

}  // namespace
}  // namespace weft::telemetry
