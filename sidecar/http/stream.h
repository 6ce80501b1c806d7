#pragma once
// Stream: one request and its response as a codec sees it, in either direction; and the sinks that
// hear its events.
//
// ServerStream belongs to whoever answers (proxy::Exchange, http::Service), ClientStream to whoever
// asks (proxy::Attempt, http::Client). Dropping one that is not finished resets it (HTTP/2) or
// closes its connection (HTTP/1); a ServerStream whose end is queued is finished: what is queued is
// still sent, the rest of its request is not read. A stream outlives its connection harmlessly:
// after on_stream_fault every call does nothing. Calls never call back before they return.
//
// Flow of bodies: what arrives is delivered as it comes; the receiver says consume(n) when n bytes
// have left it for good, and the codec holds at most its window of unconsumed bytes (HTTP/2: the
// stream's credit; HTTP/1: the socket is paused). What is sent is queued; on_sent(n) says that n
// body bytes have left for the transport. A relay thus calls source.consume(n) from the on_sent(n)
// of the other side, and back-pressure runs from end to end.

#include <cstdint>
#include <memory>

#include "sidecar/core/buffer.h"
#include "sidecar/core/error.h"
#include "sidecar/http/message.h"

namespace weft::http {

// Why we give a stream up; HTTP/2 puts it into RST_STREAM (RFC 9113 section 7), HTTP/1 closes the
// connection.
enum class ResetReason : std::uint8_t { kCancel, kRefused, kInternal, kProtocol, kFlood };

class StreamSink {
 public:
  // `end`: nothing follows, not even trailers. May be empty when only the end comes.
  virtual void on_body(Buffer&& bytes, bool end) = 0;
  // Ends the message.
  virtual void on_trailers(Headers&& trailers) = 0;
  virtual void on_sent(std::size_t body_bytes) = 0;
  // Reset by the peer, or its connection went: the last event. kRefused: provably not processed.
  virtual void on_stream_fault(const Error& error) = 0;

 protected:
  ~StreamSink() = default;
};

// Hears what comes in on a ServerStream after its head.
class RequestSink : public StreamSink {
 protected:
  ~RequestSink() = default;
};

class ResponseSink : public StreamSink {
 public:
  // 100 to 199 but 101; any number of times, bounded by Limits::informational_max.
  virtual void on_informational(ResponseHead&& head) = 0;
  // The final head; also 101, or 2xx to CONNECT, after which the body is the tunnel's bytes.
  virtual void on_response_head(ResponseHead&& head, bool end) = 0;

 protected:
  ~ResponseSink() = default;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // REQUIRES: the head was sent, the end was not.
  virtual void send_body(Buffer&& bytes, bool end) = 0;
  virtual void send_trailers(const Headers& trailers) = 0;
  virtual void consume(std::size_t body_bytes) = 0;
  virtual void reset(ResetReason reason) = 0;
  // Body bytes accepted by send_body and not yet sent. Stop above Transport::kHighMark.
  [[nodiscard]] virtual std::size_t buffered() const = 0;
};

class ServerStream : public Stream {
 public:
  virtual void set_sink(RequestSink* sink) = 0;
  virtual void send_informational(const ResponseHead& head) = 0;
  // `end`: no body and no trailers follow. Fields are copied or written before the call returns.
  virtual void send_head(const ResponseHead& head, bool end) = 0;
  // After this response the connection is of no more use (HTTP/1: Connection: close, HTTP/2:
  // GOAWAY).
  virtual void close_after() = 0;
};

class ClientStream : public Stream {
 public:
  // Sent on a connection that has served a request before: a reset before any response byte may
  // mean that the peer had closed it while idle.
  [[nodiscard]] virtual bool reused_connection() const = 0;
};

}  // namespace weft::http
