#include "sidecar/dns/query.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::dns {

namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kOptSize = 11;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kPointerToQuestion = 0xc00c;
constexpr std::uint16_t kDnssecOk = 0x8000;  // of the OPT record's flags

// Every read says whether there was enough.
class QueryReader {
 public:
  explicit QueryReader(Bytes message) : message_(message) {}

  [[nodiscard]] std::size_t at() const { return at_; }
  bool read(std::uint16_t& value) {
    if (message_.size() - at_ < 2) return false;
    value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool read(std::uint8_t& value) {
    if (at_ == message_.size()) return false;
    value = message_[at_++];
    return true;
  }
  bool skip(std::size_t count) {
    if (message_.size() - at_ < count) return false;
    at_ += count;
    return true;
  }
  bool read_name(std::string& name);
  bool skip_name();

 private:
  Bytes message_;
  std::size_t at_ = 0;
};

bool QueryReader::read_name(std::string& name) {
  name.clear();
  std::size_t wire = 1;
  std::uint8_t length = 0;
  while (read(length)) {
    if (length == 0) return true;
    wire += std::size_t{1} + length;
    if ((length & 0xc0U) != 0 || wire > Query::kNameMax) return false;
    if (message_.size() - at_ < length) return false;
    if (!name.empty()) name += '.';
    for (const std::uint8_t byte : message_.subspan(at_, length)) {
      if (byte == '.' || byte == '\\') name += '\\';  // a dot inside a label is no boundary
      name += to_lower(static_cast<char>(byte));
    }
    at_ += length;
  }
  return false;
}

// Of a later record, where a pointer is allowed and ends the name.
bool QueryReader::skip_name() {
  std::uint8_t length = 0;
  while (read(length)) {
    if (length == 0) return true;
    if ((length & 0xc0U) == 0xc0U) return skip(1);
    if ((length & 0xc0U) != 0 || !skip(length)) return false;
  }
  return false;
}

// The records after the question, for the one that speaks of EDNS.
Rcode read_additional(QueryReader& reader, std::uint16_t count, Query& out) {
  if (count > Query::kAdditionalMax) return Rcode::kFormat;
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::size_t start = reader.at();
    std::uint16_t type = 0;
    std::uint16_t payload = 0;
    std::uint8_t extended = 0;
    std::uint8_t version = 0;
    std::uint16_t flags = 0;
    std::uint16_t size = 0;
    if (!reader.skip_name()) return Rcode::kFormat;
    const bool root = reader.at() - start == 1;
    if (!reader.read(type) || !reader.read(payload) || !reader.read(extended) ||
        !reader.read(version) || !reader.read(flags) || !reader.read(size) || !reader.skip(size)) {
      return Rcode::kFormat;
    }
    if (type != kTypeOpt) continue;
    if (!root || out.edns) return Rcode::kFormat;
    out.edns = true;
    out.dnssec_ok = (flags & kDnssecOk) != 0;
    out.payload_max = std::clamp(payload, Query::kPayloadMin, Query::kPayloadMax);
    if (version != 0) return Rcode::kBadVersion;
  }
  return Rcode::kNoError;
}

Rcode read_question(Bytes message, QueryReader& reader, Query& out) {
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additional = 0;
  (void)reader.read(questions);
  (void)reader.read(answers);
  (void)reader.read(authorities);
  (void)reader.read(additional);
  if (questions != 1 || answers != 0 || authorities != 0) return Rcode::kFormat;
  if (!reader.read_name(out.name) || !reader.read(out.type) || !reader.read(out.record_class)) {
    return Rcode::kFormat;
  }
  const Bytes question = message.subspan(kHeaderSize, reader.at() - kHeaderSize);
  out.question.assign(question.begin(), question.end());
  return read_additional(reader, additional, out);
}

class ReplyWriter {
 public:
  void put8(std::uint8_t value) { bytes.push_back(value); }
  void put16(std::uint16_t value) {
    put8(static_cast<std::uint8_t>(value >> 8));
    put8(static_cast<std::uint8_t>(value & 0xffU));
  }
  void put32(std::uint32_t value) {
    put16(static_cast<std::uint16_t>(value >> 16));
    put16(static_cast<std::uint16_t>(value & 0xffffU));
  }
  void head(const Query& query, Rcode rcode, bool truncated, std::uint16_t answers);
  void opt(const Query& query, Rcode rcode);

  std::vector<std::uint8_t> bytes;
};

