#pragma once
// Http1RequestParser and Http1ResponseParser: bytes in, canonical heads out. Strict and
// incremental; no I/O.
//
// A head's bytes are copied once, into the arena of the message they make; its fields are views
// into that copy. After a head, Http1BodyReader takes over until the body has ended. An error is
// final: the connection's framing is lost. Owner: a codec. Source: RFC 9112; threats.md 3.1 and
// LM-01.

#include <cstddef>
#include <cstdint>

#include "sidecar/core/buffer.h"
#include "sidecar/core/result.h"
#include "sidecar/http/http1_framing.h"
#include "sidecar/http/http1_head_reader.h"
#include "sidecar/http/limits.h"
#include "sidecar/http/message.h"
#include "sidecar/http/normalize.h"

namespace weft::http {

struct Http1Request {
  RequestHead head;
  Http1Framing framing;
};

struct Http1Response {
  ResponseHead head;
  Http1Framing framing;
};

class Http1RequestParser final {
 public:
  Http1RequestParser(const Limits& limits, const NormalizeOptions& normalize, bool secured);

  // True when `request` is a whole head, taken out of `input`; false when more bytes are needed.
  // REQUIRES: the same `request`, untouched, from call to call until then.
  [[nodiscard]] Result<bool> read(Buffer& input, Http1Request& request);
  // A head has begun and is not complete.
  [[nodiscard]] bool partial() const { return reader_.partial(); }

 private:
  Status take_start_line(RequestHead& head);
  Status take_head(Http1Request& request);

  const Limits& limits_;
  const NormalizeOptions& normalize_;
  bool secured_;
  Http1HeadReader reader_;
  std::size_t method_size_ = 0;
  std::size_t target_size_ = 0;
};

class Http1ResponseParser final {
 public:
  explicit Http1ResponseParser(const Limits& limits);

  [[nodiscard]] Result<bool> read(Buffer& input, const Asked& asked, Http1Response& response);
  [[nodiscard]] bool partial() const { return reader_.partial(); }

 private:
  const Limits& limits_;
  Http1HeadReader reader_;
};

}  // namespace weft::http
