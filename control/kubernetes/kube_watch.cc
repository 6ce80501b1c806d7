#include "control/kubernetes/kube_watch.h"

#include "sidecar/core/strings.h"

namespace weft::control::kube {

KubeWatch::KubeWatch(Turn& turn, Dialer& dialer, Request request, Holder& holder)
    : turn_(turn),
      request_(std::move(request)),
      holder_(holder),
      deadline_(turn.timers(), *this),
      dial_(dialer.dial(*this)) {
  deadline_.arm(kAnswerTimeout);
}

KubeWatch::~KubeWatch() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  let_go();
}

void KubeWatch::let_go() {
  deadline_.cancel();
  stream_.reset();
  // The dial may be who is calling.
  turn_.retire(std::move(dial_));
  if (connection_ == nullptr) return;
  connection_->abandon();
  turn_.retire(std::move(connection_));
}

void KubeWatch::finish(const std::string& why) {
  if (over_) return;
  over_ = true;
  let_go();
  if (refused_) {
    holder_.on_watch_refused(head_, refusal_);
  } else {
    holder_.on_watch_end(why);
  }
}

void KubeWatch::on_dialed(std::unique_ptr<Transport> transport) {
  dial_.reset();
  const bool http2 = transport->tls().alpn == "h2";
  http::ConnectionOptions options;
  options.codec.secured = transport->tls().secured;
  options.timeouts.stream_idle = Duration::zero();  // nothing may happen for minutes
  options.timeouts.ping = kPing;
  connection_ = std::make_unique<http::ClientConnection>(
      turn_, std::move(transport), http2 ? http::Protocol::kHttp2 : http::Protocol::kHttp1, options,
      *this);
  http::RequestHead head;
  head.scheme = options.codec.secured ? "https" : "http";
  head.authority = request_.authority;
  head.target = request_.target;
  for (const auto& [name, value] : request_.fields) head.headers.add(name, value);
  stream_ = connection_->open(head, true, *this);
}

void KubeWatch::on_dial_failed(const Error& error) {
  const std::string why = error.detail;
  finish(why);
}

void KubeWatch::on_response_head(http::ResponseHead&& head, bool end) {
  head_ = std::move(head);
  refused_ = head_.status != 200;
  answered_ = true;
  if (!refused_) {
    deadline_.arm(request_.time);
    bool destroyed = false;
    destroyed_ = &destroyed;
    holder_.on_watch_open();
    if (destroyed) return;
    destroyed_ = nullptr;
  }
  if (end) finish("");
}

void KubeWatch::on_body(Buffer&& bytes, bool end) {
  stream_->consume(bytes.size());
  if (refused_) {
    const std::string text = bytes.to_string();
    refusal_ += text.substr(0, kRefusalBytesMax - refusal_.size());
    if (end || refusal_.size() == kRefusalBytesMax) finish("");
    return;
  }
  bytes.for_each_slice([this](Bytes slice) { lines_.add(as_text(slice)); });
  bool destroyed = false;
  destroyed_ = &destroyed;
  while (std::optional<LineSplitter::Line> line = lines_.next()) {
    holder_.on_watch_line(line->text, line->too_long);
    if (destroyed) return;
  }
  destroyed_ = nullptr;
  if (end) finish("");
}

void KubeWatch::on_trailers(http::Headers&&) { finish(""); }

void KubeWatch::on_stream_fault(const Error& error) {
  const std::string why = error.detail;
  finish(why);
}

void KubeWatch::on_connection_done(http::ClientConnection&, const Error& reason) {
  const std::string why = reason.detail;
  turn_.retire(std::move(connection_));
  finish(why);
}

void KubeWatch::on_timer(Timer&) {
  finish(answered_ && !refused_ ? "the server does not end it" : "no answer in time");
}

}  // namespace weft::control::kube
