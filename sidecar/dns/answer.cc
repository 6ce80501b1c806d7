#include "sidecar/dns/answer.h"

#include <algorithm>
#include <optional>

#include "sidecar/core/strings.h"

namespace weft::dns {

namespace {

constexpr std::size_t kAnswerHeaderSize = 12;
constexpr std::uint16_t kTypeSoa = 6;
constexpr std::uint16_t kTypeOfOpt = 41;

tl::unexpected<Error> broken_answer(const char* what) {
  return fail(Fault::kProtocol, std::string("dns answer: ") + what);
}

std::uint16_t u16_at(Bytes message, std::size_t at) {
  return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]);
}

std::uint32_t u32_at(Bytes message, std::size_t at) {
  return static_cast<std::uint32_t>(u16_at(message, at)) << 16 | u16_at(message, at + 2);
}

// False when the name does not end within the message, or points anywhere but back to what came
// before it: whoever reads the answer after us shall find no loop. Pointers are not followed: names
// are passed on, not read.
bool skip_answer_name(Bytes message, std::size_t& at) {
  const std::size_t start = at;
  while (at < message.size()) {
    const std::size_t length = message[at];
    if (length == 0) {
      ++at;
      return true;
    }
    if ((length & 0xc0U) == 0xc0U) {
      if (message.size() - at < 2) return false;
      const std::size_t target = u16_at(message, at) & 0x3fffU;
      at += 2;
      return target >= kAnswerHeaderSize && target < start;
    }
    if ((length & 0xc0U) != 0) return false;
    at += 1 + length;
  }
  return false;
}

struct AnswerRecord {
  std::uint16_t type = 0;
  std::size_t ttl_at = 0;
  std::uint32_t ttl_s = 0;
  std::size_t data = 0;
  std::size_t data_size = 0;
};

bool read_answer_record(Bytes message, std::size_t& at, AnswerRecord& record) {
  if (!skip_answer_name(message, at) || message.size() - at < 10) return false;
  record.type = u16_at(message, at);
  record.ttl_at = at + 4;
  record.ttl_s = u32_at(message, at + 4);
  if ((record.ttl_s & 0x8000'0000U) != 0) record.ttl_s = 0;  // RFC 2181 8
  record.data_size = u16_at(message, at + 8);
  record.data = at + 10;
  if (message.size() - record.data < record.data_size) return false;
  at = record.data + record.data_size;
  return true;
}

bool same_question(Bytes asked, Bytes answered) {
  if (asked.size() != answered.size()) return false;
  return std::ranges::equal(asked, answered, [](std::uint8_t a, std::uint8_t b) {
    return to_lower(static_cast<char>(a)) == to_lower(static_cast<char>(b));
  });
}

// What the sections say of how long they hold.
struct Keeping {
  std::uint32_t positive = Answer::kTtlSecondsMax;
  std::optional<std::uint32_t> negative;  // of the SOA; without it "there is none" is not kept
};

}  // namespace

Result<Answer> parse_answer(Bytes message, const Query& query) {
  if (message.size() < kAnswerHeaderSize) return broken_answer("no header");
  const std::uint16_t flags = u16_at(message, 2);
  if ((flags & 0x8000U) == 0) return broken_answer("it is a question");
  Answer answer{.id = u16_at(message, 0),
                .rcode = static_cast<std::uint8_t>(flags & 0x0fU),
                .truncated = (flags & 0x0200U) != 0};
  const Bytes rest = message.subspan(kAnswerHeaderSize);
  if (u16_at(message, 4) != 1 || rest.size() < query.question.size() ||
      !same_question(query.question, rest.first(query.question.size()))) {
    return broken_answer("to another question");
  }
  const std::size_t answers = u16_at(message, 6);
  const std::size_t before_additional = answers + u16_at(message, 8);
  const std::size_t records = before_additional + u16_at(message, 10);
  if (records > Answer::kRecordsMax) return broken_answer("too many records");
  std::size_t at = kAnswerHeaderSize + query.question.size();
  Keeping keeping;
  for (std::size_t i = 0; i < records; ++i) {
    AnswerRecord record;
    if (!read_answer_record(message, at, record)) return broken_answer("a record is cut short");
    if (record.type == kTypeOfOpt) continue;  // what stands there is no TTL
    answer.ttls.push_back(record.ttl_at);
    if (i < before_additional) keeping.positive = std::min(keeping.positive, record.ttl_s);
    if (i >= answers && record.type == kTypeSoa && record.data_size >= 4) {
      const std::uint32_t minimum = u32_at(message, record.data + record.data_size - 4);
      const std::uint32_t holds = std::min({record.ttl_s, minimum, Answer::kNegativeTtlSecondsMax});
      keeping.negative = std::min(keeping.negative.value_or(holds), holds);
    }
  }
  const bool says_none =
      answers == 0 || answer.rcode == static_cast<std::uint8_t>(Rcode::kNoSuchName);
  const bool final_word =
      answer.rcode == 0 || answer.rcode == static_cast<std::uint8_t>(Rcode::kNoSuchName);
  if (final_word && !answer.truncated) {
    // With records and an SOA it is an alias to a name that has none of the type (RFC 2308 2.2).
    const std::uint32_t otherwise = says_none ? 0 : keeping.positive;
    answer.ttl_s = std::min(keeping.negative.value_or(otherwise), keeping.positive);
  }
  return answer;
}

std::vector<std::uint8_t> readdress(Bytes message, const Answer& answer, const Query& query,
                                    std::uint32_t age_s) {
  std::vector<std::uint8_t> out(message.begin(), message.end());
  out[0] = static_cast<std::uint8_t>(query.id >> 8);
  out[1] = static_cast<std::uint8_t>(query.id & 0xffU);
  std::ranges::copy(query.question, out.begin() + kAnswerHeaderSize);
  for (const std::size_t at : answer.ttls) {
    const std::uint32_t ttl = u32_at(message, at);
    const std::uint32_t left = (ttl & 0x8000'0000U) != 0 || ttl < age_s ? 0 : ttl - age_s;
    for (std::size_t i = 0; i < 4; ++i) {
      out[at + i] = static_cast<std::uint8_t>(left >> (24 - 8 * i));
    }
  }
  return out;
}

}  // namespace weft::dns
