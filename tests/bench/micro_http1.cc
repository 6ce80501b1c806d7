// micro_http1: what one HTTP/1 request costs in the codecs alone, without sockets: nanoseconds, and
// calls of malloc.
//
// A proxy's four steps for a GET of 350 bytes and its answer: the server codec reads the request,
// the client codec writes it, the client codec reads the answer, the server codec writes it. Prints
// one line per step and one for the whole; the whole includes handing bytes between Buffers. malloc
// is counted by the linker's --wrap, so nothing escapes the count.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "sidecar/http/codec.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_writer.h"

namespace {
std::size_t mallocs = 0;
}  // namespace

extern "C" void* __real_malloc(std::size_t size);
extern "C" void* __wrap_malloc(std::size_t size) {
  ++mallocs;
  return __real_malloc(size);
}

namespace weft::http {
namespace {

constexpr std::string_view kRequest =
    "GET /api/v1/carts/4711/items?limit=20 HTTP/1.1\r\n"
    "Host: cart.shop.svc.cluster.local:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) shop-frontend/1.4.2\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "X-Request-Id: 8f14e45f-ceea-467f-9575-3a1b2c4d5e6f\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json\r\n"
    "Date: Fri, 20 Nov 2026 14:00:00 GMT\r\n"
    "Server: cart/2.3\r\n"
    "Content-Length: 27\r\n"
    "\r\n"
    "{\"items\":[],\"total\":\"0.00\"}";

// Time on the core: a machine that is busy with other things does not change it much.
double now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}
int rounds = 200'000;   // first argument
std::string_view only;  // second: measures whose name has this in it
constexpr int kRepeats = 7;

// The best of some repeats: what the machine can do when nobody disturbs it.
template <typename Work>
void measure(const char* name, Work work) {
  if (std::string_view(name).find(only) == std::string_view::npos) return;
  for (int i = 0; i < std::min(rounds, 1000); ++i) work();
  double best = 1e18;
  const std::size_t mallocs_before = mallocs;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double begin = now_ns();
    for (int i = 0; i < rounds; ++i) work();
    best = std::min(best, (now_ns() - begin) / rounds);
  }
  const double each = static_cast<double>(mallocs - mallocs_before) / (rounds * kRepeats);
  std::printf("%-44s %8.1f ns  %6.3f mallocs\n", name, best, each);
}

class Host final : public CodecHost {
 public:
  void wake() override {}
  void pause_input() override {}
  void resume_input() override {}
  [[nodiscard]] TimePoint now() const override { return {}; }
};

// Two codecs back to back, as a proxy has them.
class Relay final : public ServerCodec::Handler, public RequestSink, public ResponseSink {
 public:
  Relay()
      : server_(make_http1_server(host_, *this, options_)),
        client_(make_http1_client(host_, options_)) {}

  void run() {
    downstream_in_.append(kRequest);
    (void)server_->feed(downstream_in_);
    client_->produce(out_, kRoom);
    out_.clear();
    upstream_in_.append(kAnswer);
    (void)client_->feed(upstream_in_);
    server_->produce(out_, kRoom);
    out_.clear();
    asked_.reset();
    asking_.reset();
  }

  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override {
    asked_ = std::move(stream);
    asked_->set_sink(this);
    asking_ = client_->open(head, end, *this);
  }
  void on_malformed(const Error&, std::uint16_t) override { std::abort(); }
  void on_body(Buffer&& bytes, bool end) override { asked_->send_body(std::move(bytes), end); }
  void on_trailers(Headers&&) override {}
  void on_sent(std::size_t bytes) override { asking_->consume(bytes); }
  void on_stream_fault(const Error&) override { std::abort(); }
  void on_informational(ResponseHead&&) override {}
  void on_response_head(ResponseHead&& head, bool end) override { asked_->send_head(head, end); }

 private:
  static constexpr std::size_t kRoom = 256 * 1024;
  Host host_;
  CodecOptions options_;
  std::unique_ptr<ServerCodec> server_;
  std::unique_ptr<ClientCodec> client_;
  std::unique_ptr<ServerStream> asked_;
  std::unique_ptr<ClientStream> asking_;
  Buffer downstream_in_;
  Buffer upstream_in_;
  Buffer out_;
};

void run() {
  const Limits limits;
  const NormalizeOptions normalize;
  std::printf("request of %zu bytes, answer of %zu bytes\n", kRequest.size(), kAnswer.size());

  measure("copy the request into a Buffer (not ours)", [&] {
    Buffer input(kRequest);
    input.clear();
  });
  Http1RequestParser requests(limits, normalize, false);
  measure("parse + canonicalise a request", [&] {
    Buffer input(kRequest);
    Http1Request request;
    if (!*requests.read(input, request)) std::abort();
  });
  Buffer input(kRequest);
  Http1Request request;
  if (!*requests.read(input, request)) std::abort();
  measure("serialise a request", [&] {
    Buffer out;
    write_request_head(request.head, {}, out);
  });
  measure("parse + canonicalise + serialise a request", [&] {
    Buffer in(kRequest);
    Http1Request parsed;
    if (!*requests.read(in, parsed)) std::abort();
    Buffer out;
    write_request_head(parsed.head, {}, out);
  });
  Http1ResponseParser responses(limits);
  measure("parse + serialise an answer's head", [&] {
    Buffer in(kAnswer);
    Http1Response parsed;
    if (!*responses.read(in, {}, parsed)) std::abort();
    Buffer out;
    write_response_head(parsed.head, {.length = parsed.head.content_length}, out);
  });
  Relay relay;
  measure("both codecs, request and answer", [&] { relay.run(); });
}

}  // namespace
}  // namespace weft::http

int main(int argc, char** argv) {
  if (argc > 1) weft::http::rounds = std::max(1, std::atoi(argv[1]));
  if (argc > 2) weft::http::only = argv[2];
  weft::http::run();
  return 0;
}
