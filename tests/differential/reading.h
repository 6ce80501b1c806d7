#pragma once
// Reading: what a parser of HTTP/1 made of some bytes, in a form in which two parsers can be
// compared; and the difference between two of them, as the name of its class.
//
// Names of fields and the value of Transfer-Encoding are in lower case, values without the blanks
// around them; trailers are left out, because parsers disagree about where they belong. A reading
// ends with the first message after which the connection is of no more use.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::differential {

enum class Kind : std::uint8_t { kRequests, kResponses };

struct Message {
  std::string method;  // of a response: its status
  std::string target;
  std::string version;  // "1.1"
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool persists = true;              // the connection may be used again
  bool tunnel = false;               // what follows is no HTTP
  bool framing_in_trailers = false;  // Content-Length or Transfer-Encoding; weft drops them unread
};

enum class End : std::uint8_t {
  kAtRest,  // everything was read, or what was left is nobody's business
  kInHead,  // waits for more of a head
  kInBody,
  kRefused,
};

struct Reading {
  std::vector<Message> messages;  // whole ones
  End end = End::kAtRest;
  std::string why;  // when refused
};

[[nodiscard]] Reading read_by_weft(Kind kind, std::string_view text);

// What sets two readings apart, `other` being the other parser's name: "only weft refuses: bare
// line feed". Empty when nothing does; that both refuse for different reasons is no difference.
[[nodiscard]] std::string difference(const Reading& weft, const Reading& theirs,
                                     std::string_view other);

// For a reader in another language: numbers are 32 bits, little-endian; see encode() for the order.
[[nodiscard]] std::string encode(std::string_view text, const Reading& reading);

}  // namespace weft::differential
