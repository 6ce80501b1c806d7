#include "sidecar/http/service.h"

#include <algorithm>

#include "sidecar/core/address.h"
#include "sidecar/core/strings.h"

namespace weft::http {

namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

Reply line(std::uint16_t status, std::string_view text) {
  Reply reply;
  reply.status = status;
  reply.body = std::string(text) + "\n";
  return reply;
}

bool allows(std::string_view methods, std::string_view method) {
  for (const std::string_view allowed : split(methods, ',')) {
    if (allowed == method || (allowed == "GET" && method == "HEAD")) return true;
  }
  return false;
}

bool is_loopback_name(std::string_view host) {
  if (host == "localhost") return true;
  const Result<IpAddress> address = IpAddress::parse(host);
  return address && address->is_loopback();
}

// "http://localhost:8080" -> "localhost"; empty for "null" and nonsense.
std::string_view host_of_origin(std::string_view origin) {
  const std::size_t begin = origin.find("://");
  if (begin == std::string_view::npos) return {};
  RequestHead head;
  head.authority = origin.substr(begin + 3);
  return head.host();
}

}  // namespace

// ---- a connection ----

class Service::Guest final : public Sink, public TimerSink {
 public:
  Guest(Service& service, std::unique_ptr<Transport> transport)
      : service_(service),
        transport_(std::move(transport)),
        patience_(service.turn_.timers(), *this) {}

  ~Guest() { silence(); }

  void begin() {
    if (transport_->tls().secured) {
      speak(transport_->tls().alpn == "h2" ? Protocol::kHttp2 : Protocol::kHttp1);
      return;
    }
    const Duration idle = service_.options_.connection.timeouts.idle;
    if (idle > Duration::zero()) patience_.arm(idle);
    transport_->set_sink(this);
  }

  [[nodiscard]] ServerConnection* connection() { return connection_.get(); }

  void drain() {
    if (connection_ != nullptr) {
      connection_->drain();
    } else {
      patience_.arm(Duration::zero());
    }
  }
  void abandon() {
    silence();
    if (connection_ != nullptr) connection_->abandon();
  }
  // Before it is retired.
  void silence() {
    patience_.cancel();
    if (transport_ != nullptr) transport_->set_sink(nullptr);
  }

  void on_bytes(Buffer& bytes) override {
    held_.append(std::move(bytes));
    const std::string_view begun =
        as_text(held_.pull_up(std::min(held_.size(), kHttp2Preface.size())));
    if (!kHttp2Preface.starts_with(begun)) {
      speak(Protocol::kHttp1);
    } else if (begun.size() == kHttp2Preface.size()) {
      speak(Protocol::kHttp2);
    } else if (const Duration head = service_.options_.connection.timeouts.head;
               head > Duration::zero() && !sniffing_) {
      sniffing_ = true;
      patience_.arm(head);
    }
  }
  void on_writable() override {}
  void on_end() override { service_.remove(*this); }
  void on_fault(const Error&) override { service_.remove(*this); }
  void on_timer(Timer&) override { service_.remove(*this); }

 private:
  void speak(Protocol protocol) {
    patience_.cancel();
    connection_ = std::make_unique<ServerConnection>(
        service_.turn_, std::move(transport_), protocol, service_.options_.connection, service_);
    connection_->start(std::move(held_));
  }

  Service& service_;
  std::unique_ptr<Transport> transport_;  // until the protocol is known
  std::unique_ptr<ServerConnection> connection_;
  Buffer held_;
  Timer patience_;
  bool sniffing_ = false;
};

// ---- a request with a body ----

class Service::Exchange final : public RequestSink, public TimerSink {
 public:
  Exchange(Service& service, ServerConnection& connection, const Entry* entry,
           std::unique_ptr<ServerStream> stream, RequestHead&& head)
      : service_(service),
        connection_(connection),
        entry_(entry),
        stream_(std::move(stream)),
        head_(std::move(head)),
        deadline_(service.turn_.timers(), *this) {
    stream_->set_sink(this);
    if (service.options_.request_timeout > Duration::zero())
      deadline_.arm(service.options_.request_timeout);
    if (head_.expects_continue) {
      ResponseHead go_on;
      go_on.status = 100;
      stream_->send_informational(go_on);
    }
  }

  void on_body(Buffer&& bytes, bool end) override {
    if (bytes.size() > service_.options_.body_bytes_max - body_.size()) {
      reply(line(413, "the body is larger than the limit"));
      return;
    }
    bytes.for_each_slice([&](Bytes slice) { body_ += as_text(slice); });
    stream_->consume(bytes.size());
    if (end) answer();
  }
  void on_trailers(Headers&&) override { answer(); }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { leave(); }
  void on_timer(Timer&) override { reply(line(408, "the body did not arrive in time")); }

 private:
  void answer() {
    reply(service_.answer(entry_, ServiceRequest{head_, body_, connection_.transport()}));
  }
  void reply(const Reply& reply) {
    send_reply(*stream_, head_.method, reply);
    leave();
  }
  void leave() {
    deadline_.cancel();
    stream_.reset();
    service_.remove(*this);
  }

  Service& service_;
  ServerConnection& connection_;
  const Entry* entry_;
  std::unique_ptr<ServerStream> stream_;
  RequestHead head_;
  std::string body_;
  Timer deadline_;
};

