package main

import (
	"fmt"
	"strconv"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	manager "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Wish is what the sidecar is to be told: one listener, whose routes share requests between the origins v1 and v2.
type Wish struct {
	Listen, V1, V2, Weight uint
	Extra                  bool            // a third cluster, v3, and a route /v3 to it
	Policy                 Policy          // of the requests under /policy; empty: there are none
	Broken                 map[string]bool // "cluster", "listener": one more, which nobody can accept; "route": the routes themselves
}

// apply obeys one line: "weight N", "extra on|off", "policy WHAT", "break WHAT", "mend".
func (w *Wish) apply(words []string) error {
	if len(words) == 1 && words[0] == "mend" {
		clear(w.Broken)
		return nil
	}
	if len(words)%2 != 0 {
		return fmt.Errorf("not pairs of words: %q", words)
	}
	for ; len(words) > 0; words = words[2:] {
		switch words[0] {
		case "weight":
			weight, err := strconv.ParseUint(words[1], 10, 8)
			if err != nil || weight > 100 {
				return fmt.Errorf("not a share: %q", words[1])
			}
			w.Weight = uint(weight)
		case "extra":
			w.Extra = words[1] == "on"
		case "policy":
			if err := Policy(words[1]).check(); err != nil {
				return err
			}
			w.Policy = Policy(words[1])
			if w.Policy == "off" {
				w.Policy = ""
			}
		case "break":
			w.Broken[words[1]] = true
		default:
			return fmt.Errorf("unknown: %q", words[0])
		}
	}
	return nil
}

func (w *Wish) snapshot(version string) (*cache.Snapshot, error) {
	listeners := []types.Resource{httpListener("in", w.Listen, append(w.Policy.filters(), routerFilter())...)}
	clusters := []types.Resource{edsCluster("v1"), edsCluster("v2")}
	endpoints := []types.Resource{oneEndpoint("v1", w.V1), oneEndpoint("v2", w.V2)}
	routes := []*route.Route{to("/", weighted(w.Weight))}
	if w.Extra {
		clusters = append(clusters, edsCluster("v3"))
		endpoints = append(endpoints, oneEndpoint("v3", w.V2))
		routes = append([]*route.Route{to("/v3", &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "v3"}})}, routes...)
	}
	if w.Policy != "" {
		clusters = append(clusters, w.Policy.cluster())
		endpoints = append(endpoints, w.Policy.endpoints(w.V1, w.V2))
		routes = append([]*route.Route{w.Policy.route()}, routes...)
	}
	if w.Broken["cluster"] {
		broken := &cluster.Cluster{Name: "broken-cluster", ConnectTimeout: durationpb.New(-time.Second),
			ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_STATIC}}
		clusters = append(clusters, broken)
	}
	if w.Broken["listener"] {
		filter := &manager.HttpFilter{Name: "nobody.knows.this", ConfigType: &manager.HttpFilter_TypedConfig{TypedConfig: pack(&emptypb.Empty{})}}
		listeners = append(listeners, httpListener("broken-listener", w.Listen+1, filter, routerFilter()))
	}
	if w.Broken["route"] {
		broken := to("/", weighted(100-w.Weight))
		broken.Match.PathSpecifier = &route.RouteMatch_SafeRegex{SafeRegex: &matcher.RegexMatcher{Regex: "/(unclosed"}}
		routes = append([]*route.Route{broken}, routes...)
	}
	snapshot, err := cache.NewSnapshot(version, map[resource.Type][]types.Resource{
		resource.ListenerType: listeners,
		resource.ClusterType:  clusters,
		resource.EndpointType: endpoints,
		resource.RouteType: {&route.RouteConfiguration{Name: "shop",
			VirtualHosts: []*route.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes}}}},
	})
	if err != nil {
		return nil, err
	}
	return snapshot, snapshot.Consistent()
}

func pack(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return packed
}

func overADS() *core.ConfigSource {
	return &core.ConfigSource{ResourceApiVersion: core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}
}

func loopback(port uint) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{Address: "127.0.0.1",
		PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(port)}}}}
}

func routerFilter() *manager.HttpFilter {
	return &manager.HttpFilter{Name: "envoy.filters.http.router",
		ConfigType: &manager.HttpFilter_TypedConfig{TypedConfig: pack(&router.Router{})}}
}

func httpListener(name string, port uint, filters ...*manager.HttpFilter) *listener.Listener {
	http := &manager.HttpConnectionManager{
		StatPrefix:     name,
		RouteSpecifier: &manager.HttpConnectionManager_Rds{Rds: &manager.Rds{RouteConfigName: "shop", ConfigSource: overADS()}},
		HttpFilters:    filters,
	}
	return &listener.Listener{Name: name, Address: loopback(port), FilterChains: []*listener.FilterChain{{
		Filters: []*listener.Filter{{Name: "envoy.filters.network.http_connection_manager",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(http)}}}}}}
}

func to(prefix string, action *route.RouteAction) *route.Route {
	return &route.Route{Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: prefix}},
		Action: &route.Route_Route{Route: action}}
}

func weighted(v2 uint) *route.RouteAction {
	share := func(name string, weight uint) *route.WeightedCluster_ClusterWeight {
		return &route.WeightedCluster_ClusterWeight{Name: name, Weight: wrapperspb.UInt32(uint32(weight))}
	}
	return &route.RouteAction{ClusterSpecifier: &route.RouteAction_WeightedClusters{WeightedClusters: &route.WeightedCluster{
		Clusters: []*route.WeightedCluster_ClusterWeight{share("v1", 100-v2), share("v2", v2)}}}}
}

func edsCluster(name string) *cluster.Cluster {
	return &cluster.Cluster{Name: name, ConnectTimeout: durationpb.New(2 * time.Second),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: overADS()}}
}

func oneEndpoint(name string, port uint) *endpoint.ClusterLoadAssignment {
	return &endpoint.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpoint.LocalityLbEndpoints{{
		LoadBalancingWeight: wrapperspb.UInt32(1),
		LbEndpoints: []*endpoint.LbEndpoint{{HostIdentifier: &endpoint.LbEndpoint_Endpoint{
			Endpoint: &endpoint.Endpoint{Address: loopback(port)}}}}}}}
}
