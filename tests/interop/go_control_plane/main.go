// go_control_plane serves one sidecar over ADS, state of the world and delta, from go-control-plane's snapshot cache. It is
// told what to serve on its input and prints what the sidecar asks for as JSON, a line each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

type event struct {
	Stream  int64    `json:"stream"`
	Delta   bool     `json:"delta"`
	Node    string   `json:"node,omitempty"`
	Type    string   `json:"type,omitempty"`
	Version string   `json:"version,omitempty"`
	Nonce   string   `json:"nonce,omitempty"`
	Names   []string `json:"names,omitempty"`
	Drops   []string `json:"drops,omitempty"`
	Holds   []string `json:"holds,omitempty"`
	Error   string   `json:"error,omitempty"`
}

var out = struct {
	sync.Mutex
	*json.Encoder
}{Encoder: json.NewEncoder(os.Stdout)}

func tell(what string, value any) {
	out.Lock()
	defer out.Unlock()
	if err := out.Encode(map[string]any{what: value}); err != nil {
		log.Fatal(err)
	}
}

func shortType(url string) string { return url[strings.LastIndexByte(url, '.')+1:] }

func callbacks() server.CallbackFuncs {
	// The snapshot cache answers a refusal at once with what was refused, again and again (state of the world only).
	slowDown := func(e event) {
		if e.Error != "" && !e.Delta {
			time.Sleep(100 * time.Millisecond)
		}
	}
	return server.CallbackFuncs{
		StreamOpenFunc: func(_ context.Context, id int64, url string) error {
			tell("opened", event{Stream: id, Type: url})
			return nil
		},
		StreamClosedFunc: func(id int64, _ *core.Node) { tell("closed", event{Stream: id}) },
		DeltaStreamOpenFunc: func(_ context.Context, id int64, url string) error {
			tell("opened", event{Stream: id, Delta: true, Type: url})
			return nil
		},
		DeltaStreamClosedFunc: func(id int64, _ *core.Node) { tell("closed", event{Stream: id, Delta: true}) },
		StreamRequestFunc: func(id int64, r *discovery.DiscoveryRequest) error {
			e := event{Stream: id, Node: r.GetNode().GetId(), Type: shortType(r.TypeUrl), Version: r.VersionInfo,
				Nonce: r.ResponseNonce, Names: r.ResourceNames, Error: r.GetErrorDetail().GetMessage()}
			tell("request", e)
			slowDown(e)
			return nil
		},
		StreamDeltaRequestFunc: func(id int64, r *discovery.DeltaDiscoveryRequest) error {
			e := event{Stream: id, Delta: true, Node: r.GetNode().GetId(), Type: shortType(r.TypeUrl), Nonce: r.ResponseNonce,
				Names: r.ResourceNamesSubscribe, Drops: r.ResourceNamesUnsubscribe, Error: r.GetErrorDetail().GetMessage()}
			for name := range r.InitialResourceVersions {
				e.Holds = append(e.Holds, name)
			}
			tell("request", e)
			return nil
		},
		StreamResponseFunc: func(_ context.Context, id int64, _ *discovery.DiscoveryRequest, r *discovery.DiscoveryResponse) {
			tell("response", event{Stream: id, Type: shortType(r.TypeUrl), Version: r.VersionInfo, Nonce: r.Nonce})
		},
		StreamDeltaResponseFunc: func(id int64, _ *discovery.DeltaDiscoveryRequest, r *discovery.DeltaDiscoveryResponse) {
			e := event{Stream: id, Delta: true, Type: shortType(r.TypeUrl), Nonce: r.Nonce, Drops: r.RemovedResources}
			for _, resource := range r.Resources {
				e.Names = append(e.Names, resource.Name)
			}
			tell("response", e)
		},
	}
}

func main() {
	var node string
	var port int
	wish := Wish{Broken: map[string]bool{}}
	flag.StringVar(&node, "node", "", "id of the sidecar's node")
	flag.IntVar(&port, "port", 0, "where to serve ADS")
	flag.UintVar(&wish.Listen, "listen", 0, "port of the sidecar's listener")
	flag.UintVar(&wish.V1, "v1", 0, "port of the origin v1")
	flag.UintVar(&wish.V2, "v2", 0, "port of the origin v2")
	flag.UintVar(&wish.Weight, "weight", 10, "share of v2 in percent")
	flag.Parse()

	snapshots := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	put := func() {
		// Never a version of an earlier process.
		version := fmt.Sprintf("%d", time.Now().UnixNano())
		snapshot, err := wish.snapshot(version)
		if err != nil {
			log.Fatal(err)
		}
		if err := snapshots.SetSnapshot(context.Background(), node, snapshot); err != nil {
			log.Fatal(err)
		}
		tell("set", map[string]any{"version": version, "wish": wish})
	}
	put()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		log.Fatal(err)
	}
	serve := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(serve, server.NewServer(context.Background(), snapshots, callbacks()))
	go func() { log.Fatal(serve.Serve(listener)) }()
	tell("port", port)

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := wish.apply(strings.Fields(lines.Text())); err != nil {
			log.Fatal(err)
		}
		put()
	}
}
