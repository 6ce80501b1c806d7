package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// What a server says of itself and of who called it.
type told struct {
	App     string              `json:"app"`
	Version string              `json:"version"`
	Pod     string              `json:"pod"`
	From    string              `json:"from"`
	Target  string              `json:"target"`
	Host    string              `json:"host"`
	Headers map[string][]string `json:"headers,omitempty"`
	Next    json.RawMessage     `json:"next,omitempty"`
}

// What carries a trace from the call that came to the calls that it causes: all that tracing asks of an app.
var traceHeaders = []string{"traceparent", "tracestate"}

type server struct {
	fails  atomic.Int64 // the status it answers with instead; 0: none
	work   time.Duration
	client http.Client
}

func (s *server) self(r *http.Request) told {
	pod, _ := os.Hostname()
	return told{App: os.Getenv("APP"), Version: os.Getenv("VERSION"), Pod: pod, From: r.RemoteAddr, Target: r.URL.String(),
		Host: r.Host}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print("answer: ", err)
	}
}

func (s *server) hello(w http.ResponseWriter, r *http.Request) {
	if s.work > 0 {
		time.Sleep(s.work)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		log.Print("body: ", err)
	}
	said := s.self(r)
	if r.URL.Query().Has("headers") {
		said.Headers = r.Header
	}
	status := http.StatusOK
	if fails := int(s.fails.Load()); fails != 0 {
		status = fails
	}
	answer(w, status, said)
}

// Calls on, as a service does that needs another one.
func (s *server) call(w http.ResponseWriter, r *http.Request) {
	said := s.self(r)
	next, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.URL.Query().Get("url"), nil)
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error())
		return
	}
	for _, name := range traceHeaders {
		if value := r.Header.Get(name); value != "" {
			next.Header.Set(name, value)
		}
	}
	got, err := s.client.Do(next)
	if err != nil {
		answer(w, http.StatusBadGateway, err.Error())
		return
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err != nil {
		answer(w, http.StatusBadGateway, err.Error())
		return
	}
	if json.Valid(body) {
		said.Next = body
	} else {
		said.Next, _ = json.Marshal(string(body))
	}
	answer(w, got.StatusCode, said)
}

func (s *server) fail(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.URL.Query().Get("status"))
	if err != nil || (status != 0 && (status < 200 || status > 599)) {
		answer(w, http.StatusBadRequest, "want a status, or 0 for none")
		return
	}
	s.fails.Store(int64(status))
	answer(w, http.StatusOK, s.self(r))
}

func serve(arguments []string) error {
	flags := flagsOf("serve")
	port := flags.Int("port", 8080, "")
	work := flags.Duration("work", 0, "how long an answer takes")
	_ = flags.Parse(arguments)
	s := &server{work: *work, client: http.Client{Timeout: 10 * time.Second}}
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.hello)
	// Whoever fails does not know it.
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, s.self(r)) })
	mux.HandleFunc("/call", s.call)
	mux.HandleFunc("/fail", s.fail)
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	web := &http.Server{Handler: mux}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-stop:
	}
	// As most servers do: nobody new from this moment on, who is there is served to the end.
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := web.Shutdown(patience); err != nil {
		return fmt.Errorf("requests were cut: %w", err)
	}
	return nil
}
