// meshload: the client of the benchmark. Flags in, one JSON object out; --help lists them.
//
// Exit codes: 0 a report was printed (look at its errors), 1 self-test failed, 2 it could not run.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "tests/bench/bulk.h"
#include "tests/bench/histogram.h"
#include "tests/bench/load.h"
#include "tests/bench/self_test.h"

namespace weft::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string target = "127.0.0.1:8080";
  std::string method = "GET";
  std::string path = "/bench/item?id=42";
  std::string host = "bench.local";
  std::string bulk;
  std::string protocol = "http1";
  unsigned connections = 64;
  unsigned headers = 8;
  std::size_t body = 0;
  double rate = 0;
  double warmup = 1;
  double duration = 5;
  std::uint64_t requests = 0;
  std::uint64_t seed = 1;
  std::size_t ping_bytes = 64;
  bool absolute = false;
  bool close_each = false;
  bool tcp_ping = false;
  bool raw_histogram = false;
  bool allow_remote = false;
  bool self_test = false;
  bool tls = false;
  unsigned streams = 1;
  double hold = 0;
  TlsContext::Options tls_options;
  std::vector<int> watched;
};

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value));
}

// With Host these are eight header fields and about 350 bytes: what a browser-like client of an API
// sends.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kUsual = {{
    {"user-agent", "meshload/1.0 (benchmark; x86_64)"},
    {"accept", "application/json, text/plain;q=0.9, */*;q=0.8"},
    {"accept-encoding", "gzip, deflate, br"},
    {"accept-language", "en-GB,en;q=0.7"},
    {"cookie", "session=5f2c9a7de01b44c8; region=eu-north"},
    {"x-client-version", "2026.11.3"},
    {"x-tenant", "7d1f0c52"},
}};

std::string http_request(const Flags& flags) {
  std::string request = flags.method + ' ';
  if (flags.absolute) request += "http://" + flags.host;
  request += flags.path + " HTTP/1.1\r\nhost: " + flags.host + "\r\n";
  for (unsigned i = 1; i < flags.headers; ++i) {
    if (i <= kUsual.size()) {
      const auto& [name, value] = kUsual[i - 1];
      request.append(name).append(": ").append(value);
    } else {
      request += "x-filler-" + std::to_string(i) + ": abcdefghijklmnopqrstuvwx";
    }
    request += "\r\n";
  }
  if (flags.close_each) request += "connection: close\r\n";
  if (flags.body > 0) request += "content-length: " + std::to_string(flags.body) + "\r\n";
  request += "\r\n";
  return request.append(flags.body, 'b');
}

bool is_grpc(const Flags& flags) {
  return flags.protocol == "grpc" || flags.protocol == "grpc-stream";
}

// What a gRPC library sends, or the fields of the request above.
Fields http2_fields(const Flags& flags) {
  const std::string scheme = flags.tls ? "https" : "http";
  if (is_grpc(flags)) {
    return {{":method", "POST"},
            {":scheme", scheme},
            {":path", "/bench.Echo/Call"},
            {":authority", flags.host},
            {"te", "trailers"},
            {"content-type", "application/grpc"},
            {"user-agent", "grpc-meshload/1.0"},
            {"grpc-accept-encoding", "identity,deflate,gzip"},
            {"x-tenant", "7d1f0c52"}};
  }
  Fields fields{{":method", flags.method},
                {":scheme", scheme},
                {":path", flags.path},
                {":authority", flags.host}};
  for (unsigned i = 1; i < flags.headers && i <= kUsual.size(); ++i) {
    fields.push_back({std::string{kUsual[i - 1].first}, std::string{kUsual[i - 1].second}});
  }
  if (flags.body > 0) fields.push_back({"content-length", std::to_string(flags.body)});
  return fields;
}

std::string http2_body(const Flags& flags) {
  std::string body(flags.body, 'b');
  if (!is_grpc(flags)) return body;
  std::string head(5, '\0');
  for (unsigned i = 0; i < 4; ++i) head[4 - i] = static_cast<char>(flags.body >> (8 * i) & 0xFFU);
  return head + body;
}

double microseconds(std::chrono::nanoseconds value) {
  return static_cast<double>(value.count()) / 1000.0;
}

