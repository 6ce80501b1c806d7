#include "sidecar/http/http1_writer.h"

#include <array>
#include <charconv>
#include <cstring>

#include "sidecar/http/normalize.h"
#include "sidecar/http/status.h"

namespace weft::http {

namespace {

// Start line, Host, framing, Connection, Upgrade and Expect without what has a size of its own.
constexpr std::size_t kFixedBytesMax = 320;

// Fields that this hop says for itself; see HeadFrame.
constexpr std::array<bool, kHeaderIds> make_own_fields() {
  std::array<bool, kHeaderIds> own{};
  for (const HeaderId id :
       {HeaderId::kHost, HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection,
        HeaderId::kTransferEncoding, HeaderId::kUpgrade, HeaderId::kContentLength,
        HeaderId::kHttp2Settings}) {
    own[static_cast<std::size_t>(id)] = true;
  }
  return own;
}
constexpr auto kOwnFields = make_own_fields();

// Writes into room whose size was computed beforehand.
class Cursor {
 public:
  explicit Cursor(std::span<std::uint8_t> room)
      : begin_(reinterpret_cast<char*>(room.data())), at_(begin_) {}

  void put(std::string_view text) {
    if (text.empty()) return;  // it may point nowhere
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  // Texts whose size the compiler knows become a few stores.
  template <std::size_t kSize>
  void put(const char (&text)[kSize]) {
    std::memcpy(at_, text, kSize - 1);
    at_ += kSize - 1;
  }
  void put_number(std::uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  [[nodiscard]] std::size_t written() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

std::size_t bytes_of(const Headers& headers) {
  std::size_t total = 0;
  for (const Field& field : headers) total += field.name.size() + field.value.size() + 4;
  return total;
}

bool joined_by(const char* begin, std::string_view next, const char (&joint)[3]) {
  return next.data() == begin + 2 && std::memcmp(begin, joint, 2) == 0;
}

// Copies fields line by line, but as one piece where they still stand behind each other as they
// came: an untouched head is one copy instead of four for each field. What lies between two views
// is read only when it lies inside the arena both are from. Says whether TE was among them.
bool put_fields(const Headers& headers, Cursor& cursor) {
  bool has_te = false;
  const char* run = nullptr;
  const char* run_end = nullptr;
  const auto flush = [&] {
    if (run == nullptr) return;
    cursor.put(std::string_view(run, static_cast<std::size_t>(run_end - run)));
    cursor.put("\r\n");
    run = nullptr;
  };
  for (const Field& field : headers) {
    if (kOwnFields[static_cast<std::size_t>(field.id)]) continue;
    has_te |= field.id == HeaderId::kTe;
    const bool whole = joined_by(field.name.data() + field.name.size(), field.value, ": ");
    if (!whole) {
      flush();
      cursor.put(field.name);
      cursor.put(": ");
      cursor.put(field.value);
      cursor.put("\r\n");
      continue;
    }
    if (run == nullptr || !joined_by(run_end, field.name, "\r\n")) {
      flush();
      run = field.name.data();
    }
    run_end = field.value.data() + field.value.size();
  }
  flush();
  return has_te;
}

void put_connection(const HeadFrame& frame, bool has_te, Cursor& cursor) {
  if (!frame.upgrade.empty()) {
    cursor.put("connection: upgrade\r\nupgrade: ");
    cursor.put(frame.upgrade);
    cursor.put("\r\n");
  } else if (frame.close) {
    cursor.put("connection: close\r\n");
  } else if (frame.keep_alive) {
    cursor.put("connection: keep-alive\r\n");
  }
  // RFC 9110 section 10.1.4: who sends TE nominates it, so that no proxy passes it on unseen.
  if (has_te) cursor.put("connection: te\r\n");
}

void put_framing(const HeadFrame& frame, Cursor& cursor) {
  if (frame.body == BodyKind::kChunked) {
    cursor.put("transfer-encoding: chunked\r\n");
  } else if (frame.length) {
    cursor.put("content-length: ");
    cursor.put_number(*frame.length);
    cursor.put("\r\n");
  }
}

}  // namespace

void write_request_head(const RequestHead& head, const HeadFrame& frame, Buffer& out) {
  const bool connects = head.method == Method::kConnect && head.protocol.empty();
  const std::size_t size = kFixedBytesMax + head.method_name.size() + head.target.size() +
                           2 * head.authority.size() + frame.upgrade.size() +
                           bytes_of(head.headers);
  Cursor cursor(out.reserve(size));
  // A WebSocket that came by HTTP/2 is a CONNECT there and a GET here (RFC 8441 section 5).
  cursor.put(head.method == Method::kConnect && !connects ? std::string_view("GET")
                                                          : head.method_name);
  cursor.put(" ");
  cursor.put(connects ? head.authority : head.target);
  cursor.put(" HTTP/1.1\r\nhost: ");
  cursor.put(head.authority);
  cursor.put("\r\n");
  const bool has_te = put_fields(head.headers, cursor);
  put_framing(frame, cursor);
  if (head.expects_continue) cursor.put("expect: 100-continue\r\n");
  if (!frame.websocket_key.empty()) {
    cursor.put("sec-websocket-key: ");
    cursor.put(frame.websocket_key);
    cursor.put("\r\n");
  }
  put_connection(frame, has_te, cursor);
  cursor.put("\r\n");
  out.commit(cursor.written());
}

void write_response_head(const ResponseHead& head, const HeadFrame& frame, Buffer& out) {
  Cursor cursor(out.reserve(kFixedBytesMax + frame.upgrade.size() + bytes_of(head.headers)));
  cursor.put("HTTP/1.1 ");
  cursor.put_number(head.status);
  cursor.put(" ");
  cursor.put(reason_of(head.status));
  cursor.put("\r\n");
  put_fields(head.headers, cursor);
  put_framing(frame, cursor);
  if (!frame.websocket_accept.empty()) {
    cursor.put("sec-websocket-accept: ");
    cursor.put(frame.websocket_accept);
    cursor.put("\r\n");
  }
  put_connection(frame, false, cursor);
  cursor.put("\r\n");
  out.commit(cursor.written());
}

void write_chunk_size(std::size_t size, Buffer& out) {
  const std::span<std::uint8_t> room = out.reserve(18);
  char* const begin = reinterpret_cast<char*>(room.data());
  char* end = std::to_chars(begin, begin + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.commit(static_cast<std::size_t>(end - begin));
}

void write_last_chunk(const Headers& trailers, Buffer& out) {
  Cursor cursor(out.reserve(16 + bytes_of(trailers)));
  cursor.put("0\r\n");
  for (const Field& field : trailers) {
    if (!allowed_in_trailers(field)) continue;
    cursor.put(field.name);
    cursor.put(": ");
    cursor.put(field.value);
    cursor.put("\r\n");
  }
  cursor.put("\r\n");
  out.commit(cursor.written());
}

}  // namespace weft::http
