// otlp_receiver takes OTLP/HTTP traces as protobuf, as a collector does, and prints them as JSON: a line with the port it
// listens on, then a line for each request and for each span.
package main

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const bodyBytesMax = 16 << 20

type span struct {
	Service    string         `json:"service"`
	Scope      string         `json:"scope"`
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	ParentID   string         `json:"parent_id"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Status     string         `json:"status"`
	Flags      uint32         `json:"flags"`
	Start      uint64         `json:"start"`
	End        uint64         `json:"end"`
	Attributes map[string]any `json:"attributes"`
	Resource   map[string]any `json:"resource"`
}

type request struct {
	Target      string `json:"target"`
	ContentType string `json:"content_type"`
	Status      int    `json:"status"`
	Spans       int    `json:"spans"`
	Problem     string `json:"problem,omitempty"`
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

func attributes(pairs []*common.KeyValue) map[string]any {
	values := map[string]any{}
	for _, pair := range pairs {
		switch value := pair.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			values[pair.GetKey()] = value.StringValue
		case *common.AnyValue_IntValue:
			values[pair.GetKey()] = value.IntValue
		case *common.AnyValue_BoolValue:
			values[pair.GetKey()] = value.BoolValue
		case *common.AnyValue_DoubleValue:
			values[pair.GetKey()] = value.DoubleValue
		default:
			values[pair.GetKey()] = pair.GetValue().String()
		}
	}
	return values
}

// Spans as the collector's rules want them: ids of 16 and 8 bytes that are not zero, an end that is not before the start.
func check(s *trace.Span) error {
	zero := func(id []byte) bool {
		for _, b := range id {
			if b != 0 {
				return false
			}
		}
		return true
	}
	switch {
	case len(s.TraceId) != 16 || zero(s.TraceId):
		return fmt.Errorf("trace id %x", s.TraceId)
	case len(s.SpanId) != 8 || zero(s.SpanId):
		return fmt.Errorf("span id %x", s.SpanId)
	case len(s.ParentSpanId) != 0 && (len(s.ParentSpanId) != 8 || zero(s.ParentSpanId)):
		return fmt.Errorf("parent span id %x", s.ParentSpanId)
	case s.Name == "":
		return fmt.Errorf("span %x has no name", s.SpanId)
	case s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano:
		return fmt.Errorf("span %x goes from %d to %d", s.SpanId, s.StartTimeUnixNano, s.EndTimeUnixNano)
	}
	return nil
}

// ExportTraceServiceRequest has the wire form of TracesData (opentelemetry/proto/trace/v1/trace.proto), which needs no gRPC.
func read(r *http.Request) ([]span, int, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		return nil, http.StatusNotFound, fmt.Errorf("%s %s is not POST /v1/traces", r.Method, r.URL.Path)
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/x-protobuf" {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("content type %q", kind)
	}
	var body io.Reader = io.LimitReader(r.Body, bodyBytesMax)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, http.StatusBadRequest, err
		}
		body = io.LimitReader(unpacked, bodyBytesMax)
	}
	bytes, err := io.ReadAll(body)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	var data trace.TracesData
	if err := proto.Unmarshal(bytes, &data); err != nil {
		return nil, http.StatusBadRequest, err
	}
	if unknown := data.ProtoReflect().GetUnknown(); len(unknown) != 0 {
		return nil, http.StatusBadRequest, fmt.Errorf("%d bytes of unknown fields", len(unknown))
	}
	var spans []span
	for _, resource := range data.ResourceSpans {
		about := attributes(resource.GetResource().GetAttributes())
		service, _ := about["service.name"].(string)
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				if err := check(s); err != nil {
					return nil, http.StatusBadRequest, err
				}
				spans = append(spans, span{service, scope.GetScope().GetName(), hex.EncodeToString(s.TraceId),
					hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), s.Name,
					s.Kind.String()[len("SPAN_KIND_"):], s.GetStatus().GetCode().String()[len("STATUS_CODE_"):], s.Flags,
					s.StartTimeUnixNano, s.EndTimeUnixNano, attributes(s.Attributes), about})
			}
		}
	}
	return spans, http.StatusOK, nil
}

func serve(w http.ResponseWriter, r *http.Request) {
	spans, status, err := read(r)
	for _, s := range spans {
		tell("span", s)
	}
	told := request{Target: r.Method + " " + r.URL.Path, ContentType: r.Header.Get("Content-Type"), Status: status, Spans: len(spans)}
	if err != nil {
		told.Problem = err.Error()
	}
	tell("request", told)
	// An empty ExportTraceServiceResponse has no bytes.
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(status)
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	tell("port", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.HandlerFunc(serve)))
}
