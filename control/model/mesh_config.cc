#include "control/model/mesh_config.h"

#include <fmt/format.h>

#include "control/model/traffic_policy.h"
#include "sidecar/core/address.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

void only_duration(Reader& block, std::string_view key, Duration accepted) {
  Duration value = accepted;
  if (block.duration(key, value) && value != accepted) {
    block.refuse(key, fmt::format("is not supported yet, only {}", format_duration(accepted)));
  }
}

void read_mtls(Reader& spec) {
  spec.object("mtls", [](Reader& mtls) {
    std::string mode = "Strict";
    if (mtls.text("mode", mode) && mode != "Strict") {
      mtls.refuse("mode",
                  mode == "Permissive" || mode == "Disable"
                      ? fmt::format("{} is not supported yet: the whole mesh is Strict", mode)
                      : fmt::format("want Strict, found '{}'", escape(mode, 64)));
    }
  });
}

void read_outbound(Reader& spec, MeshConfig& out) {
  spec.object("outbound", [&](Reader& outbound) {
    outbound.choice("unknown", out.deny_unknown, {{"Allow", false}, {"Deny", true}});
    outbound.choice("scope", out.on_demand, {{"Mesh", false}, {"OnDemand", true}});
    only_duration(outbound, "sniffTimeout", std::chrono::milliseconds(100));
    const config::Value* ports = outbound.find(
        "opaquePorts",
        R"({"type":"array","maxItems":1024,"items":{"type":"integer","minimum":1,"maximum":65535}})");
    if (ports == nullptr) return;
    if (!ports->is_list() || ports->items().size() > 1024) {
      outbound.refuse("opaquePorts", "want a list of at most 1024 ports");
      return;
    }
    std::set<std::uint16_t> read;
    for (const config::Value& item : ports->items()) {
      const Result<std::int64_t> port = item.as_int();
      if (!port || *port < 1 || *port > 65535) {
        outbound.refuse("opaquePorts", "want numbers from 1 to 65535");
        return;
      }
      read.insert(static_cast<std::uint16_t>(*port));
    }
    out.opaque_ports = std::move(read);
  });
}

void read_identity(Reader& spec, MeshConfig& out) {
  spec.object("identity", [&](Reader& identity) {
    identity.only("source", "BuiltIn");
    Duration lifetime = out.leaf_lifetime;
    identity.rule_of_duration("leafLifetime", MeshConfig::kLeafLifetimeMin,
                              MeshConfig::kLeafLifetimeMax);
    if (!identity.duration("leafLifetime", lifetime)) return;
    if (lifetime < MeshConfig::kLeafLifetimeMin || lifetime > MeshConfig::kLeafLifetimeMax) {
      identity.refuse(
          "leafLifetime",
          fmt::format("want {} to {}, found {}", format_duration(MeshConfig::kLeafLifetimeMin),
                      format_duration(MeshConfig::kLeafLifetimeMax), format_duration(lifetime)));
      return;
    }
    out.leaf_lifetime = lifetime;
  });
}

// "http://collector:4318/v1/traces" or "127.0.0.1:4318".
std::string parse_collector(std::string_view text, MeshConfig::Collector& out) {
  if (text.starts_with("https://")) return "https is not supported yet";
  if (text.starts_with("http://")) text.remove_prefix(7);
  const std::size_t slash = text.find('/');
  const std::string_view authority = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    out.path = text.substr(slash);
    if (out.path == "/") out.path = "/v1/traces";
    if (const std::string objection = check_path(out.path); !objection.empty()) {
      return "its path " + objection;
    }
  }
  std::size_t colon = authority.rfind(':');
  if (authority.starts_with('[') &&
      (colon == std::string_view::npos || authority[colon - 1] != ']')) {
    colon = std::string_view::npos;
  }
  const auto port =
      colon == std::string_view::npos ? std::nullopt : parse_u64(authority.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return "want http://HOST:PORT";
  std::string_view host = authority.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!IpAddress::parse(host) && (bracketed || !check_hostname(host).empty())) {
    return "want http://HOST:PORT";
  }
  out.host = host;
  out.port = static_cast<std::uint16_t>(*port);
  return {};
}

void read_tracing(Reader& spec, MeshConfig& out) {
  spec.object("tracing", [&](Reader& tracing) {
    tracing.percent("sampling", out.sampling_percent);
    tracing.integer("minPerSecond", out.roots_per_second, 0, 1000);
    tracing.boolean("keepErrors", out.keep_errors);
    tracing.object("otlp", [&](Reader& otlp) {
      otlp.only("protocol", "Http");
      std::string endpoint;
      if (!otlp.text("endpoint", endpoint) || endpoint.empty()) return;
      MeshConfig::Collector collector;
      if (const std::string objection = parse_collector(endpoint, collector); !objection.empty()) {
        otlp.refuse("endpoint", fmt::format("'{}': {}", escape(endpoint, 128), objection));
        return;
      }
      out.collector = std::move(collector);
    });
  });
}

void read_access_log(Reader& spec, MeshConfig& out) {
  spec.object("accessLog", [&](Reader& log) {
    using enum MeshConfig::AccessLog;
    std::string mode;
    if (log.text("mode", mode) && mode == "Sampled") {
      log.refuse("mode", "Sampled is not supported yet");
    } else {
      log.choice("mode", out.access_log, {{"Off", kOff}, {"Errors", kErrors}, {"All", kAll}});
    }
    log.choice("format", out.access_log_json, {{"Json", true}, {"Text", false}});
    log.unsupported("sampling");
  });
}

void read_metrics(Reader& spec) {
  spec.object("metrics", [](Reader& metrics) {
    metrics.only("names", "Weft");
    std::int64_t series = 5000;
    if (metrics.integer("maxSeries", series, 1, 10'000'000) && series != 5000) {
      metrics.refuse("maxSeries", "is not supported yet, only 5000");
    }
    only_duration(metrics, "expireAfter", std::chrono::minutes(15));
  });
}

}  // namespace

MeshConfig read_mesh_config(Reader& document) {
  MeshConfig out;
  read_metadata(document, false, out.metadata);
  document.pass("status");
  if (!out.metadata.name.name.empty() && out.metadata.name.name != "default") {
    document.refuse("metadata", "the one MeshConfig is named default");
  }
  document.rule("self.metadata.name == 'default'", "the one MeshConfig is named default");
  document.object("spec", [&](Reader& spec) {
    spec.text("trustDomain", out.trust_domain, check_trust_domain);
    spec.object("defaults", [&](Reader& defaults) {
      read_policy_fields(defaults, PolicySide::kDestination, out.defaults);
      defaults.rule("!has(self.faults)", "faults are for a policy that names whom they are for");
      defaults.rule(
          "!has(self.fallback) || !has(self.fallback.backendRef) || "
          "has(self.fallback.backendRef.__namespace__)",
          "backendRef of fallback needs a namespace here");
      if (out.defaults.faults.value) {
        defaults.refuse("faults", "are for a policy that names whom they are for");
      }
      const auto& fallback = out.defaults.fallback.value;
      if (fallback && !fallback->service.name.empty() && fallback->service.name_space.empty()) {
        defaults.refuse("fallback", "backendRef needs a namespace here");
      }
    });
    read_mtls(spec);
    read_outbound(spec, out);
    read_identity(spec, out);
    read_tracing(spec, out);
    read_metrics(spec);
    read_access_log(spec, out);
  });
  return out;
}

}  // namespace weft::control
