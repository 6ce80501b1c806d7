// Asks a weft-control's webhook as an API server does, over HTTPS, and applies what it answers with
// the JSON Patch library that the API server itself uses.
//
//	admission ADDRESS CA PODS    PODS: a line of JSON each, {"name":…, "pod":{…}}
//
// Prints a line of JSON for each pod, for each bad review, and for each burst of reviews at once.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

const (
	serverName = "weft-control.weft-system.svc"
	atOnce     = 50
	rounds     = 7
)

type response struct {
	UID       string            `json:"uid"`
	Allowed   bool              `json:"allowed"`
	PatchType string            `json:"patchType"`
	Patch     []byte            `json:"patch"`
	Warnings  []string          `json:"warnings"`
	Audit     map[string]string `json:"auditAnnotations"`
	Status    struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Response   *response `json:"response"`
}

type webhook struct {
	client *http.Client
	url    string
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func say(what string, value any) {
	line, err := json.Marshal(map[string]any{what: value})
	must(err)
	fmt.Println(string(line))
}

// One connection for all (HTTP/2, as the API server has it), or one for each (HTTP/1.1).
func newWebhook(address, ca string, http2 bool) *webhook {
	pem, err := os.ReadFile(ca)
	must(err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		must(fmt.Errorf("%s holds no certificate", ca))
	}
	config := &tls.Config{RootCAs: roots, ServerName: serverName, MinVersion: tls.VersionTLS12}
	transport := &http.Transport{
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   http2,
		MaxIdleConnsPerHost: atOnce,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &webhook{&http.Client{Transport: transport, Timeout: 10 * time.Second}, "https://" + address + "/inject"}
}

func (w *webhook) post(body []byte) (*review, string, error) {
	request, err := http.NewRequest(http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	request.Host = serverName
	request.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, "", err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, answer.Proto, fmt.Errorf("status %d: %.200s", answer.StatusCode, text)
	}
	var out review
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, answer.Proto, err
	}
	if out.APIVersion != "admission.k8s.io/v1" || out.Kind != "AdmissionReview" || out.Response == nil {
		return nil, answer.Proto, fmt.Errorf("no v1 review: %.200s", text)
	}
	return &out, answer.Proto, nil
}

func reviewOf(uid string, pod json.RawMessage) []byte {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1",
		"kind":       "AdmissionReview",
		"request": map[string]any{
			"uid":       uid,
			"kind":      map[string]string{"group": "", "version": "v1", "kind": "Pod"},
			"resource":  map[string]string{"group": "", "version": "v1", "resource": "pods"},
			"namespace": "shop",
			"operation": "CREATE",
			"dryRun":    false,
			"userInfo":  map[string]any{"username": "system:serviceaccount:kube-system:replicaset-controller"},
			"object":    pod,
		},
	})
	must(err)
	return body
}

type pod struct {
	Name string          `json:"name"`
	Pod  json.RawMessage `json:"pod"`
}

type verdict struct {
	Name    string          `json:"name"`
	Error   string          `json:"error,omitempty"`
	Allowed bool            `json:"allowed"`
	Message string          `json:"message,omitempty"`
	Ops     int             `json:"ops"`
	After   json.RawMessage `json:"after,omitempty"`
	Again   int             `json:"again"` // operations when the patched pod is asked about
}

// One pod: asked about, patched, and asked about again.
func judge(w *webhook, one pod) (out verdict) {
	out.Name = one.Name
	uid := "uid-" + one.Name
	answer, _, err := w.post(reviewOf(uid, one.Pod))
	if err != nil {
		out.Error = err.Error()
		return
	}
	out.Allowed, out.Message = answer.Response.Allowed, answer.Response.Status.Message
	if answer.Response.UID != uid {
		out.Error = "the uid came back as " + answer.Response.UID
		return
	}
	if len(answer.Response.Patch) == 0 {
		return
	}
	if answer.Response.PatchType != "JSONPatch" {
		out.Error = "a patch of type " + answer.Response.PatchType
		return
	}
	patch, err := jsonpatch.DecodePatch(answer.Response.Patch)
	if err != nil {
		out.Error = "the patch cannot be read: " + err.Error()
		return
	}
	out.Ops = len(patch)
	after, err := patch.Apply(one.Pod)
	if err != nil {
		out.Error = "the patch cannot be applied: " + err.Error()
		return
	}
	out.After = after
	again, _, err := w.post(reviewOf(uid, after))
	if err != nil {
		out.Error = "asked again: " + err.Error()
		return
	}
	if len(again.Response.Patch) > 0 {
		patch, err = jsonpatch.DecodePatch(again.Response.Patch)
		must(err)
		out.Again = len(patch)
	}
	return
}

