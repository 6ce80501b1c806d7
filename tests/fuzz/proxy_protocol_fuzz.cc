// The first bytes of a connection where a PROXY header is expected, as a stranger may send them.
//
// Whatever they are: the answer comes as soon as it can and does not change with more bytes, the
// header is within its limit, and what it says can be written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sidecar/core/proxy_header.h"

namespace {

using weft::ProxyHeader;
using weft::ProxyHeaderRead;
using State = ProxyHeaderRead::State;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeaderRead whole = weft::read_proxy_header(bytes);
  for (std::size_t n = 0; n < size && n <= weft::kProxyHeaderV2Max; ++n) {
    const ProxyHeaderRead part = weft::read_proxy_header(bytes.substr(0, n));
    if (part.state == State::kNeedMore) continue;
    require(part.state == whole.state && part.size == whole.size && part.header == whole.header);
    break;
  }
  if (whole.state == State::kNeedMore) require(size < weft::kProxyHeaderV2Max);
  if (whole.state != State::kDone) return 0;
  require(whole.size <= size && whole.size <= weft::kProxyHeaderV2Max);
  require(whole.header.source.is_none() == whole.header.destination.is_none());
  for (const auto version : {ProxyHeader::Version::kV1, ProxyHeader::Version::kV2}) {
    ProxyHeader header = whole.header;
    header.version = version;
    const std::string text = weft::write_proxy_header(header);
    const ProxyHeaderRead again = weft::read_proxy_header(text);
    require(again.state == State::kDone && again.size == text.size() && again.header == header);
  }
  return 0;
}
