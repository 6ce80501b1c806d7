#pragma once
// StrictOrigin: reads requests as the strictest HTTP/1.1 origin does, and writes down what came.
//
// One line for each whole request, its body decoded and in braces; what follows a switch of
// protocols in angles. Bytes that are not canonical (a line end, a blank, a framing field, a chunk
// size other than RFC 9112 has them) make the report say so. Owner: a test.

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::http::testing {

class StrictOrigin final {
 public:
  void feed(std::string_view bytes) { wire_ += bytes; }
  // From here on the bytes are no HTTP.
  void tunnel() { tunnel_ = true; }
  // Reads on; true when one more request has come (`at_head`: its head).
  [[nodiscard]] bool next(bool at_head);
  // A request that was cut off says nothing when the connection is `closed`, but hangs otherwise.
  [[nodiscard]] std::string report(bool closed) const;
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  bool read_one();
  bool read_head(std::string_view head);
  bool read_chunks(std::string_view wire, std::size_t& used, std::string& body);
  void complain(std::string_view what);

  std::string wire_;
  std::size_t at_ = 0;          // behind the last whole request
  std::size_t heads_read_ = 0;  // behind the last head that next() told of
  std::size_t requests_ = 0;
  // Of the head read last:
  std::string line_;
  std::string length_;
  bool chunked_ = false;
  std::string text_;
  std::string problem_;
  bool tunnel_ = false;
};

}  // namespace weft::http::testing
