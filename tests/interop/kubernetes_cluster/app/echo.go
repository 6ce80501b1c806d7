package main

// The two programs of the image that the Gateway API's conformance tests run in pods, as far as their mesh tests look: a server
// that says what reached it, and a client whose output says what came back (sigs.k8s.io/gateway-api conformance/utils/echo reads
// it). `server` takes all of that one's flags and serves HTTP at each --port but that of --tls.

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
	for _, port := range valuesOf(arguments, "port") {
		if slices.Contains(encrypted, port) {
			continue
		}
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go func() {
			ended <- http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				if _, err := io.WriteString(w, echoLines(r, port)); err != nil {
					log.Print(err)
				}
			}))
		}()
	}
	return <-ended
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
		fmt.Printf("[%d] Url=%s\n[%d] StatusCode=%d\n", i, url, i, got.StatusCode)
		for name, values := range got.Header {
			for _, value := range values {
				fmt.Printf("[%d] ResponseHeader=%s:%s\n", i, name, value)
			}
		}
		for _, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
			fmt.Printf("[%d body] %s\n", i, line)
		}
		fmt.Println()
	}
	return nil
}
