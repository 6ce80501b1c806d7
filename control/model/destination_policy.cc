// The trafficPolicy of a DestinationRule, block by block, as fields of a TrafficPolicy.

#include <fmt/format.h>

#include <limits>

#include "control/model/destination_rule.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::int64_t kIstioNumberMax = 1'000'000;

// Zero where Istio means "no bound" becomes the largest number there is.
void read_bound(Reader& block, std::string_view key, Setting<std::uint32_t>& out) {
  std::uint32_t read = 0;
  if (!block.integer(key, read, 0, std::numeric_limits<std::int32_t>::max())) return;
  if (read == 0 || read > kIstioNumberMax) read = static_cast<std::uint32_t>(kIstioNumberMax);
  out = {.value = read, .line = block.find(key)->position().line};
}

void read_count(Reader& block, std::string_view key, Setting<std::uint32_t>& out) {
  std::uint32_t read = 0;
  if (!block.integer(key, read, 0, kIstioNumberMax)) return;
  out = {.value = read, .line = block.find(key)->position().line};
}

void read_time(Reader& block, std::string_view key, Setting<Duration>& out) {
  Duration read{};
  if (!read_go_duration(block, key, read)) return;
  if (read < std::chrono::milliseconds(1)) {
    block.refuse(key, "must be at least 1ms");
    return;
  }
  out = {.value = read, .line = block.find(key)->position().line};
}

void read_pool(Reader& policy, PolicyFields& out) {
  policy.object("connectionPool", [&](Reader& pool) {
    pool.object("tcp", [&](Reader& tcp) {
      read_bound(tcp, "maxConnections", out.connections);
      read_time(tcp, "connectTimeout", out.connect);
      tcp.unsupported("maxConnectionDuration");
      tcp.unsupported("idleTimeout");
      tcp.without_effect("tcpKeepalive");
    });
    pool.object("http", [&](Reader& http) {
      read_bound(http, "http1MaxPendingRequests", out.pending);
      read_bound(http, "http2MaxRequests", out.requests);
      read_count(http, "maxRequestsPerConnection", out.requests_per_connection);
      read_time(http, "idleTimeout", out.idle_timeout);
      UpstreamProtocol protocol = UpstreamProtocol::kAuto;
      if (http.choice("h2UpgradePolicy", protocol,
                      {{"DEFAULT", UpstreamProtocol::kAuto},
                       {"DO_NOT_UPGRADE", UpstreamProtocol::kHttp1},
                       {"UPGRADE", UpstreamProtocol::kHttp2}})) {
        out.protocol = {.value = protocol, .line = http.find("h2UpgradePolicy")->position().line};
      }
      // In its place: the retry budget of the destination.
      http.unsupported("maxRetries");
      http.unsupported("useClientProtocol");
      http.unsupported("maxConcurrentStreams");
    });
  });
}

void read_ejection(Reader& policy, PolicyFields& out) {
  policy.object("outlierDetection", [&](Reader& outlier) {
    read_count(outlier, "consecutive5xxErrors", out.errors_5xx);
    read_count(outlier, "consecutiveGatewayErrors", out.gateway_errors);
    read_count(outlier, "consecutiveLocalOriginFailures", out.local_failures);
    read_time(outlier, "interval", out.ejection_interval);
    read_time(outlier, "baseEjectionTime", out.eject_for);
    std::uint32_t percent = 0;
    if (outlier.integer("maxEjectionPercent", percent, 0, 100)) {
      out.max_ejected = {.value = percent,
                         .line = outlier.find("maxEjectionPercent")->position().line};
    }
    if (outlier.integer("minHealthPercent", percent, 0, 100)) {
      out.panic_below = {.value = percent,
                         .line = outlier.find("minHealthPercent")->position().line};
    }
    bool split = true;
    if (outlier.boolean("splitExternalLocalOriginErrors", split) && !split) {
      outlier.note("splitExternalLocalOriginErrors", "local failures are counted by themselves");
    }
    outlier.unsupported("consecutiveErrors");
  });
}

