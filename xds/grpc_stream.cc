#include "xds/grpc_stream.h"

#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"

namespace weft::xds {

namespace {
constexpr std::size_t kDetailBytesMax = 512;
}  // namespace

// ---- both ends ----

void GrpcStream::send(std::string_view message) {
  if (closed_ || stream() == nullptr) return;
  before_first_message();
  stream()->send_body(http::make_grpc_message(message), false);
  if (!writable()) full_ = true;
}

bool GrpcStream::writable() const {
  const http::Stream* there = stream();
  return there != nullptr && there->buffered() <= Transport::kHighMark;
}

void GrpcStream::take_sent() {
  if (closed_ || !full_ || stream() == nullptr || stream()->buffered() >= Transport::kLowMark)
    return;
  full_ = false;
  holder_.on_writable();
}

void GrpcStream::resume() {
  if (!std::exchange(paused_, false) || closed_) return;
  turn_.enlist(*this);
}

void GrpcStream::flush() {
  if (!closed_) deliver();
}

void GrpcStream::close() {
  if (std::exchange(closed_, true)) return;
  drop();
}

void GrpcStream::take(Buffer&& bytes, bool end) {
  if (closed_) return;
  owed_ += bytes.size();
  reader_.feed(std::move(bytes));
  input_ended_ = input_ended_ || end;
  deliver();
}

// Every event may close us: nothing is touched afterwards without a look.
void GrpcStream::deliver() {
  while (!paused_) {
    Result<std::optional<Buffer>> next = reader_.next();
    if (!next) {
      const bool large = next.error().fault == Fault::kBodyTooLarge;
      refuse(large ? http::GrpcStatus::kResourceExhausted : http::GrpcStatus::kInternal,
             next.error().detail);
      return;
    }
    if (!*next) break;
    holder_.on_message(std::move(**next));
    if (closed_) return;
  }
  if (paused_) return;
  if (owed_ > 0 && stream() != nullptr) stream()->consume(std::exchange(owed_, 0));
  if (!input_ended_ || std::exchange(end_delivered_, true)) return;
  if (reader_.mid_message()) {
    refuse(http::GrpcStatus::kInternal, "the stream ended inside a message");
    return;
  }
  on_all_delivered();
}

void GrpcStream::report_end(const http::GrpcOutcome& outcome) {
  if (closed_) return;
  close();
  holder_.on_grpc_end(outcome);
}

// ---- the client's end ----

GrpcClientStream::GrpcClientStream(Turn& turn, http::ClientConnection& connection, const Call& call,
                                   Holder& held_by, std::size_t message_bytes_max)
    : GrpcStream(turn, held_by, message_bytes_max) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.method_name = "POST";
  head.version = http::Version::kHttp2;
  head.scheme = connection.transport().tls().secured ? "https" : "http";
  head.authority = call.authority;
  head.target = call.path;
  head.headers.add("te", "trailers");
  head.headers.add("content-type", "application/grpc");
  head.headers.add("user-agent", "weft/" WEFT_VERSION);
  for (const auto& [name, value] : call.metadata) head.headers.add(name, value);
  stream_ = connection.open(head, false, *this);
}

GrpcClientStream::~GrpcClientStream() = default;

void GrpcClientStream::on_response_head(http::ResponseHead&& head, bool end) {
  if (closed()) return;
  head_ = std::move(head);
  if (end) {
    take(Buffer(), true);
  } else if (head_.status != 200 || !head_.is_grpc()) {
    // Some proxy's page, whose body nobody reads.
    report_end(http::read_grpc_outcome(head_, nullptr));
  }
}

void GrpcClientStream::on_body(Buffer&& bytes, bool end) { take(std::move(bytes), end); }

void GrpcClientStream::on_trailers(http::Headers&& trailers) {
  if (closed()) return;
  trailers_ = std::move(trailers);
  take(Buffer(), true);
}

void GrpcClientStream::on_stream_fault(const Error& error) {
  report_end({http::GrpcStatus::kUnavailable, to_string(error)});
}

void GrpcClientStream::on_all_delivered() {
  report_end(http::read_grpc_outcome(head_, trailers_ ? &*trailers_ : nullptr));
}

void GrpcClientStream::refuse(http::GrpcStatus status, std::string message) {
  report_end({status, std::move(message)});
}

// ---- the server's end ----

GrpcServerStream::GrpcServerStream(Turn& turn, std::unique_ptr<http::ServerStream> stream_in,
                                   Holder& held_by, std::size_t message_bytes_max)
    : GrpcStream(turn, held_by, message_bytes_max), stream_(std::move(stream_in)) {
  stream_->set_sink(this);
}

GrpcServerStream::~GrpcServerStream() { drop(); }

void GrpcServerStream::drop() {
  if (stream_ != nullptr) stream_->set_sink(nullptr);
  stream_.reset();
}

void GrpcServerStream::before_first_message() {
  if (std::exchange(head_sent_, true)) return;
  stream_->send_head(http::make_grpc_head(), false);
}

void GrpcServerStream::finish(http::GrpcStatus status, std::string_view message) {
  if (closed() || stream_ == nullptr) return;
  if (head_sent_) {
    stream_->send_trailers(http::make_grpc_trailers(status, message));
  } else {
    stream_->send_head(http::make_trailers_only(status, message), true);
  }
  close();
}

void GrpcServerStream::on_stream_fault(const Error& error) {
  report_end({http::GrpcStatus::kCancelled, to_string(error)});
}

void GrpcServerStream::refuse(http::GrpcStatus status, std::string message) {
  if (closed()) return;
  finish(status, message);
  holder().on_grpc_end({status, std::move(message)});
}

// ---- errors ----

Error error_of(const http::GrpcOutcome& outcome) {
  using enum http::GrpcStatus;
  Fault fault = Fault::kProtocol;
  switch (outcome.status) {
    case kOk:
      fault = Fault::kClosed;
      break;
    case kCancelled:
      fault = Fault::kCancelled;
      break;
    case kInvalidArgument:
    case kNotFound:
    case kAlreadyExists:
    case kFailedPrecondition:
    case kOutOfRange:
    case kUnimplemented:
      fault = Fault::kInvalid;
      break;
    case kDeadlineExceeded:
      fault = Fault::kTimeout;
      break;
    case kPermissionDenied:
    case kUnauthenticated:
      fault = Fault::kDenied;
      break;
    case kResourceExhausted:
      fault = Fault::kLimit;
      break;
    case kAborted:
    case kUnavailable:
      fault = Fault::kReset;
      break;
    case kUnknown:
    case kInternal:
    case kDataLoss:
      fault = Fault::kProtocol;
      break;
  }
  std::string detail(http::name_of(outcome.status));
  if (!outcome.message.empty()) detail += ": " + escape(outcome.message, kDetailBytesMax);
  return Error{fault, Side::kUpstream, std::move(detail)};
}

http::GrpcStatus status_of(const Error& error) {
  switch (error.fault) {
    case Fault::kDenied:
    case Fault::kTlsIdentity:
      return http::GrpcStatus::kPermissionDenied;
    case Fault::kInvalid:
    case Fault::kProtocol:
      return http::GrpcStatus::kInvalidArgument;
    case Fault::kLimit:
    case Fault::kRateLimited:
    case Fault::kBodyTooLarge:
      return http::GrpcStatus::kResourceExhausted;
    case Fault::kTimeout:
    case Fault::kIdle:
      return http::GrpcStatus::kDeadlineExceeded;
    case Fault::kInternal:
      return http::GrpcStatus::kInternal;
    default:
      return http::GrpcStatus::kUnavailable;
  }
}

}  // namespace weft::xds
