#include "sidecar/app_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

using nlohmann::json;

constexpr std::size_t kProbeTextMax = 8 * 1024;
constexpr std::size_t kProbeFieldsMax = 64;
constexpr std::int64_t kProbeSecondsMax = 3600;

const json* probe_member(const json& value, const char* key) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(key);
  return found == value.end() || found->is_null() ? nullptr : &*found;
}

std::string probe_text(const json& value, const char* key) {
  const json* found = probe_member(value, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_clean(std::string_view text) {
  return text.size() <= kProbeTextMax && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Of a request target: what would end it early is no part of one.
bool is_target(std::string_view text) {
  return is_clean(text) && text.starts_with('/') &&
         text.find_first_of(" #") == std::string_view::npos;
}

std::string read_http(const json& from, AppProbe& out) {
  if (std::string path = probe_text(from, "path"); !path.empty()) {
    out.target = path.starts_with('/') ? path : "/" + path;
  }
  if (!is_target(out.target)) return "path cannot be asked for";
  const std::string scheme = probe_text(from, "scheme");
  if (!scheme.empty() && scheme != "HTTP" && scheme != "HTTPS") return "scheme is not known";
  out.tls = scheme == "HTTPS";
  const json* headers = probe_member(from, "httpHeaders");
  if (headers == nullptr) return {};
  if (!headers->is_array() || headers->size() > kProbeFieldsMax) return "too many httpHeaders";
  for (const json& header : *headers) {
    const std::string name = probe_text(header, "name");
    const std::string value = probe_text(header, "value");
    if (!is_token(name) || !is_clean(value)) return "httpHeaders has one that cannot be sent";
    if (equals_ignore_case(name, "host")) {
      out.host = value;
    } else if (!equals_ignore_case(name, "connection") &&
               !equals_ignore_case(name, "content-length") &&
               !equals_ignore_case(name, "transfer-encoding")) {
      out.fields.emplace_back(to_lower(name), value);
    }
  }
  return {};
}

// What is wrong; empty when nothing is.
std::string read_probe(const json& from, AppProbe& out) {
  const json* port = probe_member(from, "port");
  if (port == nullptr || !port->is_number_unsigned() || *port < 1 || *port > 65535)
    return "port: want a number from 1 to 65535";
  out.port = port->get<std::uint16_t>();
  if (const json* seconds = probe_member(from, "timeoutSeconds"); seconds != nullptr) {
    if (!seconds->is_number_integer() || *seconds < 1 || *seconds > kProbeSecondsMax)
      return "timeoutSeconds: want a number from 1 to 3600";
    out.timeout = std::chrono::seconds(seconds->get<std::int64_t>());
  }
  if (const json* http = probe_member(from, "httpGet"); http != nullptr)
    return read_http(*http, out);
  if (probe_member(from, "tcpSocket") != nullptr) {
    out.kind = AppProbe::Kind::kTcp;
    return {};
  }
  if (const json* grpc = probe_member(from, "grpc"); grpc != nullptr) {
    out.kind = AppProbe::Kind::kGrpc;
    out.service = probe_text(*grpc, "service");
    return is_clean(out.service) ? std::string() : "service cannot be sent";
  }
  return "want one of httpGet, tcpSocket, grpc";
}

}  // namespace

Result<std::vector<AppProbe>> read_app_probes(std::string_view text) {
  std::vector<AppProbe> out;
  if (text.empty()) return out;
  // Two levels are enough for what we write; the parser recurses no deeper than its input, which an
  // environment bounds, and nothing else here recurses.
  const json table = json::parse(text, nullptr, false);
  if (!table.is_object()) return fail(Fault::kInvalid, "want a map of paths to probes");
  if (table.size() > kAppProbesMax)
    return fail(Fault::kInvalid, fmt::format("want at most {} probes", kAppProbesMax));
  std::string mistakes;
  for (const auto& [path, entry] : table.items()) {
    AppProbe probe{.path = path};
    std::string wrong = is_target(path) ? read_probe(entry, probe) : "is no path";
    if (wrong.empty()) {
      out.push_back(std::move(probe));
    } else {
      mistakes += fmt::format("{}{}: {}", mistakes.empty() ? "" : "\n", escape(path), wrong);
    }
  }
  if (!mistakes.empty()) return fail(Fault::kInvalid, mistakes);
  return out;
}

}  // namespace weft::sidecar
