#pragma once
// KubeWatch: one streaming answer of the API server, line by line, on a connection of its own.
//
// The holder hears on_watch_open, on_watch_line any number of times, and one on_watch_end or
// on_watch_refused, the last event; any event may destroy the watch, and dropping it cancels
// silently. A line beyond kLineBytesMax is told as too long. Ends by itself when the server goes on
// for longer than it was asked for, and on a connection whose other end has silently gone (HTTP/2
// PING). Owner: a ResourceFeed. Thread: its loop's.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/kubernetes/line_splitter.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"

namespace weft::control::kube {

class KubeWatch final : public DialHolder,
                        public http::ResponseSink,
                        public http::ClientConnection::Owner,
                        public TimerSink {
 public:
  // etcd takes 1.5 MiB; as JSON it may be some more.
  static constexpr std::size_t kLineBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kRefusalBytesMax = 64 * 1024;
  static constexpr Duration kAnswerTimeout = std::chrono::seconds(30);  // for the head
  static constexpr Duration kPing = std::chrono::seconds(30);

  class Holder {
   public:
    virtual void on_watch_open() = 0;
    virtual void on_watch_line(std::string_view line, bool too_long) = 0;
    virtual void on_watch_refused(const http::ResponseHead& head, std::string_view body) = 0;
    // `why` is empty where the server ended it in order.
    virtual void on_watch_end(const std::string& why) = 0;

   protected:
    ~Holder() = default;
  };
  struct Request {
    std::string authority;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    Duration time{};  // the longest that it may go on
  };

  KubeWatch(Turn& turn, Dialer& dialer, Request request, Holder& holder);
  KubeWatch(const KubeWatch&) = delete;
  KubeWatch& operator=(const KubeWatch&) = delete;
  ~KubeWatch();

  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  void on_informational(http::ResponseHead&&) override {}
  void on_response_head(http::ResponseHead&& head, bool end) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(http::Headers&& trailers) override;
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override;
  void on_capacity(http::ClientConnection&) override {}
  void on_connection_done(http::ClientConnection& connection, const Error& reason) override;
  void on_timer(Timer& timer) override;

 private:
  void finish(const std::string& why);
  void let_go();

  Turn& turn_;
  const Request request_;
  Holder& holder_;
  LineSplitter lines_{kLineBytesMax};
  Timer deadline_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<http::ClientConnection> connection_;
  std::unique_ptr<http::ClientStream> stream_;
  http::ResponseHead head_;
  std::string refusal_;
  bool* destroyed_ = nullptr;  // set by the destructor for a function that raised an event
  bool answered_ = false;
  bool refused_ = false;
  bool over_ = false;
};

}  // namespace weft::control::kube
