#include "sidecar/http/client.h"

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::http {

class Client::Link final : public ClientConnection::Owner {
 public:
  Link(Client& client, std::unique_ptr<Transport> transport, Protocol protocol,
       const ConnectionOptions& options)
      : client_(client),
        connection_(client.turn_, std::move(transport), protocol, options, *this) {}

  [[nodiscard]] ClientConnection& connection() { return connection_; }

  void on_capacity(ClientConnection& connection) override {
    if (connection.streams() > 0) return;
    if (!client_.options_.keep || client_.has_other_idle(*this)) connection.drain();
  }
  void on_connection_done(ClientConnection&, const Error&) override { client_.release(*this); }

 private:
  Client& client_;
  ClientConnection connection_;
};

// ---- Client ----

Client::Client(Turn& turn, Dialer& dialer, const Options& options)
    : turn_(turn), dialer_(dialer), options_(options) {}

Client::~Client() {
  for (std::unique_ptr<Link>& link : links_) {
    link->connection().abandon();
    turn_.retire(std::move(link));
  }
}

std::unique_ptr<Call> Client::send(ClientRequest&& request, CallHolder& holder) {
  auto call = std::make_unique<Call>(*this, std::move(request), holder);
  call->begin();
  return call;
}

void Client::close_idle() {
  for (const std::unique_ptr<Link>& link : links_) {
    if (link->connection().streams() == 0) link->connection().drain();
  }
}

Client::Link* Client::find_link() {
  for (const std::unique_ptr<Link>& link : links_) {
    if (link->connection().available() > 0) return link.get();
  }
  return nullptr;
}

bool Client::has_other_idle(const Link& self) const {
  return std::any_of(links_.begin(), links_.end(), [&](const std::unique_ptr<Link>& link) {
    return link.get() != &self && link->connection().streams() == 0 &&
           !link->connection().draining();
  });
}

Client::Link& Client::adopt(std::unique_ptr<Transport> transport) {
  const bool http2 = options_.speaks == Speaks::kHttp2 ||
                     (options_.speaks == Speaks::kAlpn && transport->tls().alpn == "h2");
  ConnectionOptions options;
  options.codec.limits = options_.limits;
  options.codec.http2 = options_.http2;
  options.codec.secured = transport->tls().secured;
  options.timeouts.idle = options_.idle;
  options.timeouts.stream_idle = Duration::zero();  // every call has its own deadline
  links_.push_back(std::make_unique<Link>(*this, std::move(transport),
                                          http2 ? Protocol::kHttp2 : Protocol::kHttp1, options));
  return *links_.back();
}

void Client::release(Link& link) {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [&](const auto& held) { return held.get() == &link; });
  WEFT_ASSERT(found != links_.end());
  turn_.retire(std::move(*found));
  links_.erase(found);
}

// ---- Call ----

Call::Call(Client& client, ClientRequest&& request, CallHolder& holder)
    : client_(client),
      holder_(holder),
      request_(std::move(request)),
      deadline_(client.turn_.timers(), *this) {}

Call::~Call() = default;

void Call::begin() {
  if (client_.options_.timeout > Duration::zero()) deadline_.arm(client_.options_.timeout);
  if (Client::Link* link = client_.find_link()) {
    begin_on(*link);
  } else {
    dial_ = client_.dialer_.dial(*this);
  }
}

void Call::begin_on(Client::Link& link) {
  ClientConnection& connection = link.connection();
  RequestHead head;
  head.method = method_of(request_.method);
  head.method_name = request_.method;
  head.scheme = connection.transport().tls().secured ? "https" : "http";
  head.authority = request_.authority;
  head.target = request_.target;
  for (const auto& [name, value] : request_.fields) head.headers.add(name, value);
  // RFC 9110 section 8.6: a method that expects content says that there is none.
  const bool expects_content =
      head.method == Method::kPost || head.method == Method::kPut || head.method == Method::kPatch;
  if (!request_.body.empty() || expects_content) head.content_length = request_.body.size();
  stream_ = connection.open(head, request_.body.empty(), *this);
  if (!request_.body.empty()) stream_->send_body(Buffer(request_.body), true);
}

void Call::on_dialed(std::unique_ptr<Transport> transport) {
  dial_.reset();
  begin_on(client_.adopt(std::move(transport)));
}

void Call::on_dial_failed(const Error& error) {
  // The error may be the Dial's own.
  client_.turn_.retire(std::move(dial_));
  fail(error);
}

void Call::on_response_head(ResponseHead&& head, bool end) {
  answered_ = true;
  response_.head = std::move(head);
  if (end) {
    succeed();
  } else if (response_.head.content_length.value_or(0) > client_.options_.body_bytes_max) {
    fail({Fault::kBodyTooLarge, Side::kUpstream, "the answer is larger than the limit"});
  }
}

void Call::on_body(Buffer&& bytes, bool end) {
  if (bytes.size() > client_.options_.body_bytes_max - response_.body.size()) {
    fail({Fault::kBodyTooLarge, Side::kUpstream, "the answer is larger than the limit"});
    return;
  }
  bytes.for_each_slice([&](Bytes slice) { response_.body += as_text(slice); });
  stream_->consume(bytes.size());
  if (end) succeed();
}

void Call::on_trailers(Headers&& trailers) {
  response_.trailers = std::move(trailers);
  succeed();
}

void Call::on_stream_fault(const Error& error) {
  const bool reused = stream_->reused_connection();
  stream_.reset();
  // A kept connection may have been closed by the peer just as we used it; RFC 9110 section 9.2.2
  // says what may be repeated.
  const bool safe =
      error.fault == Fault::kRefused || (reused && is_idempotent(method_of(request_.method)));
  if (safe && !answered_ && !repeated_) {
    repeated_ = true;
    dial_ = client_.dialer_.dial(*this);
    return;
  }
  fail(error);
}

void Call::on_timer(Timer&) {
  fail({Fault::kTimeout, Side::kUpstream,
        "no whole answer within " + format_duration(client_.options_.timeout)});
}

void Call::fail(const Error& error) {
  deadline_.cancel();
  stream_.reset();
  dial_.reset();
  holder_.on_failure(*this, error);
}

void Call::succeed() {
  deadline_.cancel();
  stream_.reset();
  holder_.on_response(*this, std::move(response_));
}

}  // namespace weft::http