void read_istio_hash(Reader& balancer, PolicyFields& out) {
  balancer.object("consistentHash", [&](Reader& hash) {
    using Of = RequestHash::Of;
    RequestHash read;
    int keys = 0;
    const auto key = [&](Of of) {
      read.of = of;
      ++keys;
    };
    if (hash.text("httpHeaderName", read.name, check_header_name)) key(Of::kHeader);
    if (hash.text("httpQueryParameterName", read.name, check_query_name)) key(Of::kQuery);
    bool source = false;
    if (hash.boolean("useSourceIp", source) && source) key(Of::kSource);
    hash.object("httpCookie", [&](Reader& cookie) {
      if (cookie.require("name")) cookie.text("name", read.name, check_header_name);
      Duration ttl{};
      if (read_go_duration(cookie, "ttl", ttl) && ttl > Duration::zero()) {
        cookie.refuse("ttl", "is not supported yet but for 0s, a cookie of the session");
      }
      cookie.only("path", "/");
      cookie.unsupported("attributes");
      key(Of::kCookie);
    });
    if (keys != 1) hash.refuse("want one of header, cookie, source address and query parameter");
    Balancing how = Balancing::kRingHash;
    hash.object("ringHash", [&](Reader& ring) { ring.unsupported("minimumRingSize"); });
    hash.object("maglev", [&](Reader& maglev) {
      maglev.unsupported("tableSize");
      how = Balancing::kMaglev;
    });
    hash.unsupported("minimumRingSize");
    const std::uint32_t line = hash.position().line;
    out.balancing = {.value = how, .line = line};
    out.hash = {.value = std::move(read), .line = line};
  });
}

void read_balancer(Reader& policy, PolicyFields& out) {
  policy.object("loadBalancer", [&](Reader& balancer) {
    Balancing read = Balancing::kLeastRequest;
    std::string simple;
    if (balancer.text("simple", simple) && simple == "PASSTHROUGH") {
      balancer.refuse("simple", "PASSTHROUGH is not supported yet");
    } else if (simple != "UNSPECIFIED" &&
               balancer.choice("simple", read,
                               {{"ROUND_ROBIN", Balancing::kRoundRobin},
                                {"RANDOM", Balancing::kRandom},
                                {"LEAST_REQUEST", Balancing::kLeastRequest},
                                {"LEAST_CONN", Balancing::kLeastRequest}})) {
      out.balancing = {.value = read, .line = balancer.find("simple")->position().line};
    }
    read_istio_hash(balancer, out);
    for (const char* later :
         {"localityLbSetting", "zoneAwareLbSetting", "warmup", "warmupDurationSecs"}) {
      balancer.unsupported(later);
    }
  });
}

void read_budget(Reader& policy, PolicyFields& out) {
  policy.object("retryBudget", [&](Reader& budget) {
    const config::Value* percent = budget.find("percent");
    const double read =
        percent == nullptr || !percent->is_scalar() ? -1 : percent->as_double().value_or(-1);
    if (percent != nullptr && !(read >= 0 && read <= 100)) {
      budget.refuse("percent", "want a number from 0 to 100");
    } else if (percent != nullptr) {
      out.budget_percent = {.value = read, .line = percent->position().line};
    }
    read_time(budget, "budgetInterval", out.budget_interval);
    budget.unsupported("minRetryConcurrency");
  });
}

void read_tls(Reader& policy, DestinationPolicy& out) {
  policy.object("tls", [&](Reader& tls) {
    enum class Mode : std::uint8_t { kDisable, kMutual, kOther };
    Mode mode = Mode::kMutual;
    if (tls.choice("mode", mode,
                   {{"DISABLE", Mode::kDisable},
                    {"ISTIO_MUTUAL", Mode::kMutual},
                    {"SIMPLE", Mode::kOther},
                    {"MUTUAL", Mode::kOther}})) {
      out.plain_text = mode == Mode::kDisable;
      out.mutual = mode == Mode::kMutual;
    }
    if (mode == Mode::kOther) {
      tls.refuse("mode", "is not supported yet: inside the mesh it is ISTIO_MUTUAL");
    }
    for (const char* later : {"clientCertificate", "privateKey", "caCertificates", "credentialName",
                              "subjectAltNames", "sni", "insecureSkipVerify", "caCrl"}) {
      tls.unsupported(later);
    }
  });
}

// The blocks that stand alike in a trafficPolicy and in its portLevelSettings.
void read_blocks(Reader& policy, PolicyFields& fields, DestinationPolicy& out) {
  read_pool(policy, fields);
  read_ejection(policy, fields);
  read_balancer(policy, fields);
  read_budget(policy, fields);
  read_tls(policy, out);
}

}  // namespace

void read_destination_policy(Reader& owner, DestinationPolicy& out) {
  owner.object("trafficPolicy", [&](Reader& policy) {
    read_blocks(policy, out.fields, out);
    policy.unsupported("tunnel");
    policy.unsupported("proxyProtocol");
    policy.each("portLevelSettings", DestinationRule::kPortsMax, [&](Reader& setting) {
      std::uint16_t number = 0;
      PolicyFields fields;
      if (setting.require("port")) {
        setting.object("port", [&](Reader& port) {
          if (port.require("number")) port.integer("number", number, 1, 65535);
        });
      }
      read_blocks(setting, fields, out);
      if (number != 0 && !out.ports.emplace(number, std::move(fields)).second) {
        setting.refuse("port", fmt::format("{} is there already", number));
      }
    });
  });
}

}  // namespace weft::control