Json processes_json(const std::vector<ProcessUse>& processes) {
  Json list = Json::array();
  for (const ProcessUse& use : processes) {
    list.push_back({{"pid", use.pid},
                    {"cpu_ns", use.cpu_ns},
                    {"switches_voluntary", use.switches_voluntary},
                    {"switches_forced", use.switches_forced}});
  }
  return list;
}

Json latency_json(const Histogram& latency, bool raw) {
  Json json = {{"samples", latency.count()},
               {"p50_us", microseconds(latency.quantile(0.5))},
               {"p90_us", microseconds(latency.quantile(0.9))},
               {"p99_us", microseconds(latency.quantile(0.99))},
               {"p999_us", microseconds(latency.quantile(0.999))},
               {"max_us", microseconds(latency.max())}};
  if (!raw) return json;
  Json buckets = Json::array();
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    const Histogram::Bucket bucket = latency.bucket(i);
    if (bucket.count > 0) buckets.push_back({bucket.lowest, bucket.highest, bucket.count});
  }
  json["buckets_ns"] = std::move(buckets);
  return json;
}

Json cores_json(const std::vector<CoreUse>& list) {
  Json cores = Json::array();
  for (const CoreUse& core : list) {
    const auto all =
        static_cast<double>(std::max<std::uint64_t>(core.busy + core.idle + core.steal, 1));
    cores.push_back({{"core", core.core},
                     {"busy", static_cast<double>(core.busy) / all},
                     {"steal", static_cast<double>(core.steal) / all}});
  }
  return cores;
}

Json report_json(const Load::Report& report, bool raw) {
  Json statuses = Json::object();
  for (std::size_t i = 0; i < report.statuses.size(); ++i) {
    if (report.statuses[i] > 0 && i > 0) statuses[std::to_string(i)] = report.statuses[i];
  }
  return {{"requests", report.requests},
          {"requests_all", report.requests_all},
          {"seconds", report.seconds},
          {"rps", report.seconds > 0 ? static_cast<double>(report.requests) / report.seconds : 0.0},
          {"body_bytes", report.body_bytes},
          {"errors", report.errors.total()},
          {"errors_by_kind",
           {{"connect", report.errors.connect},
            {"cut", report.errors.cut},
            {"malformed", report.errors.malformed},
            {"unanswered", report.errors.unanswered}}},
          {"idle_closed", report.errors.idle_closed},
          {"aborted", report.aborted},
          {"unsent", report.unsent},
          {"waited_max", report.waited_max},
          {"handshakes", report.handshakes},
          {"resumed", report.resumed},
          {"held", report.held},
          {"statuses", std::move(statuses)},
          {"latency", latency_json(report.latency, raw)},
          {"processes", processes_json(report.processes)},
          {"cores", cores_json(report.cores)}};
}

int run_bulk_flags(const Flags& flags, const Endpoint& target) {
  BulkOptions options{.target = target,
                      .way = flags.bulk == "up" ? BulkOptions::Way::kUp : BulkOptions::Way::kDown,
                      .connections = flags.connections,
                      .warmup = seconds(flags.warmup),
                      .duration = seconds(flags.duration)};
  options.watched.assign(flags.watched.begin(), flags.watched.end());
  options.watched.push_back(::getpid());
  const BulkReport report = run_bulk(options);
  const double gbit = static_cast<double>(report.bytes) * 8e-9;
  const Json json = {{"bytes", report.bytes},
                     {"seconds", report.seconds},
                     {"gbit_per_s", report.seconds > 0 ? gbit / report.seconds : 0.0},
                     {"lost", report.lost},
                     {"processes", processes_json(report.processes)},
                     {"cores", cores_json(report.cores)},
                     {"pid", ::getpid()}};
  std::cout << json.dump() << '\n';
  return 0;
}

// The runner reads memory between this line and the report.
void say_holding(unsigned connections) { std::cout << "holding " << connections << std::endl; }

