// A DNS answer from a stranger: the parser stays inside the message and inside its limits, and says
// the same twice.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sidecar/net/dns_answer.h"

namespace {

void check(weft::Bytes message, weft::net::DnsType type) {
  using weft::net::DnsAnswer;
  const auto answer = weft::net::parse_dns_answer(message, type);
  if (!answer) return;
  bool holds =
      answer->addresses.size() <= DnsAnswer::kAddressesMax && answer->ttl <= DnsAnswer::kTtlMax;
  const auto again = weft::net::parse_dns_answer(message, type);
  holds = holds && again.has_value() && again->addresses == answer->addresses &&
          again->ttl == answer->ttl;
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size}, weft::net::DnsType::kA);
  check({data, size}, weft::net::DnsType::kAaaa);
  return 0;
}
