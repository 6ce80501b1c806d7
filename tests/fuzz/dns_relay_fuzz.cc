// Any answer of a resolver to any query of an app: what the app is told is an answer to its own
// question under its own number, is cut where it was asked to be, and is the same from the cache.
// The first byte says how long the query is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sidecar/dns/answer.h"
#include "sidecar/dns/name_table.h"
#include "sidecar/dns/responder.h"

namespace {

using weft::Bytes;
using weft::dns::Road;

void require_relay(bool holds) {
  if (!holds) std::abort();
}

void check_told(const std::vector<std::uint8_t>& told, const weft::dns::Query& query, Road road) {
  require_relay(told.size() <= (road == Road::kUdp ? query.payload_max : std::size_t{65535}));
  const auto answer = weft::dns::parse_answer(told, query);
  require_relay(answer.has_value() && answer->id == query.id);
  require_relay(std::equal(query.question.begin(), query.question.end(), told.begin() + 12));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t asked = std::min<std::size_t>(data[0], size - 1);
  const Bytes query(data + 1, asked);
  const Bytes answer(data + 1 + asked, size - 1 - asked);
  // As c-ares would have passed it on: no longer than a message may be.
  if (answer.size() > 65535) return 0;
  const weft::dns::NameTable nobody;
  const weft::TimePoint now{std::chrono::hours(1)};
  for (const Road road : {Road::kUdp, Road::kTcp}) {
    weft::dns::Responder responder(nobody, {});
    auto decision = responder.decide(query, road, now);
    if (!decision.forward) return 0;
    const weft::dns::Query& forward = *decision.forward;
    const auto again = weft::dns::parse_query(weft::dns::write_query(forward));
    require_relay(again.has_value() && again->fault == weft::dns::Rcode::kNoError);
    require_relay(weft::dns::key_of(*again) == weft::dns::key_of(forward));
    const auto told = responder.answered(forward, answer, road, now);
    check_told(told, forward, road);
    const auto kept = responder.decide(query, road, now);
    if (kept.reply) require_relay(*kept.reply == told);
  }
  return 0;
}
