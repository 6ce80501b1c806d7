// meshback: the backend of the benchmark. Prints "port N" when it listens and one JSON line when it
// stops.
//
// Exit codes: 0 stopped by a signal or the end of its lifetime, 2 it could not run.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include "tests/bench/backend.h"

namespace weft::bench {
namespace {

enum class Mode { kHttp, kHttp2, kEcho, kDiscard, kSource };

int main_of(int argc, char** argv) {
  CLI::App app{
      "Backend of the benchmark: HTTP/1.1 or HTTP/2 answers made once, gRPC, or TCP echo, discard "
      "and source."};
  std::string address = "127.0.0.1";
  unsigned port = 0;
  unsigned delay_us = 0;
  unsigned lifetime = 3600;
  Mode mode = Mode::kHttp;
  HttpBackendOptions http;
  Http2BackendOptions http2;
  unsigned interval_us = 0;
  bool http2_mode = false;
  TlsContext::Options tls{.accepts = true, .alpn = "h2"};
  bool echo = false, discard = false, source = false, allow_remote = false;
  app.add_option("--address", address)->capture_default_str();
  app.add_option("--port,-p", port, "0 = any free port, printed")->check(CLI::Range(0, 65535));
  app.add_option("--size", http.body_bytes, "bytes of body")
      ->check(CLI::Range(0, 1 << 26))
      ->capture_default_str();
  app.add_flag("--chunked", http.chunked, "chunked instead of content-length");
  app.add_option("--delay", delay_us, "microseconds before each answer")
      ->check(CLI::Range(0, 60'000'000));
  app.add_option("--lifetime", lifetime, "seconds until it ends by itself")
      ->check(CLI::Range(1, 86400));
  app.add_flag("--http2", http2_mode, "HTTP/2, by prior knowledge or with --cert by ALPN");
  app.add_flag("--grpc", http2.is_grpc, "with --http2: the body as a gRPC message, and trailers");
  app.add_option(
         "--message-interval", interval_us,
         "with --grpc: a call is answered with a message each so many microseconds, without end")
      ->check(CLI::Range(1, 60'000'000));
  app.add_option("--cert", tls.certificate, "with --http2: TLS with this PEM file");
  app.add_option("--key", tls.key);
  app.add_flag("--tcp-echo", echo, "return every byte");
  app.add_flag("--tcp-discard", discard, "swallow every byte");
  app.add_flag("--tcp-source", source, "send bytes as fast as they are taken");
  app.add_flag("--allow-remote", allow_remote, "permit an address outside 127.0.0.0/8");
  CLI11_PARSE(app, argc, argv);

  errno = 0;
  const auto endpoint = parse_endpoint(address + ':' + std::to_string(port));
  if (!endpoint) die("meshback: not an IPv4 address: " + address);
  if (!endpoint->is_loopback() && !allow_remote)
    die("meshback: not a loopback address: " + address);
  if (int{echo} + int{discard} + int{source} + int{http2_mode} > 1) {
    die("meshback: choose one of the modes");
  }
  if (http2_mode) mode = Mode::kHttp2;
  if (echo) mode = Mode::kEcho;
  if (discard) mode = Mode::kDiscard;
  if (source) mode = Mode::kSource;
  install_stop_signals();
  const Fd listener = listen_on(*endpoint);
  if (!listener.valid()) die("meshback: cannot listen");
  std::printf("port %u\n", unsigned{bound_port(listener)});
  std::fflush(stdout);

  http.delay = std::chrono::microseconds{delay_us};
  http.lifetime = std::chrono::seconds{lifetime};
  http2.body_bytes = http.body_bytes;
  http2.lifetime = http.lifetime;
  http2.message_interval = std::chrono::microseconds{interval_us};
  std::optional<TlsContext> context;
  if (!tls.certificate.empty()) http2.tls = &context.emplace(tls);
  switch (mode) {
    case Mode::kHttp:
      std::printf("{\"requests\": %llu}\n",
                  static_cast<unsigned long long>(serve_http(listener, http)));
      return 0;
    case Mode::kHttp2:
      std::printf("{\"requests\": %llu}\n",
                  static_cast<unsigned long long>(serve_http2(listener, http2)));
      return 0;
    case Mode::kEcho:
      std::printf("{\"bytes\": %llu}\n", static_cast<unsigned long long>(
                                             serve_tcp(listener, TcpMode::kEcho, http.lifetime)));
      return 0;
    case Mode::kDiscard:
      std::printf("{\"bytes\": %llu}\n", static_cast<unsigned long long>(serve_tcp(
                                             listener, TcpMode::kDiscard, http.lifetime)));
      return 0;
    case Mode::kSource:
      std::printf("{\"bytes\": %llu}\n", static_cast<unsigned long long>(
                                             serve_tcp(listener, TcpMode::kSource, http.lifetime)));
      return 0;
  }
  return 2;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::main_of(argc, argv); }
