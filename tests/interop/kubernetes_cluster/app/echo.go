package main

// The two programs of the image that the Gateway API's conformance tests run in pods, as far as their mesh tests look: a server
// that says what reached it, and a client whose output says what came back (sigs.k8s.io/gateway-api conformance/utils/echo reads
// it). `server` takes all of that one's flags and serves HTTP at each --port but that of --tls, gRPC at each --grpc (echo_grpc.go);
// without any, HTTP at 8080.

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func echoLines(r *http.Request, port string) string {
	pod, _ := os.Hostname()
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	lines := []string{"ServiceVersion=" + os.Getenv("VERSION"), "ServicePort=" + port, "Host=" + r.Host, "URL=" + r.URL.RequestURI(),
		"Method=" + r.Method, "Proto=" + r.Proto, "IP=" + from}
	names := []string{}
	for name := range r.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range r.Header[name] {
			lines = append(lines, "RequestHeader="+name+":"+value)
		}
	}
	return strings.Join(append(lines, "Hostname="+pod), "\n") + "\n"
}

// Values of --name=value; the others are left to the server that this one stands in for.
func valuesOf(arguments []string, name string) []string {
	values := []string{}
	for _, one := range arguments {
		if value, found := strings.CutPrefix(one, "--"+name+"="); found {
			values = append(values, value)
		}
	}
	return values
}

func echoServer(arguments []string) error {
	encrypted, ended := valuesOf(arguments, "tls"), make(chan error)
	serveAt := func(port string, protocols *http.Protocols, handler http.HandlerFunc) error {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler, Protocols: protocols}
		go func() { ended <- server.Serve(listener) }()
		return nil
	}
	ports := valuesOf(arguments, "port")
	if len(ports) == 0 {
		ports = []string{"8080"}
	}
	for _, port := range ports {
		if slices.Contains(encrypted, port) {
			continue
		}
		if err := serveAt(port, nil, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			if _, err := io.WriteString(w, echoLines(r, port)); err != nil {
				log.Print(err)
			}
		}); err != nil {
			return err
		}
	}
	for _, port := range valuesOf(arguments, "grpc") {
		if err := serveAt(port, plainHTTP2(), grpcHandler(port)); err != nil {
			return err
		}
	}
	return <-ended
}

// What one call prints, as that one's client does.
func printAnswer(number int, url string, status int, headers http.Header, body string) {
	fmt.Printf("[%d] Url=%s\n[%d] StatusCode=%d\n", number, url, number, status)
	for name, values := range headers {
		for _, value := range values {
			fmt.Printf("[%d] ResponseHeader=%s:%s\n", number, name, value)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
		fmt.Printf("[%d body] %s\n", number, line)
	}
	fmt.Println()
}

func echoClient(arguments []string) error {
	url, method, count, header := "", http.MethodGet, 1, http.Header{}
	for i := 0; i < len(arguments); i++ {
		name, value, _ := strings.Cut(arguments[i], "=")
		switch {
		case name == "-H" && i+1 < len(arguments):
			i++
			key, held, _ := strings.Cut(arguments[i], ":")
			header.Add(key, strings.TrimSpace(held))
		case name == "--method":
			method = value
		case name == "--count":
			var err error
			if count, err = strconv.Atoi(value); err != nil {
				return err
			}
		case !strings.HasPrefix(name, "-") && url == "":
			url = arguments[i]
		default:
			return fmt.Errorf("there is no %s", arguments[i])
		}
	}
	if url == "" {
		return errors.New("want a URL")
	}
	if target, found := strings.CutPrefix(url, "grpc://"); found {
		return grpcCalls(target, count, header)
	}
	client := plainClient(1)
	client.Timeout = 10 * time.Second
	for i := range count {
		request, err := http.NewRequest(method, url, nil)
		if err != nil {
			return err
		}
		request.Header = header.Clone()
		if host := header.Get("Host"); host != "" {
			request.Host = host
		}
		got, err := client.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil {
			return err
		}
		printAnswer(i, url, got.StatusCode, got.Header, string(body))
	}
	return nil
}
