#pragma once
// ClientHelloParser: server name, application protocols and versions from the first bytes of a
// connection, before any TLS is spoken, so that a listener can choose a filter chain. RFC
// 8446 4.1.2 and 5.1, RFC 6066 3, RFC 7301 3.1.
//
// Pure and incremental: feed it what arrived; it keeps at most kHelloBytesMax. It does not judge
// cryptography: what it lets through is judged again by OpenSSL. Thread: any.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/buffer.h"

namespace weft::tls {

struct ClientHello {
  std::string server_name;              // lower case; empty when none was sent
  std::vector<std::string> alpn;        // as offered, in order; at most kProtocolsMax
  std::vector<std::uint16_t> versions;  // 0x0304 is TLS 1.3; without GREASE
};

class ClientHelloParser final {
 public:
  static constexpr std::size_t kHelloBytesMax = 16 * 1024;
  static constexpr std::size_t kProtocolsMax = 32;
  static constexpr std::size_t kVersionsMax = 16;

  enum class State : std::uint8_t {
    kNeedMore,
    kNotTls,     // the first bytes cannot be a ClientHello: some other protocol
    kMalformed,  // it began as one and then broke the rules or the limit: to be closed, not taken
                 // for another protocol
    kDone,
  };

  // The bytes after those fed before. Once it has answered anything but kNeedMore, the answer
  // stays.
  State feed(Bytes bytes);
  [[nodiscard]] State state() const { return state_; }
  // REQUIRES state() == kDone.
  [[nodiscard]] const ClientHello& hello() const { return hello_; }

 private:
  State take_header(std::uint8_t byte);
  State take_message();

  State state_ = State::kNeedMore;
  std::uint8_t header_[5] = {};
  std::size_t header_size_ = 0;
  std::size_t record_left_ = 0;  // bytes of the current record's body that are still to come
  std::string message_;          // the handshake message, put together from records
  ClientHello hello_;
};

}  // namespace weft::tls
