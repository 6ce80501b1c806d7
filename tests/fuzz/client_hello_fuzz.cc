// The first bytes of a connection, as a stranger may send them.
//
// Whatever they are: the answer does not depend on how they were cut, and what is handed on is
// within its bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tls/client_hello.h"

namespace {

using weft::tls::ClientHelloParser;

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const ClientHelloParser& a, const ClientHelloParser& b) {
  if (a.state() != b.state()) return false;
  if (a.state() != ClientHelloParser::State::kDone) return true;
  return a.hello().server_name == b.hello().server_name && a.hello().alpn == b.hello().alpn &&
         a.hello().versions == b.hello().versions;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weft::Bytes bytes(data, size);
  ClientHelloParser whole;
  whole.feed(bytes);
  ClientHelloParser single;
  for (const std::uint8_t& byte : bytes) single.feed({&byte, 1});
  require(same(whole, single));
  if (size > 0) {
    const std::size_t cut = data[size - 1] % size;
    ClientHelloParser halves;
    halves.feed(bytes.first(cut));
    halves.feed(bytes.subspan(cut));
    require(same(whole, halves));
  }
  if (whole.state() != ClientHelloParser::State::kDone) return 0;
  require(whole.hello().server_name.size() <= 255);
  require(whole.hello().alpn.size() <= ClientHelloParser::kProtocolsMax);
  require(whole.hello().versions.size() <= ClientHelloParser::kVersionsMax);
  for (const char c : whole.hello().server_name) require(c > ' ' && c < 0x7f);
  return 0;
}
