#include "sidecar/xds_source.h"

#include <fmt/format.h>

#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "xds/resource.h"

namespace weft::sidecar {

namespace {

template <typename... Calls>
struct Overloaded : Calls... {
  using Calls::operator()...;
};

std::string_view listener_type() { return xds::message_name(xds::kListenerType); }
std::string_view cluster_type() { return xds::message_name(xds::kClusterType); }
std::string_view route_type() { return xds::message_name(xds::kRouteType); }
std::string_view endpoint_type() { return xds::message_name(xds::kEndpointType); }
std::string_view secret_type() { return xds::message_name(xds::kSecretType); }
std::string_view names_type() { return xds::message_name(xds::kNameTableType); }
std::string_view destination_type() { return xds::message_name(xds::kDestinationType); }

telemetry::ConfigType metric_of(std::string_view type) {
  using enum telemetry::ConfigType;
  if (type == listener_type()) return kListener;
  if (type == cluster_type()) return kCluster;
  if (type == route_type()) return kRoute;
  if (type == endpoint_type()) return kEndpoint;
  if (type == secret_type()) return kSecret;
  return kOther;
}

Status refuse_static() {
  return fail(Fault::kInvalid, "name: belongs to the start file and cannot be replaced");
}

}  // namespace

XdsSource::XdsSource(Turn& turn, Dialer& dialer, Random& random, Publisher& publisher, Owner& owner,
                     Options options)
    : turn_(turn),
      publisher_(publisher),
      owner_(owner),
      options_(std::move(options)),
      client_(turn, dialer, random, *this, options_.ads),
      push_timer_(turn.timers(), *this),
      settle_timer_(turn.timers(), *this),
      closes_pushes_(options_.generations) {}

void XdsSource::start() {
  started_ = true;
  started_at_ = turn_.now();
  if (options_.clusters) client_.subscribe(cluster_type(), {.everything = true, .names = {}});
  if (options_.listeners) client_.subscribe(listener_type(), {.everything = true, .names = {}});
  if (options_.names) client_.subscribe(names_type(), {.everything = true, .names = {}});
  if (options_.generations) {
    client_.subscribe(xds::message_name(xds::kGenerationType),
                      {.everything = false, .names = {"generation"}});
  }
  subscribe_to_what_is_used();
  client_.start();
  settle_timer_.arm(kLookEvery);
}

// ---- what is wanted ----

void XdsSource::subscribe_to_what_is_used() {
  if (std::exchange(asked_at_, publisher_.names_version()) == publisher_.names_version()) return;
  subscribe(endpoint_type(), publisher_.endpoint_names());
  subscribe(route_type(), publisher_.route_names());
  subscribe(secret_type(), publisher_.secret_names());
}

void XdsSource::subscribe(std::string_view type, std::vector<std::string> names) {
  std::set<std::string, std::less<>> wanted(std::make_move_iterator(names.begin()),
                                            std::make_move_iterator(names.end()));
  const auto known = subscribed_.find(type);
  if (known == subscribed_.end() ? wanted.empty() : known->second == wanted) return;
  client_.subscribe(type, {.everything = false, .names = wanted});
  subscribed_.insert_or_assign(std::string(type), std::move(wanted));
}

void XdsSource::want(const std::set<std::string, std::less<>>& destinations) {
  if (options_.ads.variant != xds::Variant::kDelta) return;  // nobody is told what is not there
  subscribe(destination_type(), {destinations.begin(), destinations.end()});
}

void XdsSource::on_published() {
  publisher_.forget_unused();
  if (started_) subscribe_to_what_is_used();
}

// ---- what comes ----

std::vector<xds::Refusal> XdsSource::on_resources(std::string_view type,
                                                  std::vector<xds::AdsClient::Arrival>&& changed,
                                                  const std::vector<std::string>& removed) {
  std::vector<xds::Refusal> refusals;
  // What goes first makes room for what comes, for a port with a new listener above all.
  for (const std::string& name : removed) remove(type, name);
  for (xds::AdsClient::Arrival& arrival : changed) {
    std::string name = arrival.name;
    if (Status applied = apply(std::move(arrival)); !applied)
      refusals.push_back({std::move(name), applied.error().detail});
  }
  subscribe_to_what_is_used();
  publish_later();
  if (!settled_) settle_timer_.arm(Duration::zero());
  return refusals;
}

Status XdsSource::apply(xds::AdsClient::Arrival&& arrival) {
  return std::visit(
      Overloaded{
          [&](config::ListenerConfig&& listener) {
            if (options_.static_listeners.contains(listener.name)) return refuse_static();
            return publisher_.put(std::move(listener));
          },
          [&](config::ClusterConfig&& cluster) -> Status {
            if (options_.static_clusters.contains(cluster.name)) return refuse_static();
            if (cluster.http.protocol == config::UpstreamHttp::Protocol::kAsDownstream) {
              return fail(Fault::kInvalid,
                          "typed_extension_protocol_options: "
                          "use_downstream_protocol_config is not supported");
            }
            return publisher_.put(std::move(cluster));
          },
          [&](config::RouteConfig&& routes) { return publisher_.put(std::move(routes)); },
          [&](config::EndpointSet&& endpoints) { return publisher_.put(std::move(endpoints)); },
          [&](xds::Secret&& secret) -> Status {
            if (options_.static_secrets.contains(secret.name)) return refuse_static();
            TlsMaterial material = std::move(secret.material);
            material.version = secret.version;
            publisher_.put_discovered_secret(secret.name, material, std::move(secret.peer_names));
            return {};
          },
          [&](xds::NameTable&& table) -> Status {
            owner_.on_names(std::move(table));
            return {};
          },
          [&](xds::Generation&&) -> Status { return {}; },
          [&](xds::Destination&& destination) -> Status {
            owner_.on_destination_known(destination);
            return {};
          },
      },
      std::move(arrival.value));
}

void XdsSource::remove(std::string_view type, const std::string& name) {
  if (type == listener_type()) {
    if (!options_.static_listeners.contains(name)) publisher_.remove_listener(name);
  } else if (type == cluster_type()) {
    if (!options_.static_clusters.contains(name)) publisher_.remove_cluster(name);
  } else if (type == route_type()) {
    publisher_.note_absent_routes(name);
  } else if (type == endpoint_type()) {
    publisher_.note_absent_endpoints(name);
  } else if (type == names_type()) {
    owner_.on_names_gone(name);
  } else if (type == destination_type()) {
    owner_.on_destination_unknown(name);
  }
  // A secret that is no longer there stays as long as somebody uses it: nothing better is known.
}

// ---- when it counts ----

void XdsSource::publish_later() {
  changed_ = true;
  if (closes_pushes_) {
    publisher_.hold();
    if (!push_timer_.armed()) push_timer_.arm(generation_ == 0 ? kFirstPatience : kPatience);
  }
  publisher_.schedule();
}

void XdsSource::on_generation(const xds::Generation& generation) {
  closes_pushes_ = true;
  push_timer_.cancel();
  const bool fresh = std::exchange(generation_, generation.number) != generation.number;
  if (std::exchange(changed_, false) || fresh) {
    publisher_.publish(generation.number);
  } else {
    publisher_.let_go();
  }
  if (!settled_) settle_timer_.arm(Duration::zero());
}

void XdsSource::on_timer(Timer& timer) {
  if (&timer == &push_timer_) {
    // The control plane was cut off in the middle, or it is not one that closes its pushes.
    // Whatever was told so far names nothing that does not exist.
    if (generation_ == 0) closes_pushes_ = false;
    changed_ = false;
    publisher_.let_go();
    return;
  }
  settle_if_complete();
}

bool XdsSource::heard_of(std::string_view type) const {
  const auto report = client_.state().report();
  const auto found = report.find(type);
  return found != report.end() && found->second.accepted + found->second.rejected > 0;
}

void XdsSource::settle_if_complete() {
  if (settled_) return;
  const bool late = options_.initial_fetch_timeout > Duration::zero() &&
                    turn_.now() - started_at_ >= options_.initial_fetch_timeout;
  const bool heard = (!options_.clusters || heard_of(cluster_type())) &&
                     (!options_.listeners || heard_of(listener_type()));
  const bool complete = heard && (!closes_pushes_ || generation_ != 0);
  if (!late && !complete) {
    // A first answer that holds nothing at all comes without an event.
    if (heard && closes_pushes_ && !push_timer_.armed()) push_timer_.arm(kFirstPatience);
    settle_timer_.arm(kLookEvery);
    return;
  }
  if (!complete)
    WEFT_LOG(kWarn, "the control plane has not told everything in {}; starting without",
             format_duration(options_.initial_fetch_timeout));
  settled_ = true;
  owner_.on_xds_settled();
}

void XdsSource::on_ads_connected() {
  WEFT_LOG(kInfo, "xds: connected to the control plane, attempt {}", client_.stats().attempts);
}

void XdsSource::on_ads_disconnected(const Error& reason) {
  WEFT_LOG_LIMITED(kWarn, "xds: the control plane is gone ({}); what it told so far stays",
                   to_string(reason));
}

// ---- pages ----

void XdsSource::count(telemetry::ProxyMetrics& metrics) {
  for (const auto& [type, report] : client_.state().report()) {
    std::uint64_t& counted = refusals_counted_[type];
    metrics.config_rejected(metric_of(type)).add(report.refused - counted);
    counted = report.refused;
  }
  if (client_.stats().updates == 0) return;
  const auto accepted_at = client_.stats().updated_at.time_since_epoch();
  metrics.config_last_ack.set(std::chrono::floor<std::chrono::seconds>(accepted_at).count());
}

std::string XdsSource::describe() const {
  const xds::AdsClient::Stats& stats = client_.stats();
  std::string text = fmt::format(
      "control plane {} {} generation {} updates {} rejected {} attempts {} unknown_fields {}\n",
      stats.control_plane.empty() ? "-" : stats.control_plane,
      stats.connected ? "connected" : "disconnected", generation_, stats.updates, stats.rejected,
      stats.attempts, stats.unknown_fields);
  if (!stats.last_error.empty()) text += "  last error: " + escape(stats.last_error) + "\n";
  for (const auto& [type, report] : client_.state().report()) {
    text += fmt::format("  {} accepted {} rejected {} ignored {}\n", xds::short_name(type),
                        report.accepted, report.rejected, report.ignored);
    for (const auto& [name, record] : *report.records) {
      text += fmt::format("    {} version {}{}\n", escape(name),
                          record.version.empty() ? "-" : escape(record.version),
                          record.absent ? " absent" : "");
      if (!record.refused_why.empty()) {
        text += fmt::format("      refused version {}: {}\n", escape(record.refused_version),
                            escape(record.refused_why));
      }
    }
  }
  return text;
}

}  // namespace weft::sidecar
