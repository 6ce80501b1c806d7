#include "xds/health_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::xds {

namespace core = envoy::config::core::v3;

namespace {

using config::HealthCheck;
using Ranges = google::protobuf::RepeatedPtrField<envoy::type::v3::Int64Range>;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = to_lower(c);
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

std::string payload_of(const core::HealthCheck::Payload& payload, const FieldPath& path,
                       Reading& in) {
  if (payload.has_binary()) return payload.binary();
  const std::string& text = payload.text();
  std::string out;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    const auto high = hex_digit(text[at]);
    const auto low = hex_digit(text[at + 1]);
    if (!high || !low) break;
    out.push_back(static_cast<char>(*high * 16 + *low));
  }
  if (out.size() * 2 != text.size()) in.refuse(path / "text", "is not hexadecimal");
  return out;
}

std::vector<HealthCheck::StatusRange> ranges_of(const Ranges& ranges, std::string_view field,
                                                const FieldPath& path, Reading& in) {
  std::vector<HealthCheck::StatusRange> out;
  for (int index = 0; index < ranges.size(); ++index) {
    const auto& range = ranges[index];
    if (range.start() < 100 || range.end() > 600 || range.start() >= range.end()) {
      in.refuse(path.at(field, index),
                fmt::format("[{}, {}) is not a range of statuses", range.start(), range.end()));
      continue;
    }
    out.push_back({.first = static_cast<std::uint16_t>(range.start()),
                   .end = static_cast<std::uint16_t>(range.end())});
  }
  return out;
}

void read_fields(const google::protobuf::RepeatedPtrField<core::HeaderValueOption>& fields,
                 std::string_view field, const FieldPath& path, Reading& in, HealthCheck& out) {
  for (int index = 0; index < fields.size(); ++index) {
    const auto& header = fields[index].header();
    const auto item = path.at(field, index);
    const auto at = item / "header";
    const std::string& value = header.raw_value().empty() ? header.value() : header.raw_value();
    if (header.key().starts_with(':') || equals_ignore_case(header.key(), "host")) {
      in.refuse(at / "key", fmt::format("{} may not be changed", escape(header.key())));
    } else if (value.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
      in.refuse(at / "raw_value", "is not a header value");
    } else if (value.find('%') != std::string::npos) {
      in.refuse(at / "value",
                fmt::format("\"{}\" has a '%' operator, which is not supported", escape(value)));
    } else {
      out.fields.emplace_back(to_lower(header.key()), value);
    }
  }
}

void read_http_check(const core::HealthCheck::HttpHealthCheck& http, const FieldPath& path,
                     Reading& in, HealthCheck& out) {
  out.kind = HealthCheck::Kind::kHttp;
  out.authority = http.host();
  out.path = http.path();
  if (!out.path.starts_with('/')) in.refuse(path / "path", "must begin with /");
  if (http.has_send()) out.body = payload_of(http.send(), path / "send", in);
  read_fields(http.request_headers_to_add(), "request_headers_to_add", path, in, out);
  if (http.expected_statuses_size() != 0)
    out.expected = ranges_of(http.expected_statuses(), "expected_statuses", path, in);
  out.retriable = ranges_of(http.retriable_statuses(), "retriable_statuses", path, in);
  out.http2 = http.codec_client_type() == envoy::type::v3::HTTP2;
  if (http.codec_client_type() == envoy::type::v3::HTTP3)
    in.refuse(path / "codec_client_type", "HTTP3 is not supported");
  if (http.method() == core::CONNECT) in.refuse(path / "method", "must not be CONNECT");
  if (http.method() != core::METHOD_UNSPECIFIED)
    out.method = core::RequestMethod_Name(http.method());
}

void read_tcp_check(const core::HealthCheck::TcpHealthCheck& tcp, const FieldPath& path,
                    Reading& in, HealthCheck& out) {
  out.kind = HealthCheck::Kind::kTcp;
  if (tcp.has_send()) out.send = payload_of(tcp.send(), path / "send", in);
  for (int index = 0; index < tcp.receive_size(); ++index)
    out.receive.push_back(payload_of(tcp.receive(index), path.at("receive", index), in));
}

void read_kind(const core::HealthCheck& check, const FieldPath& path, Reading& in,
               HealthCheck& out) {
  switch (check.health_checker_case()) {
    case core::HealthCheck::kHttpHealthCheck:
      read_http_check(check.http_health_check(), path / "http_health_check", in, out);
      break;
    case core::HealthCheck::kTcpHealthCheck:
      read_tcp_check(check.tcp_health_check(), path / "tcp_health_check", in, out);
      break;
    case core::HealthCheck::kGrpcHealthCheck: {
      const auto& grpc = check.grpc_health_check();
      out.kind = HealthCheck::Kind::kGrpc;
      out.service = grpc.service_name();
      out.authority = grpc.authority();
      read_fields(grpc.initial_metadata(), "initial_metadata", path / "grpc_health_check", in, out);
      break;
    }
    case core::HealthCheck::kCustomHealthCheck:
    case core::HealthCheck::HEALTH_CHECKER_NOT_SET:
      break;  // refused by the walk
  }
}

}  // namespace

std::shared_ptr<const config::HealthCheck> read_health_check(
    const envoy::config::cluster::v3::Cluster& cluster, const FieldPath& path, Reading& in) {
  if (cluster.health_checks_size() == 0) return nullptr;
  const auto at = path.at("health_checks", 0);
  const core::HealthCheck& check = cluster.health_checks(0);
  if (cluster.type() == envoy::config::cluster::v3::Cluster::ORIGINAL_DST) {
    in.refuse(at, "is not for type ORIGINAL_DST: its endpoints are what clients ask for");
  }
  HealthCheck out;
  const auto or_else = [](bool set, const google::protobuf::Duration& value, Duration fallback) {
    return set ? duration_of(value) : fallback;
  };
  out.timeout = duration_of(check.timeout());
  out.interval = duration_of(check.interval());
  out.interval_failing =
      or_else(check.has_unhealthy_interval(), check.unhealthy_interval(), out.interval);
  out.interval_failing_edge = or_else(check.has_unhealthy_edge_interval(),
                                      check.unhealthy_edge_interval(), out.interval_failing);
  out.interval_passing_edge =
      or_else(check.has_healthy_edge_interval(), check.healthy_edge_interval(), out.interval);
  out.interval_unused =
      or_else(check.has_no_traffic_interval(), check.no_traffic_interval(), out.interval_unused);
  out.interval_unused_passing = or_else(check.has_no_traffic_healthy_interval(),
                                        check.no_traffic_healthy_interval(), out.interval_unused);
  out.jitter = duration_of(check.interval_jitter());
  out.jitter_percent = check.interval_jitter_percent();
  out.first_jitter = duration_of(check.initial_jitter());
  out.failures_max = std::max(1U, check.unhealthy_threshold().value());
  out.passes_min = std::max(1U, check.healthy_threshold().value());
  if (check.has_reuse_connection()) out.keep_connection = check.reuse_connection().value();
  read_kind(check, at, in, out);
  return std::make_shared<const HealthCheck>(std::move(out));
}

}  // namespace weft::xds