int run_load_flags(const Flags& flags, const Endpoint& target) {
  Load::Options options{
      .target = target,
      .connections = flags.connections,
      .rate = flags.rate,
      .warmup = seconds(flags.warmup),
      .duration = seconds(flags.duration),
      .requests_max = flags.requests,
      .request = flags.tcp_ping ? std::string(flags.ping_bytes, 'p') : http_request(flags),
      .fixed_answer = flags.tcp_ping ? flags.ping_bytes : 0,
      .close_each = flags.close_each,
      .is_http2 = flags.protocol != "http1",
      .fields = http2_fields(flags),
      .body = http2_body(flags),
      .expects_grpc = is_grpc(flags),
      .is_stream = flags.protocol == "grpc-stream",
      .streams = flags.streams,
      .hold = seconds(flags.hold),
      .seed = flags.seed};
  options.watched.assign(flags.watched.begin(), flags.watched.end());
  options.watched.push_back(::getpid());  // Our own share of the core we run on.
  std::optional<TlsContext> tls;
  if (flags.tls) {
    TlsContext::Options chosen = flags.tls_options;
    chosen.alpn = options.is_http2 ? "h2" : "";
    options.tls = &tls.emplace(chosen);
  }
  Load load{options};
  const Load::Report& report = flags.hold > 0 ? load.run_held(say_holding) : load.run();
  Json json = report_json(report, flags.raw_histogram);
  json["pid"] = ::getpid();
  std::cout << json.dump() << '\n';
  return 0;
}

int main_of(int argc, char** argv) {
  Flags flags;
  CLI::App app{
      "Load generator of the benchmark: HTTP/1.1, HTTP/2 or gRPC requests, TCP ping-pong or bulk "
      "over N connections."};
  app.add_option("target", flags.target, "ADDRESS:PORT to connect to")->capture_default_str();
  app.add_option("--connections,-c", flags.connections)
      ->check(CLI::Range(1, 20000))
      ->capture_default_str();
  app.add_option("--rate", flags.rate, "open loop: requests per second in all; 0 = closed loop")
      ->check(CLI::Range(0.0, 1e7));
  app.add_option("--warmup", flags.warmup, "seconds")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  app.add_option("--duration,-d", flags.duration, "seconds")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--requests,-n", flags.requests, "stop after this many; 0 = by time alone");
  app.add_option("--method", flags.method)->capture_default_str();
  app.add_option("--path", flags.path)->capture_default_str();
  app.add_option("--host", flags.host, "Host field, whatever the target")->capture_default_str();
  app.add_option("--headers", flags.headers, "header fields of a request, Host among them")
      ->check(CLI::Range(1, 200))
      ->capture_default_str();
  app.add_option("--body", flags.body, "bytes of request body")->check(CLI::Range(0, 1 << 26));
  app.add_flag("--absolute", flags.absolute, "absolute-form target, as to a forward proxy");
  app.add_flag("--connections-per-request", flags.close_each, "a new connection for each request");
  app.add_option("--protocol", flags.protocol)
      ->check(CLI::IsMember({"http1", "http2", "grpc", "grpc-stream"}))
      ->capture_default_str();
  app.add_option("--streams", flags.streams, "requests in flight on each HTTP/2 connection")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--tls", flags.tls, "TLS 1.3; whom it meets is not verified");
  app.add_option("--cert", flags.tls_options.certificate, "PEM file of a client certificate");
  app.add_option("--key", flags.tls_options.key, "PEM file of its key");
  app.add_flag("--resume", flags.tls_options.resumes, "offer the session of the connection before");
  app.add_option("--hold", flags.hold,
                 "one request on each connection, say so, keep still for these seconds, one more")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_flag("--tcp-ping", flags.tcp_ping, "send --ping-bytes, wait for as many back");
  app.add_option("--ping-bytes", flags.ping_bytes)
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--bulk", flags.bulk, "up: send; down: receive")
      ->check(CLI::IsMember({"up", "down"}));
  app.add_option("--watch", flags.watched, "PIDs whose CPU time is read around the window");
  app.add_option("--seed", flags.seed, "of the jitter of planned instants")->capture_default_str();
  app.add_flag("--histogram", flags.raw_histogram, "print the buckets as well");
  app.add_flag("--allow-remote", flags.allow_remote, "permit a target outside 127.0.0.0/8");
  app.add_flag("--self-test", flags.self_test,
               "check histogram, message reader and frames, then exit");
  CLI11_PARSE(app, argc, argv);
  if (flags.self_test) return self_test() == 0 ? 0 : 1;

  errno = 0;
  const auto target = parse_endpoint(flags.target);
  if (!target) die("meshload: the target must be ADDRESS:PORT, not " + flags.target);
  if (!target->is_loopback() && !flags.allow_remote)
    die("meshload: not a loopback address: " + flags.target);
  install_stop_signals();
  return flags.bulk.empty() ? run_load_flags(flags, *target) : run_bulk_flags(flags, *target);
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::main_of(argc, argv); }
