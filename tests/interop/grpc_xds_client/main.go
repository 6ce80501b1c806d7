// grpc_xds_client is grpc-go twice: `serve NAME PORT` answers calls with its name, `call TARGET` makes them. The caller knows
// its control plane from GRPC_XDS_BOOTSTRAP, is told how many calls to make on its input, and prints who answered as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	_ "google.golang.org/grpc/xds"
)

// patience is how long one call may take, the first one's name resolution included.
const patience = 10 * time.Second

// callers is how many calls are under way at a time.
const callers = 8

type named struct {
	grpc_testing.UnimplementedTestServiceServer
	name string
}

func (n named) UnaryCall(context.Context, *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return &grpc_testing.SimpleResponse{ServerId: n.name}, nil
}

func serve(name, port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(server, named{name: name})
	fmt.Printf("{\"serving\": %q}\n", name)
	return server.Serve(listener)
}

// Count is who answered how many calls, and what the others ended with.
type Count struct {
	Answered map[string]int `json:"answered"`
	Failed   map[string]int `json:"failed"`
}

func count(client grpc_testing.TestServiceClient, calls int) Count {
	sum := Count{Answered: map[string]int{}, Failed: map[string]int{}}
	var lock sync.Mutex
	var running sync.WaitGroup
	work := make(chan struct{})
	for range callers {
		running.Add(1)
		go func() {
			defer running.Done()
			for range work {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				answer, err := client.UnaryCall(ctx, &grpc_testing.SimpleRequest{}, grpc.WaitForReady(true))
				cancel()
				lock.Lock()
				if err != nil {
					sum.Failed[err.Error()]++
				} else {
					sum.Answered[answer.GetServerId()]++
				}
				lock.Unlock()
			}
		}()
	}
	for range calls {
		work <- struct{}{}
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
		calls, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]any{"count": count(client, calls)}); err != nil {
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