void ReplyWriter::head(const Query& query, Rcode rcode, bool truncated, std::uint16_t answers) {
  std::uint16_t flags = 0x8080U;    // an answer; recursion is to be had
  flags |= query.wishes & 0x0110U;  // RD and CD come back as they were
  if (truncated) flags |= 0x0200U;
  flags = static_cast<std::uint16_t>(flags | (static_cast<std::uint16_t>(rcode) & 0x0fU));
  put16(query.id);
  put16(flags);
  put16(query.question.empty() ? 0 : 1);
  put16(answers);
  put16(0);
  put16(query.edns ? 1 : 0);
  bytes.insert(bytes.end(), query.question.begin(), query.question.end());
}

void ReplyWriter::opt(const Query& query, Rcode rcode) {
  if (!query.edns) return;
  put8(0);
  put16(kTypeOpt);
  put16(Query::kPayloadMax);
  put8(static_cast<std::uint8_t>(static_cast<std::uint16_t>(rcode) >> 4));
  put8(0);  // the version we speak
  put16(0);
  put16(0);
}

std::ptrdiff_t offset_of(std::size_t turn, std::size_t count) {
  return static_cast<std::ptrdiff_t>(turn % count);
}

}  // namespace

Result<Query> parse_query(Bytes message) {
  if (message.size() < kHeaderSize) return fail(Fault::kProtocol, "dns query: no header");
  QueryReader reader(message);
  Query query;
  std::uint16_t flags = 0;
  (void)reader.read(query.id);
  (void)reader.read(flags);
  if ((flags & 0x8000U) != 0) return fail(Fault::kProtocol, "dns query: it is an answer");
  query.wishes = flags & 0x0130U;
  if ((flags & 0x7800U) != 0) {
    query.fault = Rcode::kNotImplemented;  // another opcode than QUERY
    return query;
  }
  query.fault = read_question(message, reader, query);
  return query;
}

std::string key_of(const Query& query) {
  std::string key = query.name;
  key += '\0';
  for (const std::uint16_t value : {query.type, query.record_class, query.wishes}) {
    key += static_cast<char>(value >> 8);
    key += static_cast<char>(value & 0xffU);
  }
  key += query.edns ? query.dnssec_ok ? 'D' : 'E' : '-';
  return key;
}

std::vector<std::uint8_t> write_query(const Query& query) {
  ReplyWriter out;
  out.put16(0);
  out.put16(query.wishes);
  out.put16(1);
  out.put16(0);
  out.put16(0);
  out.put16(query.edns ? 1 : 0);
  out.bytes.insert(out.bytes.end(), query.question.begin(), query.question.end());
  if (query.edns) {
    out.put8(0);
    out.put16(kTypeOpt);
    out.put16(Query::kPayloadMin);
    out.put16(0);
    out.put16(query.dnssec_ok ? kDnssecOk : 0);
    out.put16(0);
  }
  return std::move(out.bytes);
}

std::vector<std::uint8_t> write_reply(const Query& query, const Reply& reply,
                                      std::size_t bytes_max) {
  const bool v4 = query.type == kTypeA;
  const std::size_t record_size = v4 ? 16 : 28;
  const std::size_t fixed = kHeaderSize + query.question.size() + (query.edns ? kOptSize : 0);
  std::vector<const IpAddress*> told;
  if (v4 || query.type == kTypeAaaa) {
    for (const IpAddress& address : reply.addresses) {
      if (address.is_v4() == v4) told.push_back(&address);
    }
  }
  if (!told.empty()) {
    std::rotate(told.begin(), told.begin() + offset_of(reply.first, told.size()), told.end());
  }
  const std::size_t room = bytes_max > fixed ? (bytes_max - fixed) / record_size : 0;
  const bool truncated = told.size() > room;
  if (truncated) told.resize(room);

  ReplyWriter out;
  out.head(query, reply.rcode, truncated, static_cast<std::uint16_t>(told.size()));
  for (const IpAddress* address : told) {
    out.put16(kPointerToQuestion);
    out.put16(query.type);
    out.put16(kClassInternet);
    out.put32(reply.ttl_s);
    const std::uint16_t size = v4 ? 4 : 16;
    out.put16(size);
    out.bytes.insert(out.bytes.end(), address->bytes().begin(), address->bytes().begin() + size);
  }
  out.opt(query, reply.rcode);
  return std::move(out.bytes);
}

std::vector<std::uint8_t> write_truncated(const Query& query) {
  ReplyWriter out;
  out.head(query, Rcode::kNoError, true, 0);
  out.opt(query, Rcode::kNoError);
  return std::move(out.bytes);
}

}  // namespace weft::dns
