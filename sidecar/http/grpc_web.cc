#include "sidecar/http/grpc_web.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::http {

namespace {

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::string_view kWeb = "application/grpc-web";
constexpr std::string_view kText = "-text";
constexpr std::uint8_t kTrailersFlag = 0x80;

// Where a name of a type ends: nothing, a format, or parameters.
bool ends_type(std::string_view rest) {
  return rest.empty() || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ';
}

bool begins(std::string_view text, std::string_view with) {
  return equals_ignore_case(text.substr(0, with.size()), with);
}

// Whether the caller wants text back: as it says, or as it wrote itself.
bool wants_text(const Headers& headers, bool text_request) {
  const std::optional<std::string_view> accept = headers.find(HeaderId::kAccept);
  const std::optional<GrpcWebType> wanted = accept ? grpc_web_type(*accept) : std::nullopt;
  return wanted ? wanted->text : text_request;
}

}  // namespace

std::optional<GrpcWebType> grpc_web_type(std::string_view content_type) {
  if (!begins(content_type, kWeb)) return std::nullopt;
  content_type.remove_prefix(kWeb.size());
  GrpcWebType type;
  type.text = begins(content_type, kText);
  if (type.text) content_type.remove_prefix(kText.size());
  if (!ends_type(content_type)) return std::nullopt;
  type.suffix = content_type;
  return type;
}

