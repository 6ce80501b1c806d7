#pragma once
// Http2Caller: one HTTP/2 connection to a proxy and the requests on it, for tests about streams
// that share a connection. It is the house's client codec over a blocking socket.
//
// A body that comes is compared with letters() of its number as it comes and is not kept; its
// stream's window opens only for what read() has asked for, the connection's always. Bytes move
// only inside run_until(). Owner: a test. Thread: the test's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/http/codec.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {

// Bytes [from, from + size) of body number `number`: unlike those of the numbers beside it, and of
// its own a few bytes on. REQUIRES size <= kLettersMax.
inline constexpr std::size_t kLettersMax = 64 * 1024;
[[nodiscard]] std::string_view letters(std::size_t number, std::size_t from, std::size_t size);

class Http2Caller final : public http::CodecHost {
 public:
  class Request final : public http::ResponseSink {
   public:
    std::size_t number = 0;  // of the letters that are to come
    int status = 0;
    std::size_t received = 0;
    std::size_t sent = 0;
    bool ended = false;
    bool right = true;  // every byte in its place
    std::string fault;

    // Opens the window for what has come and for what will.
    void read();
    void reset() { stream_.reset(); }
    // More of a tunnel's bytes, letters of its number.
    void send(std::size_t size, bool end);
    [[nodiscard]] bool whole(std::size_t bytes) const {
      return status == 200 && ended && right && received == bytes;
    }

    void on_informational(http::ResponseHead&&) override {}
    void on_response_head(http::ResponseHead&& head, bool end) override;
    void on_body(Buffer&& bytes, bool end) override;
    void on_trailers(http::Headers&&) override { ended = true; }
    void on_sent(std::size_t bytes) override { sent += bytes; }
    void on_stream_fault(const Error& error) override;

   private:
    friend class Http2Caller;
    std::unique_ptr<http::ClientStream> stream_;
    std::size_t said_ = 0;
    std::size_t unread_ = 0;
    bool reading_ = false;
  };

  explicit Http2Caller(Wire wire, const http::Http2Limits& limits = {});

  Request& get(std::size_t number, std::string_view target);
  // A body of letters.
  Request& post(std::size_t number, std::string_view target, std::size_t size);
  // CONNECT; an extended one (RFC 8441) with a protocol.
  Request& connect(std::size_t number, std::string_view authority, std::string_view protocol = {});
  // Moves bytes until it is so; false when the connection ends first, or says nothing for
  // kPatience.
  [[nodiscard]] bool run_until(const std::function<bool()>& so);
  [[nodiscard]] std::size_t available() const { return codec_->available(); }

  void wake() override {}
  void pause_input() override {}
  void resume_input() override {}
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }

 private:
  Request& open(std::size_t number, http::RequestHead& head, bool end);
  [[nodiscard]] bool write_all();
  enum class Read : std::uint8_t { kBytes, kNothing, kEnd };
  [[nodiscard]] Read read_some();

  Wire wire_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::unique_ptr<http::ClientCodec> codec_;
};

}  // namespace weft::mesh_test
