#pragma once
// Relay: a client's bytes through a real server codec, a seam that forwards as a proxy does, and
// real client codecs to origins that read strictly.
//
// What the ends saw is said in a line each. The client: "200 400 close", the statuses (a body that
// is not "ok" in braces) and what became of the connection; over HTTP/2 its frames. The origins:
// the reports of StrictOrigin, joined by " || " when there was more than one connection. The seam
// opens a new connection whenever no other may be used; it never retries. Owner: a test. Thread:
// its own.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/http/codec.h"
#include "tests/support/at_every_split.h"

namespace weft::http::testing {

struct RelayOptions {
  // What the origins say to the first request, the second, ...; the last again for the rest.
  std::vector<std::string> answers{"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"};
  bool answers_at_head = false;  // instead of at the request's end
  bool origin_ends = false;      // closes behind an answer
  bool client_ends = false;      // closes behind its bytes
  bool http2 = false;            // the client speaks HTTP/2
  CodecOptions codec;
};

class Relay final {
 public:
  explicit Relay(const RelayOptions& options = {});
  ~Relay();

  // Each piece is one read; a turn follows.
  void feed(const weft::testing::Pieces& pieces);
  void feed_end();
  // The first answer leaves the origin in these pieces.
  void cut_answer(const weft::testing::Pieces& pieces);

  [[nodiscard]] const std::string& answers() const;  // raw
  [[nodiscard]] std::string client() const;
  [[nodiscard]] std::string origins() const;
  // Every byte that the first origin read.
  [[nodiscard]] const std::string& first_origin_wire() const;
  [[nodiscard]] bool paused() const;
  [[nodiscard]] const std::string& refusals() const;  // why, for people

 private:
  class Seam;
  std::unique_ptr<Seam> seam_;
};

// client(), a line end, and origins(): of `text` at every split, or in three sizes of pieces when
// it is too long for that.
[[nodiscard]] std::string relayed(std::string_view text, const RelayOptions& options = {},
                                  std::size_t pairs_up_to = 0);
// The same with the text whole and the origin's first answer at every split.
[[nodiscard]] std::string relayed_answer(std::string_view text, const RelayOptions& options);

}  // namespace weft::http::testing
