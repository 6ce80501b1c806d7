#include "sidecar/net/dns_answer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::net {

namespace {

constexpr std::uint16_t kTypeCname = 5;
constexpr std::uint16_t kClassInternet = 1;
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kNameMax = 255;
constexpr int kJumpsMax = 128;  // as many as a name can have labels

tl::unexpected<Error> broken(const char* what) {
  return fail(Fault::kProtocol, std::string("dns answer: ") + what);
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::uint32_t ttl = 0;
  std::size_t data = 0;
  std::size_t data_size = 0;
};

struct Alias {
  std::string owner;
  std::string target;
  std::uint32_t ttl = 0;
};

// A cursor over the message; every read says whether there was enough.
class Reader {
 public:
  Reader(Bytes message, std::size_t at) : message_(message), at_(at) {}

  [[nodiscard]] std::size_t at() const { return at_; }
  bool skip(std::size_t count) {
    if (message_.size() - at_ < count) return false;
    at_ += count;
    return true;
  }
  bool read(std::uint16_t& value) {
    if (message_.size() - at_ < 2) return false;
    value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool read(std::uint32_t& value) {
    std::uint16_t high = 0;
    std::uint16_t low = 0;
    if (!read(high) || !read(low)) return false;
    value = static_cast<std::uint32_t>(high) << 16 | low;
    return true;
  }
  bool read_name(std::string& name);

 private:
  Bytes message_;
  std::size_t at_;
};

// In lower case, labels separated by dots. A pointer must point before the labels it was reached
// from, so following them ends.
bool Reader::read_name(std::string& name) {
  name.clear();
  std::size_t position = at_;
  std::size_t limit = at_;  // pointers go below this
  int jumps = 0;
  while (true) {
    if (position >= message_.size()) return false;
    const std::size_t length = message_[position];
    if (length == 0) {
      if (jumps == 0) at_ = position + 1;
      return true;
    }
    if ((length & 0xc0U) == 0xc0U) {
      if (position + 1 >= message_.size()) return false;
      const std::size_t target = (length & 0x3fU) << 8 | message_[position + 1];
      if (target >= limit || jumps == kJumpsMax) return false;
      if (jumps++ == 0) at_ = position + 2;
      limit = target;
      position = target;
      continue;
    }
    if ((length & 0xc0U) != 0 || position + 1 + length > message_.size()) return false;
    if (name.size() + length + 1 > kNameMax) return false;
    if (!name.empty()) name += '.';
    for (const std::uint8_t byte : message_.subspan(position + 1, length)) {
      if (byte == '.') name += '\\';  // a dot inside a label is not a boundary
      name += to_lower(static_cast<char>(byte));
    }
    position += 1 + length;
  }
}

bool read_record(Reader& reader, Record& record) {
  std::uint16_t size = 0;
  if (!reader.read_name(record.owner) || !reader.read(record.type) ||
      !reader.read(record.record_class) || !reader.read(record.ttl) || !reader.read(size)) {
    return false;
  }
  record.data = reader.at();
  record.data_size = size;
  return reader.skip(size);
}

std::optional<IpAddress> address_in(Bytes data, DnsType type) {
  if (type == DnsType::kA && data.size() == 4) {
    return IpAddress::v4(static_cast<std::uint32_t>(data[0]) << 24 |
                         static_cast<std::uint32_t>(data[1]) << 16 |
                         static_cast<std::uint32_t>(data[2]) << 8 | data[3]);
  }
  if (type == DnsType::kAaaa && data.size() == 16) {
    std::array<std::uint8_t, 16> bytes;
    std::copy(data.begin(), data.end(), bytes.begin());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

// RFC 2181 8: a TTL with the highest bit set is zero.
Duration duration_of(std::uint32_t ttl) {
  const std::chrono::seconds seconds((ttl & 0x8000'0000U) != 0 ? 0 : ttl);
  return std::min(seconds, DnsAnswer::kTtlMax);
}

}  // namespace

Result<DnsAnswer> parse_dns_answer(Bytes message, DnsType type) {
  if (message.size() < kHeaderSize) return broken("no header");
  Reader reader(message, 2);
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  if (!reader.read(flags) || !reader.read(questions) || !reader.read(answers))
    return broken("no header");
  if ((flags & 0x8000U) == 0) return broken("it is a question");
  if (questions != 1) return broken("not one question");

  reader = Reader(message, kHeaderSize);
  std::string name;
  if (!reader.read_name(name) || !reader.skip(4)) return broken("the question is cut short");

  std::vector<Alias> aliases;
  std::vector<Record> addresses;
  const std::size_t records = std::min<std::size_t>(answers, DnsAnswer::kRecordsMax);
  for (std::size_t i = 0; i < records; ++i) {
    Record record;
    if (!read_record(reader, record)) return broken("a record is cut short");
    if (record.record_class != kClassInternet) continue;
    if (record.type == kTypeCname) {
      if (aliases.size() == DnsAnswer::kAliasesMax) return broken("too many aliases");
      Alias alias{.owner = std::move(record.owner), .ttl = record.ttl};
      Reader target(message, record.data);
      if (!target.read_name(alias.target)) return broken("an alias is cut short");
      aliases.push_back(std::move(alias));
    } else if (record.type == static_cast<std::uint16_t>(type)) {
      addresses.push_back(std::move(record));
    }
  }

  // Follow the aliases from the name asked; each may be used once, so a circle ends.
  DnsAnswer answer{.ttl = DnsAnswer::kTtlMax};
  for (std::size_t step = 0; step < aliases.size(); ++step) {
    const auto next = std::ranges::find(aliases, name, &Alias::owner);
    if (next == aliases.end()) break;
    answer.ttl = std::min(answer.ttl, duration_of(next->ttl));
    name = next->target;
  }
  for (const Record& record : addresses) {
    if (record.owner != name || answer.addresses.size() == DnsAnswer::kAddressesMax) continue;
    const auto address = address_in(message.subspan(record.data, record.data_size), type);
    if (!address) return broken("an address of the wrong size");
    answer.ttl = std::min(answer.ttl, duration_of(record.ttl));
    answer.addresses.push_back(*address);
  }
  return answer;
}

}  // namespace weft::net
