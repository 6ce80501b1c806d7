#pragma once
// GrpcStream: one gRPC stream in both directions, from either end: whole messages in and out, and
// one end.
//
// Messages are handed over as they are complete. Credit returns when bytes are taken, so what one
// stream can hold is one unfinished message (message_bytes_max) and, while paused, the stream's
// window; send() queues, and its user stops while !writable(). Ending: close() ends it at once and
// in silence, and is allowed inside any event; the owner then gives it to Turn::retire, since the
// event may still be on the stack. Owner: AdsClient, AdsServer. Thread: its loop's. Source: gRPC's
// PROTOCOL-HTTP2.md, by way of sidecar/http/grpc.h.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"
#include "sidecar/http/grpc.h"
#include "sidecar/http/stream.h"

namespace weft::xds {

class GrpcStream : public Flushable {
 public:
  class Holder {
   public:
    virtual void on_message(Buffer&& message) = 0;
    // A client has nothing more to say; the server should finish().
    virtual void on_last_message() = 0;
    // Writable again, after it was not.
    virtual void on_writable() = 0;
    // The last event; not after close() or finish().
    virtual void on_grpc_end(const http::GrpcOutcome& outcome) = 0;

   protected:
    ~Holder() = default;
  };

  void send(std::string_view message);
  [[nodiscard]] bool writable() const;
  // Messages wait, and so does the peer once its window is full. / They come at the end of this
  // turn.
  void pause() { paused_ = true; }
  void resume();
  void close();

  void flush() final;

 protected:
  GrpcStream(Turn& turn, Holder& holder, std::size_t message_bytes_max)
      : turn_(turn), holder_(holder), reader_(message_bytes_max) {}
  ~GrpcStream() = default;

  // Null when it is over.
  [[nodiscard]] virtual http::Stream* stream() const = 0;
  virtual void drop() = 0;
  virtual void before_first_message() = 0;
  // The peer's messages are all delivered.
  virtual void on_all_delivered() = 0;
  // The peer broke a rule or a limit.
  virtual void refuse(http::GrpcStatus status, std::string message) = 0;

  void take(Buffer&& bytes, bool end);
  void take_sent();
  void deliver();
  void report_end(const http::GrpcOutcome& outcome);
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] Holder& holder() { return holder_; }

 private:
  Turn& turn_;
  Holder& holder_;
  http::GrpcReader reader_;
  std::size_t owed_ = 0;  // bytes taken whose credit was not returned
  bool paused_ = false;
  bool input_ended_ = false;
  bool end_delivered_ = false;
  bool full_ = false;  // send() made it unwritable
  bool closed_ = false;
};

class GrpcClientStream final : public GrpcStream, public http::ResponseSink {
 public:
  struct Call {
    std::string authority;
    std::string path;
    std::vector<std::pair<std::string, std::string>> metadata;
  };
  // REQUIRES connection.available() > 0.
  GrpcClientStream(Turn& turn, http::ClientConnection& connection, const Call& call, Holder& holder,
                   std::size_t message_bytes_max);
  ~GrpcClientStream();

  void on_informational(http::ResponseHead&&) override {}
  void on_response_head(http::ResponseHead&& head, bool end) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(http::Headers&& trailers) override;
  void on_sent(std::size_t) override { take_sent(); }
  void on_stream_fault(const Error& error) override;

 private:
  [[nodiscard]] http::Stream* stream() const override { return stream_.get(); }
  void drop() override { stream_.reset(); }
  void before_first_message() override {}
  void on_all_delivered() override;
  void refuse(http::GrpcStatus status, std::string message) override;

  std::unique_ptr<http::ClientStream> stream_;
  http::ResponseHead head_;
  std::optional<http::Headers> trailers_;
};

class GrpcServerStream final : public GrpcStream, public http::RequestSink {
 public:
  GrpcServerStream(Turn& turn, std::unique_ptr<http::ServerStream> stream, Holder& holder,
                   std::size_t message_bytes_max);
  ~GrpcServerStream();

  // Says how it ended and ends it; no event follows. Retire it afterwards, as after close().
  void finish(http::GrpcStatus status, std::string_view message = {});

  void on_body(Buffer&& bytes, bool end) override { take(std::move(bytes), end); }
  void on_trailers(http::Headers&&) override { take(Buffer(), true); }
  void on_sent(std::size_t) override { take_sent(); }
  void on_stream_fault(const Error& error) override;

 private:
  [[nodiscard]] http::Stream* stream() const override { return stream_.get(); }
  void drop() override;
  void before_first_message() override;
  void on_all_delivered() override { holder().on_last_message(); }
  void refuse(http::GrpcStatus status, std::string message) override;

  std::unique_ptr<http::ServerStream> stream_;
  bool head_sent_ = false;
};

// What ended a stream as an Error of the house, and the other way round.
[[nodiscard]] Error error_of(const http::GrpcOutcome& outcome);
[[nodiscard]] http::GrpcStatus status_of(const Error& error);

}  // namespace weft::xds
