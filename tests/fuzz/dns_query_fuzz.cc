// A DNS query from an app, and a resolver's answer, of any bytes: what is read stays inside the
// message, and what we write is read by ourselves as an answer to that very question.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sidecar/dns/answer.h"
#include "sidecar/dns/query.h"

namespace {

void require_dns(bool holds) {
  if (!holds) std::abort();
}

void check_query(weft::Bytes message) {
  const auto query = weft::dns::parse_query(message);
  if (!query) return;
  require_dns(query->payload_max <= weft::dns::Query::kPayloadMax);
  const std::vector<weft::IpAddress> addresses(50, weft::IpAddress::v4(0x7f000001));
  const auto reply = weft::dns::write_reply(
      *query, {.rcode = query->fault, .addresses = addresses, .ttl_s = 5}, query->payload_max);
  require_dns(reply.size() <= query->payload_max);
  if (query->fault != weft::dns::Rcode::kNoError) return;
  const auto answer = weft::dns::parse_answer(reply, *query);
  require_dns(answer.has_value() && answer->id == query->id);
  const auto same = weft::dns::readdress(reply, *answer, *query, 0);
  require_dns(same == reply);
  require_dns(weft::dns::parse_answer(weft::dns::write_truncated(*query), *query).has_value());
}

void check_answer(weft::Bytes message) {
  weft::dns::Query query;
  query.question = {1, 'a', 0, 0, 1, 0, 1};
  const auto answer = weft::dns::parse_answer(message, query);
  if (!answer) return;
  require_dns(answer->ttl_s <= weft::dns::Answer::kTtlSecondsMax);
  const auto out = weft::dns::readdress(message, *answer, query, 10);
  require_dns(out.size() == message.size());
  require_dns(weft::dns::parse_answer(out, query).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_query({data, size});
  check_answer({data, size});
  return 0;
}