Buffer grpc_web_trailers(const Headers& trailers) {
  std::size_t size = 0;
  for (const Field& field : trailers) size += field.name.size() + field.value.size() + 3;
  Buffer frame;
  const std::array<std::uint8_t, 5> prefix{
      kTrailersFlag, static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
      static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  frame.append(Bytes(prefix));
  std::string line;
  for (const Field& field : trailers) {
    line = to_lower(field.name);
    line.append(":").append(field.value).append("\r\n");
    frame.append(line);
  }
  return frame;
}

Buffer grpc_web_text(const Buffer& bytes) {
  // Three bytes are four characters, so whole threes are written as they come and only the rest is
  // carried over from slice to slice.
  constexpr std::size_t kPiece = 3 * 1024;
  Buffer text;
  const auto put = [&text](Bytes piece) {
    const std::size_t size = base64_size(piece.size());
    const std::span<std::uint8_t> room = text.reserve(size);
    encode_base64(piece, {reinterpret_cast<char*>(room.data()), size});
    text.commit(size);
  };
  std::array<std::uint8_t, 3> rest{};
  std::size_t rest_size = 0;
  bytes.for_each_slice([&](Bytes slice) {
    while (!slice.empty()) {
      if (rest_size != 0 || slice.size() < rest.size()) {
        rest[rest_size++] = slice.front();
        slice = slice.subspan(1);
        if (rest_size < rest.size()) continue;
        put(rest);
        rest_size = 0;
        continue;
      }
      const std::size_t whole = std::min(slice.size() / 3 * 3, kPiece);
      put(slice.first(whole));
      slice = slice.subspan(whole);
    }
  });
  if (rest_size != 0) put(Bytes(rest).first(rest_size));
  return text;
}

// ---- the stream ----

GrpcWebStream::GrpcWebStream(std::unique_ptr<ServerStream> inner, const GrpcWebType& type,
                             RequestHead& head)
    : inner_(std::move(inner)),
      text_request_(type.text),
      text_answer_(wants_text(head.headers, type.text)) {
  Headers& headers = head.headers;
  headers.set(HeaderId::kContentType, headers.copy(std::string(kGrpc) + std::string(type.suffix)));
  // gRPC asks for it, and nobody who came by HTTP/1 from a browser can have said it.
  headers.set(HeaderId::kTe, "trailers");
  if (text_request_) head.content_length.reset();
}

GrpcWebStream::~GrpcWebStream() = default;

void GrpcWebStream::set_sink(RequestSink* sink) {
  sink_ = sink;
  inner_->set_sink(sink != nullptr ? this : nullptr);
}

// ---- the answer ----

void GrpcWebStream::send_head(const ResponseHead& head, bool end) {
  answered_ = true;
  translates_ = head.is_grpc();
  if (!translates_) return inner_->send_head(head, end);
  ResponseHead translated;
  translated.status = head.status;
  translated.version = head.version;
  translated.headers = head.headers.clone();
  Headers& headers = translated.headers;
  const std::string_view type = headers.find(HeaderId::kContentType).value_or(kGrpc);
  std::string web(kWeb);
  if (text_answer_) web += kText;
  web += type.substr(kGrpc.size());
  headers.set(HeaderId::kContentType, headers.copy(web));
  if (end) translated.content_length = 0;
  inner_->send_head(translated, end);
}

void GrpcWebStream::send_body(Buffer&& bytes, bool end) {
  if (!translates_) {
    const std::size_t size = bytes.size();
    return send(std::move(bytes), size, end);
  }
  const std::size_t given = bytes.size();
  if (text_answer_) {
    send(grpc_web_text(bytes), given, end);
  } else {
    send(std::move(bytes), given, end);
  }
}

void GrpcWebStream::send_trailers(const Headers& trailers) {
  if (!translates_) return inner_->send_trailers(trailers);
  Buffer frame = grpc_web_trailers(trailers);
  send(text_answer_ ? grpc_web_text(frame) : std::move(frame), 0, true);
}

void GrpcWebStream::send(Buffer&& bytes, std::size_t given, bool end) {
  sent_.plain += given;
  sent_.wire += bytes.size();
  inner_->send_body(std::move(bytes), end);
}

void GrpcWebStream::on_sent(std::size_t body_bytes) {
  sent_.wire -= std::min(body_bytes, sent_.wire);
  // Never more than was given; the last of it when nothing is left on the wire's side.
  const std::size_t worth = text_answer_ && translates_ ? body_bytes / 4 * 3 : body_bytes;
  const std::size_t told = sent_.wire == 0 ? sent_.plain : std::min(worth, sent_.plain);
  sent_.plain -= told;
  if (sink_ != nullptr) sink_->on_sent(told);
}

// ---- the request ----

void GrpcWebStream::on_body(Buffer&& bytes, bool end) {
  if (sink_ == nullptr || refused_) return inner_->consume(bytes.size());
  if (!text_request_) return sink_->on_body(std::move(bytes), end);
  received_.wire += bytes.size();
  Buffer plain;
  bool good = true;
  bytes.for_each_slice([&](Bytes slice) { good = good && reader_.feed(slice, plain); });
  bytes.clear();
  if (!good || (end && reader_.partial())) return refuse();
  received_.plain += plain.size();
  // Characters that are no byte yet have nobody to give them back.
  if (received_.plain == 0) inner_->consume(std::exchange(received_.wire, 0));
  if (!plain.empty() || end) sink_->on_body(std::move(plain), end);
}

void GrpcWebStream::consume(std::size_t body_bytes) {
  if (!text_request_) return inner_->consume(body_bytes);
  received_.plain -= std::min(body_bytes, received_.plain);
  const std::size_t wire =
      received_.plain == 0 ? received_.wire : std::min(body_bytes / 3 * 4, received_.wire);
  received_.wire -= wire;
  if (wire != 0) inner_->consume(wire);
}

void GrpcWebStream::on_trailers(Headers&& trailers) {
  if (sink_ == nullptr || refused_) return;
  if (text_request_ && reader_.partial()) return refuse();
  sink_->on_trailers(std::move(trailers));
}

void GrpcWebStream::on_stream_fault(const Error& error) {
  if (sink_ != nullptr && !refused_) std::exchange(sink_, nullptr)->on_stream_fault(error);
}

// Not base64: the caller is told while there is no answer yet; either way nothing of the request
// goes on.
void GrpcWebStream::refuse() {
  refused_ = true;
  inner_->consume(std::exchange(received_.wire, 0));
  static constexpr std::string_view kWhy = "the body is not base64\n";
  if (!std::exchange(answered_, true)) {
    ResponseHead head;
    head.status = 400;
    head.headers.add(HeaderId::kContentType, "text/plain");
    head.content_length = kWhy.size();
    inner_->send_head(head, false);
    inner_->send_body(Buffer(kWhy), true);
  } else {
    inner_->reset(ResetReason::kProtocol);
  }
  std::exchange(sink_, nullptr)
      ->on_stream_fault({Fault::kProtocol, Side::kDownstream,
                         "gRPC-Web: " + std::string(kWhy, 0, kWhy.size() - 1)});
}

}  // namespace weft::http