// ---- Service ----

Service::Service(Turn& turn, const Options& options) : turn_(turn), options_(options) {}

Service::~Service() {
  for (std::unique_ptr<Guest>& guest : guests_) {
    guest->abandon();
    turn_.retire(std::move(guest));
  }
}

void Service::handle(std::string_view methods, std::string path, Handler handler) {
  entries_.push_back({std::string(methods), std::move(path), false, std::move(handler), nullptr});
}
void Service::handle_prefix(std::string_view methods, std::string prefix, Handler handler) {
  entries_.push_back({std::string(methods), std::move(prefix), true, std::move(handler), nullptr});
}
void Service::handle_stream(std::string path, StreamHandler handler, std::string methods) {
  entries_.push_back({std::move(methods), std::move(path), false, nullptr, std::move(handler)});
}
void Service::handle_rest(Handler handler) { rest_ = std::move(handler); }

void Service::adopt(std::unique_ptr<Transport> transport) {
  if (draining_ || guests_.size() >= options_.connections_max) return;
  guests_.push_back(std::make_unique<Guest>(*this, std::move(transport)));
  guests_.back()->begin();
}

void Service::drain() {
  draining_ = true;
  for (const std::unique_ptr<Guest>& guest : guests_) guest->drain();
}

const Service::Entry* Service::find(std::string_view path) const {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (!entry.prefix && entry.path == path) return &entry;
    if (entry.prefix && path.starts_with(entry.path) &&
        (best == nullptr || entry.path.size() > best->path.size())) {
      best = &entry;
    }
  }
  return best;
}

bool Service::host_allowed(std::string_view host) const {
  return is_loopback_name(host) ||
         std::find(options_.hosts.begin(), options_.hosts.end(), host) != options_.hosts.end();
}

std::optional<Reply> Service::refuse(const Entry* entry, const RequestHead& head) const {
  if (options_.loopback_hosts_only) {
    if (!host_allowed(head.host())) return line(421, "this address does not answer for that host");
    const std::optional<std::string_view> origin = head.headers.find(HeaderId::kOrigin);
    if (origin && !host_allowed(host_of_origin(*origin)))
      return line(403, "pages of another origin may not ask");
  }
  if (entry == nullptr && !rest_) return line(404, "not found");
  if (entry != nullptr && !allows(entry->methods, head.method_name)) {
    Reply reply = line(405, "method not allowed");
    reply.fields.emplace_back("allow", entry->methods);
    return reply;
  }
  if (head.content_length.value_or(0) > options_.body_bytes_max)
    return line(413, "the body is larger than the limit");
  return std::nullopt;
}

Reply Service::answer(const Entry* entry, const ServiceRequest& request) const {
  return entry != nullptr ? entry->handler(request) : rest_(request);
}

void Service::on_request(ServerConnection& connection, std::unique_ptr<ServerStream> stream,
                         RequestHead&& head, bool end) {
  const Entry* entry = find(head.path());
  if (draining_) stream->close_after();
  if (const std::optional<Reply> refusal = refuse(entry, head)) {
    send_reply(*stream, head.method, *refusal);
  } else if (entry != nullptr && entry->stream_handler) {
    entry->stream_handler(std::move(stream), std::move(head), end, connection.transport());
  } else if (end) {
    send_reply(*stream, head.method,
               answer(entry, ServiceRequest{head, {}, connection.transport()}));
  } else {
    exchanges_.push_back(
        std::make_unique<Exchange>(*this, connection, entry, std::move(stream), std::move(head)));
  }
}

void Service::on_connection_done(ServerConnection& connection, const Error&) {
  const auto found = std::find_if(guests_.begin(), guests_.end(), [&](const auto& guest) {
    return guest->connection() == &connection;
  });
  WEFT_ASSERT(found != guests_.end());
  remove(**found);
}

void Service::remove(Guest& guest) {
  const auto found = std::find_if(guests_.begin(), guests_.end(),
                                  [&](const auto& held) { return held.get() == &guest; });
  WEFT_ASSERT(found != guests_.end());
  guest.silence();
  turn_.retire(std::move(*found));
  guests_.erase(found);
}

void Service::remove(Exchange& exchange) {
  const auto found = std::find_if(exchanges_.begin(), exchanges_.end(),
                                  [&](const auto& held) { return held.get() == &exchange; });
  WEFT_ASSERT(found != exchanges_.end());
  turn_.retire(std::move(*found));
  exchanges_.erase(found);
}

void send_reply(ServerStream& stream, Method method, const Reply& reply) {
  ResponseHead head;
  head.status = reply.status;
  const bool bodiless = response_has_no_body(method, reply.status);
  if (!reply.content_type.empty() && !reply.body.empty())
    head.headers.add(HeaderId::kContentType, reply.content_type);
  for (const auto& [name, value] : reply.fields) head.headers.add(name, value);
  if (reply.status != 204 && reply.status != 304 && reply.status >= 200)
    head.content_length = reply.body.size();
  const bool end = bodiless || reply.body.empty();
  stream.send_head(head, end);
  if (!end) stream.send_body(Buffer(reply.body), true);
}

}  // namespace weft::http