type burst struct {
	Protocol string    `json:"protocol"`
	Cold     float64   `json:"cold_ms"`    // the slowest of the first round, with the handshakes
	Slowest  []float64 `json:"slowest_ms"` // of each round after it
	Median   []float64 `json:"median_ms"`
	Failed   int       `json:"failed"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// All bodies at once; how long each took.
func round(w *webhook, bodies [][]byte, out *burst) []time.Duration {
	times := make([]time.Duration, atOnce)
	var ready, done sync.WaitGroup
	var lock sync.Mutex
	begin := make(chan struct{})
	for i := 0; i < atOnce; i++ {
		ready.Add(1)
		done.Add(1)
		go func(i int) {
			defer done.Done()
			ready.Done()
			<-begin
			start := time.Now()
			answer, protocol, err := w.post(bodies[i])
			times[i] = time.Since(start)
			lock.Lock()
			defer lock.Unlock()
			out.Protocol = protocol
			if err != nil || len(answer.Response.Patch) == 0 {
				out.Failed++
			}
		}(i)
	}
	ready.Wait()
	close(begin)
	done.Wait()
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	return times
}

func fire(w *webhook, pods []pod) burst {
	bodies := make([][]byte, atOnce)
	for i := range bodies {
		bodies[i] = reviewOf(fmt.Sprintf("uid-%d", i), pods[i%len(pods)].Pod)
	}
	var out burst
	first := round(w, bodies, &out)
	out.Cold = ms(first[atOnce-1])
	for i := 0; i < rounds; i++ {
		times := round(w, bodies, &out)
		out.Slowest = append(out.Slowest, ms(times[atOnce-1]))
		out.Median = append(out.Median, ms(times[atOnce/2]))
	}
	return out
}

// Reviews that an API server would not send.
func bad() map[string]string {
	head := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":`
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	giant := strings.Repeat("x", 3<<20)
	return map[string]string{
		"nothing":          "",
		"no JSON":          "apiVersion: v1",
		"a list":           "[]",
		"half a review":    head + `{"uid":"u"`,
		"v1beta1":          strings.Replace(head, "/v1", "/v1beta1", 1) + `{"uid":"u"}}`,
		"no request":       head + "null}",
		"no uid":           head + `{"kind":{"kind":"Pod"},"operation":"CREATE","object":{}}}`,
		"no object":        head + `{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE"}}`,
		"a pod of text":    head + `{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE","object":"pod"}}`,
		"containers a map": head + `{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE","object":{"spec":{"containers":{}}}}}`,
		"nested deeply":    head + `{"uid":"u","object":` + deep + "}}",
		"a giant text":     head + `{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE","object":{"spec":"` + giant + `"}}}`,
		"invalid UTF-8":    head + "{\"uid\":\"\xff\"}}",
	}
}

type refusal struct {
	Name    string `json:"name"`
	Error   string `json:"error,omitempty"`
	Allowed bool   `json:"allowed"`
	Message string `json:"message"`
}

func main() {
	if len(os.Args) != 4 {
		must(fmt.Errorf("usage: admission ADDRESS CA PODS"))
	}
	file, err := os.Open(os.Args[3])
	must(err)
	defer file.Close()
	w := newWebhook(os.Args[1], os.Args[2], true)
	var patched []pod
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one pod
		must(json.Unmarshal(lines.Bytes(), &one))
		out := judge(w, one)
		if out.Error == "" && out.Ops > 0 {
			patched = append(patched, one)
		}
		say("pod", out)
	}
	must(lines.Err())
	for name, body := range bad() {
		out := refusal{Name: name}
		if answer, _, err := w.post([]byte(body)); err != nil {
			out.Error = err.Error()
		} else {
			out.Allowed, out.Message = answer.Response.Allowed, answer.Response.Status.Message
		}
		say("refusal", out)
	}
	if len(patched) == 0 {
		must(fmt.Errorf("no pod was patched"))
	}
	say("burst", fire(w, patched))
	say("burst", fire(newWebhook(os.Args[1], os.Args[2], false), patched))
	say("done", true)
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it has read that
}
