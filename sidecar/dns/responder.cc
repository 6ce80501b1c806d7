#include "sidecar/dns/responder.h"

#include <utility>

#include "sidecar/dns/answer.h"

namespace weft::dns {

namespace {

constexpr std::size_t kTcpMax = 65'535;

std::size_t room_for(const Query& query, Road road) {
  return road == Road::kTcp ? kTcpMax : query.payload_max;
}

std::vector<std::uint8_t> fitting(const Query& query, std::vector<std::uint8_t> message,
                                  Road road) {
  if (message.size() <= room_for(query, road)) return message;
  return write_truncated(query);
}

bool asks_for_address(const Query& query) {
  return query.record_class == kClassInternet && (query.type == kTypeA || query.type == kTypeAaaa);
}

}  // namespace

Responder::Responder(const Names& names, const Options& options)
    : names_(names), options_(options), cache_(options.cache) {}

Responder::Decision Responder::decide(Bytes message, Road road, TimePoint now) {
  Result<Query> query = parse_query(message);
  if (!query) {
    stats_.ignored.add();
    return {};
  }
  if (query->fault != Rcode::kNoError) {
    stats_.refused.add();
    return {.reply = write_reply(*query, {.rcode = query->fault}, room_for(*query, road))};
  }
  if (asks_for_address(*query)) {
    if (const NameEntry* entry = names_.find(query->name); entry != nullptr) {
      stats_.from_mesh.add();
      const Reply reply{
          .addresses = entry->addresses, .ttl_s = options_.mesh_ttl_s, .first = turn_++};
      return {.reply = write_reply(*query, reply, room_for(*query, road))};
    }
  }
  if (auto kept = cache_.find(*query, now)) {
    stats_.from_cache.add();
    return {.reply = fitting(*query, std::move(*kept), road)};
  }
  stats_.forwarded.add();
  return {.forward = std::move(*query)};
}

std::vector<std::uint8_t> Responder::answered(const Query& query, Bytes message, Road road,
                                              TimePoint now) {
  const Result<Answer> answer = parse_answer(message, query);
  if (!answer) {
    stats_.unusable.add();
    return not_answered(query);
  }
  cache_.keep(query, message, *answer, now);
  return fitting(query, readdress(message, *answer, query, 0), road);
}

std::vector<std::uint8_t> Responder::not_answered(const Query& query) const {
  return write_reply(query, {.rcode = Rcode::kServerFailure}, Query::kPayloadMin);
}

}  // namespace weft::dns
