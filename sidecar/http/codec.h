#pragma once
// Codec: bytes in, stream events out; stream calls in, bytes out. No I/O, no timers, no clock of
// its own.
//
// Http1 and Http2, server and client, implement these; http::Connection joins one to a Transport. A
// codec raises events while it is fed or asked to produce; answers given meanwhile are queued and
// produced later, so a session is never re-entered. Owner: a connection. Thread: its loop's.

#include <memory>

#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/http/limits.h"
#include "sidecar/http/normalize.h"
#include "sidecar/http/stream.h"

namespace weft::http {

// What a codec may ask of the connection it serves.
class CodecHost {
 public:
  // There is output: call produce() at the end of this turn.
  virtual void wake() = 0;
  // HTTP/1: stop and go on reading from the transport (undelivered body, a pipelined request while
  // one is answered).
  virtual void pause_input() = 0;
  virtual void resume_input() = 0;
  [[nodiscard]] virtual TimePoint now() const = 0;

 protected:
  ~CodecHost() = default;
};

class Codec {
 public:
  virtual ~Codec() = default;

  // Consumes what it can of `bytes`. On an error the codec has already queued its goodbye (a 4xx, a
  // GOAWAY) and told every stream that suffers; the connection flushes and closes.
  virtual Status feed(Buffer& bytes) = 0;
  // The peer will send no more.
  virtual Status feed_end() = 0;
  // Appends wire bytes to `out`, about `room` at most, and reports on_sent for body bytes among
  // them. Ends with nothing to say when there is no more output now.
  virtual void produce(Buffer& out, std::size_t room) = 0;
  [[nodiscard]] virtual bool wants_output() const = 0;

  // Finish politely: no new streams; those under way go on. HTTP/2 says GOAWAY in two steps, the
  // second from drain_now().
  virtual void drain() = 0;
  virtual void drain_now() = 0;
  // The transport broke or a deadline passed: every stream hears `error`; nothing is produced any
  // more.
  virtual void fail(const Error& error) = 0;
  // Streams whose output has been stuck since before `since` are reset and hear kIdle. A codec with
  // one stream leaves that to its connection, which watches the transport.
  virtual void expire(TimePoint since) { (void)since; }
  // Asks the peer for a sign of life, where the version has a way to.
  virtual void ping() {}
  // Streams wait because the peer takes no more bytes on this connection as a whole; another one
  // would help.
  [[nodiscard]] virtual bool blocked() const { return false; }

  [[nodiscard]] virtual std::size_t streams() const = 0;
  // Nothing under way, nothing to send, and no more will come: close the transport.
  [[nodiscard]] virtual bool finished() const = 0;
  // Our side has said its last byte while the peer's still come: shut the transport's writing side.
  [[nodiscard]] virtual bool half_closed() const { return false; }
  // A message was cut short where an orderly close would look like its end: the transport must be
  // aborted instead.
  [[nodiscard]] virtual bool aborted() const { return false; }
  // Why the codec itself ended the connection while it was writing; null when all is in order.
  [[nodiscard]] virtual const Error* failure() const { return nullptr; }
};

class ServerCodec : public Codec {
 public:
  class Handler {
   public:
    // A whole head came. The handler sets the stream's sink before it returns, or drops the stream
    // (reset).
    virtual void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) = 0;
    // Bytes that never became a request: the codec answers and closes; `error` says why, for the
    // one record.
    virtual void on_malformed(const Error& error, std::uint16_t status) = 0;

   protected:
    ~Handler() = default;
  };
  // A request head has begun and is not complete (HTTP/2: also the preface, from the start).
  [[nodiscard]] virtual bool reading_head() const = 0;
  // Nothing of a message is here, and a new codec would go on as this one would.
  [[nodiscard]] virtual bool at_rest() const { return false; }
  // That head took too long: queues the goodbye (408, GOAWAY) and takes no more input. The
  // connection flushes and closes.
  virtual void answer_timeout() = 0;
};

class ClientCodec : public Codec {
 public:
  // How many more streams may be opened now; 0 while draining.
  [[nodiscard]] virtual std::size_t available() const = 0;
  // REQUIRES available() > 0. Fields are copied or written before the call returns. `end`: no body,
  // no trailers follow.
  [[nodiscard]] virtual std::unique_ptr<ClientStream> open(const RequestHead& head, bool end,
                                                           ResponseSink& sink) = 0;
};

struct CodecOptions {
  Limits limits;
  Http2Limits http2;
  NormalizeOptions normalize;  // of requests that come in
  bool secured = false;        // scheme https
};

[[nodiscard]] std::unique_ptr<ServerCodec> make_http1_server(CodecHost& host,
                                                             ServerCodec::Handler& handler,
                                                             const CodecOptions& options);
[[nodiscard]] std::unique_ptr<ClientCodec> make_http1_client(CodecHost& host,
                                                             const CodecOptions& options);
[[nodiscard]] std::unique_ptr<ServerCodec> make_http2_server(CodecHost& host,
                                                             ServerCodec::Handler& handler,
                                                             const CodecOptions& options);
[[nodiscard]] std::unique_ptr<ClientCodec> make_http2_client(CodecHost& host,
                                                             const CodecOptions& options);

}  // namespace weft::http
