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
  std::vector<int> watched;
};

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value));
}

// Eight header fields, Host among them, and about 350 bytes in all: what a browser-like client of
// an API sends.
std::string http_request(const Flags& flags) {
  constexpr std::array<std::string_view, 7> kUsual = {
      "user-agent: meshload/1.0 (benchmark; x86_64)",
      "accept: application/json, text/plain;q=0.9, */*;q=0.8",
      "accept-encoding: gzip, deflate, br",
      "accept-language: en-GB,en;q=0.7",
      "cookie: session=5f2c9a7de01b44c8; region=eu-north",
      "x-client-version: 2026.11.3",
      "x-tenant: 7d1f0c52",
  };
  std::string request = flags.method + ' ';
  if (flags.absolute) request += "http://" + flags.host;
  request += flags.path + " HTTP/1.1\r\nhost: " + flags.host + "\r\n";
  for (unsigned i = 1; i < flags.headers; ++i) {
    if (i <= kUsual.size()) {
      request += kUsual[i - 1];
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

Json report_json(const Load::Report& report, bool raw) {
  Json statuses = Json::object();
  for (std::size_t i = 0; i < report.statuses.size(); ++i) {
    if (report.statuses[i] > 0 && i > 0) statuses[std::to_string(i)] = report.statuses[i];
  }
  Json cores = Json::array();
  for (const CoreUse& core : report.cores) {
    const auto all =
        static_cast<double>(std::max<std::uint64_t>(core.busy + core.idle + core.steal, 1));
    cores.push_back({{"core", core.core},
                     {"busy", static_cast<double>(core.busy) / all},
                     {"steal", static_cast<double>(core.steal) / all}});
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
          {"statuses", std::move(statuses)},
          {"latency", latency_json(report.latency, raw)},
          {"processes", processes_json(report.processes)},
          {"cores", std::move(cores)}};
}

int run_bulk_flags(const Flags& flags, const Endpoint& target) {
  BulkOptions options{.target = target,
                      .way = flags.bulk == "up" ? BulkOptions::Way::kUp : BulkOptions::Way::kDown,
                      .connections = flags.connections,
                      .warmup = seconds(flags.warmup),
                      .duration = seconds(flags.duration)};
  options.watched.assign(flags.watched.begin(), flags.watched.end());
  const BulkReport report = run_bulk(options);
  const double gbit = static_cast<double>(report.bytes) * 8e-9;
  const Json json = {{"bytes", report.bytes},
                     {"seconds", report.seconds},
                     {"gbit_per_s", report.seconds > 0 ? gbit / report.seconds : 0.0},
                     {"lost", report.lost},
                     {"processes", processes_json(report.processes)}};
  std::cout << json.dump() << '\n';
  return 0;
}

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
      .seed = flags.seed};
  options.watched.assign(flags.watched.begin(), flags.watched.end());
  options.watched.push_back(::getpid());  // Our own share of the core we run on.
  Load load{options};
  Json json = report_json(load.run(), flags.raw_histogram);
  json["pid"] = ::getpid();
  std::cout << json.dump() << '\n';
  return 0;
}

int main_of(int argc, char** argv) {
  Flags flags;
  CLI::App app{
      "Load generator of the benchmark: HTTP/1.1 requests, TCP ping-pong or bulk over N "
      "connections."};
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
      ->check(CLI::Range(0.01, 3600.0))
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
  app.add_flag("--self-test", flags.self_test, "check histogram and message reader, then exit");
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
