#pragma once
// The HTTP/1 writer: heads, chunks and trailers as wire bytes at the end of a Buffer.
//
// A head goes into one contiguous reserve; names keep the spelling they came with. The fields of a
// hop are never copied from a head: what this hop says (Host, Content-Length, Transfer-Encoding,
// Connection, Upgrade, Expect) is written from HeadFrame alone, so that nothing in a head can
// contradict the framing. Pure. Source: RFC 9112.

#include <cstdint>

#include "sidecar/core/buffer.h"
#include "sidecar/http/http1_framing.h"
#include "sidecar/http/message.h"

namespace weft::http {

// What the head says about this hop.
struct HeadFrame {
  BodyKind body = BodyKind::kNone;
  // Content-Length: with kLength, and without a body where it describes one (HEAD, 304) or says
  // that there is none.
  std::optional<std::uint64_t> length;
  bool close = false;
  bool keep_alive = false;            // said aloud to a peer of HTTP/1.0
  std::string_view upgrade;           // the protocol to switch to
  std::string_view websocket_key;     // when the head has none
  std::string_view websocket_accept;  // likewise
};

void write_request_head(const RequestHead& head, const HeadFrame& frame, Buffer& out);
void write_response_head(const ResponseHead& head, const HeadFrame& frame, Buffer& out);

// "1f4\r\n" before a chunk's data; "\r\n" follows the data.
void write_chunk_size(std::size_t size, Buffer& out);
// The last chunk, with those trailers that may be sent.
void write_last_chunk(const Headers& trailers, Buffer& out);

}  // namespace weft::http
