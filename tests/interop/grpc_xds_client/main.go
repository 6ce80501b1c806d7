// grpc_xds_client is grpc-go twice: `serve NAME PORT` answers calls with its name, `call TARGET` makes them. Both are told what
// to do on their input: the server how to behave, the caller which calls to make; it knows its control plane from
// GRPC_XDS_BOOTSTRAP and prints who answered as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
)

// patience is how long one call may take, the first one's name resolution included.
const patience = 10 * time.Second

// Manner is how a server behaves: it fails one call of so many, and takes its time for each.
type Manner struct {
	FailOneOf int64         `json:"fail_one_of"` // 0: none; 1: all
	Code      codes.Code    `json:"code"`
	Slow      time.Duration `json:"slow_ns"`
}

type named struct {
	grpc_testing.UnimplementedTestServiceServer
	name   string
	calls  atomic.Int64
	manner atomic.Pointer[Manner]
}

func (n *named) UnaryCall(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	call := n.calls.Add(1)
	manner := n.manner.Load()
	if manner.Slow > 0 {
		select {
		case <-time.After(manner.Slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if manner.FailOneOf > 0 && call%manner.FailOneOf == 0 {
		return nil, status.Errorf(manner.Code, "%s was told to fail", n.name)
	}
	return &grpc_testing.SimpleResponse{ServerId: n.name}, nil
}

func serve(name, port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	service := &named{name: name}
	service.manner.Store(&Manner{})
	server := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(server, service)
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]string{"serving": name}); err != nil {
		return err
	}
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			manner := &Manner{}
			if err := json.Unmarshal(lines.Bytes(), manner); err != nil {
				log.Fatal(err)
			}
			service.manner.Store(manner)
			// How many calls there were until now, whatever became of them.
			if err := out.Encode(map[string]int64{"calls": service.calls.Load()}); err != nil {
				log.Fatal(err)
			}
		}
	}()
	return server.Serve(listener)
}

// Wish is a number of calls, so many of them at a time. With keys, the calls take turns in sending one of so many values of
// x-user.
type Wish struct {
	Calls   int `json:"calls"`
	Callers int `json:"callers"`
	Keys    int `json:"keys"`
}

// Count is who answered how many calls, by key where there are keys, and what the others ended with.
type Count struct {
	Answered map[string]int            `json:"answered"`
	ByKey    map[string]map[string]int `json:"by_key"`
	Failed   map[string]int            `json:"failed"`
}

func count(client grpc_testing.TestServiceClient, wish Wish) Count {
	sum := Count{Answered: map[string]int{}, ByKey: map[string]map[string]int{}, Failed: map[string]int{}}
	var lock sync.Mutex
	var running sync.WaitGroup
	work := make(chan string)
	for range wish.Callers {
		running.Add(1)
		go func() {
			defer running.Done()
			for key := range work {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if key != "" {
					ctx = metadata.AppendToOutgoingContext(ctx, "x-user", key)
				}
				answer, err := client.UnaryCall(ctx, &grpc_testing.SimpleRequest{}, grpc.WaitForReady(true))
				cancel()
				lock.Lock()
				switch {
				case err != nil:
					sum.Failed[err.Error()]++
				case key != "":
					if sum.ByKey[key] == nil {
						sum.ByKey[key] = map[string]int{}
					}
					sum.ByKey[key][answer.GetServerId()]++
					fallthrough
				default:
					sum.Answered[answer.GetServerId()]++
				}
				lock.Unlock()
			}
		}()
	}
	for call := range wish.Calls {
		key := ""
		if wish.Keys > 0 {
			key = fmt.Sprintf("user-%d", call%wish.Keys)
		}
		work <- key
	}
	close(work)
	running.Wait()
	return sum
}

func call(target string) error {
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := grpc_testing.NewTestServiceClient(connection)
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		wish := Wish{Callers: 8}
		if err := json.Unmarshal(lines.Bytes(), &wish); err != nil {
			return err
		}
		if err := out.Encode(map[string]any{"count": count(client, wish)}); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "serve":
		err = serve(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "call":
		err = call(os.Args[2])
	default:
		err = fmt.Errorf("usage: %s serve NAME PORT | call TARGET", os.Args[0])
	}
	if err != nil {
		log.Fatal(err)
	}
}
