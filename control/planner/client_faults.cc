#include "control/planner/client_faults.h"

#include <cmath>
#include <utility>
#include <vector>

#include "control/planner/effective_policy.h"
#include "control/planner/route_extras.h"
#include "xds/proto/fault.pb.h"

namespace weft::control {

namespace rt = envoy::config::route::v3;

namespace {

using envoy::extensions::filters::http::fault::v3::HTTPFault;
constexpr const char* kFaultFilter = "envoy.filters.http.fault";

bool is_known(const PolicyFault& fault) {
  return fault.delay > Duration::zero() || fault.http_status != 0 || fault.grpc_status;
}

void set_percentage(double percent, envoy::type::v3::FractionalPercent& out) {
  out.set_numerator(static_cast<std::uint32_t>(std::lround(percent * 10'000)));
  out.set_denominator(envoy::type::v3::FractionalPercent::MILLION);
}

void add_fault(const PolicyFault& fault, HTTPFault& out) {
  if (fault.delay > Duration::zero() && !out.has_delay()) {
    set(*out.mutable_delay()->mutable_fixed_delay(), fault.delay);
    set_percentage(fault.percent, *out.mutable_delay()->mutable_percentage());
  }
  if ((fault.http_status == 0 && !fault.grpc_status) || out.has_abort()) return;
  if (fault.grpc_status) {
    out.mutable_abort()->set_grpc_status(*fault.grpc_status);
  } else {
    out.mutable_abort()->set_http_status(fault.http_status);
  }
  set_percentage(fault.percent, *out.mutable_abort()->mutable_percentage());
}

// `first`, where there is one, before those for every request.
void set_fault_filter(const PolicyFault* first, const PolicyFaults& faults, rt::Route& out) {
  HTTPFault message;
  if (first != nullptr) add_fault(*first, message);
  for (const PolicyFault& fault : faults) {
    if (fault.headers.empty()) add_fault(fault, message);
  }
  if (!message.has_delay() && !message.has_abort()) return;
  pack((*out.mutable_typed_per_filter_config())[kFaultFilter], message);
}

// Those of the traffic by that rule that a client is told of. What a route object says itself comes
// first.
PolicyFaults faults_of(const RouteContext& context, const HttpRoute* route, const RouteRule* rule) {
  if (context.audience != Audience::kProxyless) return {};
  if (rule != nullptr && !rule->faults.empty()) return {};
  const EffectivePolicy policy(context.mesh, {.service = context.service,
                                              .port = context.port,
                                              .client_namespace = context.client.name_space,
                                              .route = route,
                                              .rule = rule});
  PolicyFaults out = *policy.fields().faults.value;
  std::erase_if(out, [&](const PolicyFault& fault) {
    return fault.until <= context.now || !is_known(fault);
  });
  return out;
}

}  // namespace

void add_with_faults(const RouteContext& context, const HttpRoute* route, const RouteRule* rule,
                     rt::Route made, google::protobuf::RepeatedPtrField<rt::Route>& out) {
  const PolicyFaults faults = made.has_route() ? faults_of(context, route, rule) : PolicyFaults{};
  for (const PolicyFault& fault : faults) {
    if (fault.headers.empty()) continue;
    rt::Route& own = *out.Add();
    own = made;
    for (const HeaderCondition& header : fault.headers) {
      set_header(header, *own.mutable_match()->add_headers());
    }
    set_fault_filter(&fault, faults, own);
  }
  set_fault_filter(nullptr, faults, made);
  *out.Add() = std::move(made);
}

}  // namespace weft::control
