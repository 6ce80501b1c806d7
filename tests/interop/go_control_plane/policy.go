package main

import (
	"fmt"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	commonfault "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/fault/v3"
	fault "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	manager "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	kind "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const faultFilter = "envoy.filters.http.fault"

// Policy is what the sidecar is to do with requests under /policy, which go to both origins as one cluster: one thing at a
// time, said in xDS's own fields.
type Policy string

func (p Policy) check() error {
	switch p {
	case "off", "none", "retry", "limit", "outlier", "hash", "delay", "abort":
		return nil
	}
	return fmt.Errorf("not a policy: %q", string(p))
}

func (p Policy) cluster() *cluster.Cluster {
	out := edsCluster("both")
	switch p {
	case "limit":
		out.CircuitBreakers = &cluster.CircuitBreakers{Thresholds: []*cluster.CircuitBreakers_Thresholds{
			{MaxRequests: wrapperspb.UInt32(1)}}}
	case "outlier":
		out.OutlierDetection = &cluster.OutlierDetection{Consecutive_5Xx: wrapperspb.UInt32(3),
			EnforcingConsecutive_5Xx: wrapperspb.UInt32(100), Interval: durationpb.New(time.Second),
			BaseEjectionTime: durationpb.New(time.Minute), MaxEjectionPercent: wrapperspb.UInt32(50),
			EnforcingSuccessRate: wrapperspb.UInt32(0)}
	case "hash":
		out.LbPolicy = cluster.Cluster_RING_HASH
	}
	return out
}

func (p Policy) endpoints(v1, v2 uint) *endpoint.ClusterLoadAssignment {
	out := oneEndpoint("both", v1)
	out.Endpoints[0].LbEndpoints = append(out.Endpoints[0].LbEndpoints, oneEndpoint("both", v2).Endpoints[0].LbEndpoints...)
	return out
}

func (p Policy) route() *route.Route {
	action := &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "both"}}
	out := to("/policy/", action)
	switch p {
	case "retry":
		action.RetryPolicy = &route.RetryPolicy{RetryOn: "5xx", NumRetries: wrapperspb.UInt32(2)}
	case "hash":
		action.HashPolicy = []*route.RouteAction_HashPolicy{{PolicySpecifier: &route.RouteAction_HashPolicy_Header_{
			Header: &route.RouteAction_HashPolicy_Header{HeaderName: "x-user"}}}}
	case "delay", "abort":
		out.TypedPerFilterConfig = map[string]*anypb.Any{faultFilter: pack(p.fault())}
	}
	return out
}

func (p Policy) fault() *fault.HTTPFault {
	share := func(percent uint32) *kind.FractionalPercent {
		return &kind.FractionalPercent{Numerator: percent, Denominator: kind.FractionalPercent_HUNDRED}
	}
	if p == "delay" {
		return &fault.HTTPFault{Delay: &commonfault.FaultDelay{Percentage: share(100),
			FaultDelaySecifier: &commonfault.FaultDelay_FixedDelay{FixedDelay: durationpb.New(300 * time.Millisecond)}}}
	}
	return &fault.HTTPFault{Abort: &fault.FaultAbort{Percentage: share(50),
		ErrorType: &fault.FaultAbort_HttpStatus{HttpStatus: 418}}}
}

// filters are those in front of the router: a route can only say more about one that is there.
func (p Policy) filters() []*manager.HttpFilter {
	if p != "delay" && p != "abort" {
		return nil
	}
	return []*manager.HttpFilter{{Name: faultFilter,
		ConfigType: &manager.HttpFilter_TypedConfig{TypedConfig: pack(&fault.HTTPFault{})}}}
}
