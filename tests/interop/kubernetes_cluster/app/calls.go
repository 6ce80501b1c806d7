package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const failuresKept = 20

// What came of a number of calls.
type tally struct {
	mutex    sync.Mutex
	Sent     int            `json:"sent"`
	Answered int            `json:"answered"` // with 200
	Lost     int            `json:"lost"`     // with anything else, or not at all
	Versions map[string]int `json:"versions"` // "cart v1", of the 200
	Pods     map[string]int `json:"pods"`
	Statuses map[string]int `json:"statuses"`
	Failures []string       `json:"failures"` // the first ones
	Last     *told          `json:"last,omitempty"`
	Text     string         `json:"text,omitempty"` // of the last answer that is no JSON
}

func newTally() *tally {
	return &tally{Versions: map[string]int{}, Pods: map[string]int{}, Statuses: map[string]int{}, Failures: []string{}}
}

func (t *tally) say() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (t *tally) sent() {
	t.mutex.Lock()
	t.Sent++
	t.mutex.Unlock()
}

func (t *tally) came(status int, body []byte, headers http.Header, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if err == nil {
		t.Statuses[fmt.Sprint(status)]++
		var said told
		if json.Unmarshal(body, &said) == nil && said.App != "" {
			t.Last, t.Text = &said, ""
			t.Pods[said.Pod]++
			t.Versions[said.App+" "+said.Version]++
		} else {
			t.Text = string(body)
		}
		if status == http.StatusOK {
			t.Answered++
			return
		}
		err = fmt.Errorf("%d %v %.200s", status, headers, body)
	}
	t.Lost++
	if len(t.Failures) < failuresKept {
		t.Failures = append(t.Failures, time.Now().UTC().Format("15:04:05.000 ")+err.Error())
	}
}

func ask(client *http.Client, url string, headers []string) (int, []byte, http.Header, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	for _, one := range headers {
		name, value, _ := strings.Cut(one, "=")
		if strings.EqualFold(name, "host") {
			request.Host = value
		} else {
			request.Header.Set(name, value)
		}
	}
	got, err := client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	return got.StatusCode, body, got.Header, err
}

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func plainClient(kept int) *http.Client {
	// A redirect is an answer like any other.
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: kept, MaxConnsPerHost: kept},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(arguments []string) error {
	flags := flagsOf("get")
	count := flags.Int("n", 1, "how many")
	var headers list
	flags.Var(&headers, "header", "name=value")
	_ = flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("want one URL")
	}
	client, all := plainClient(1), newTally()
	for range *count {
		all.sent()
		all.came(ask(client, flags.Arg(0), headers))
	}
	all.say()
	return nil
}

// Calls at an even pace whatever comes of them, so that a stall shows as calls that wait, not as calls that were never made.
func load(arguments []string) error {
	flags := flagsOf("load")
	rate := flags.Int("rate", 20, "calls a second to each URL")
	_ = flags.Parse(arguments)
	if flags.NArg() == 0 || *rate < 1 || *rate > 1000 {
		return flag.ErrHelp
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	all, client := newTally(), plainClient(16)
	pace, report := time.NewTicker(time.Second/time.Duration(*rate)), time.NewTicker(time.Second)
	defer pace.Stop()
	defer report.Stop()
	var under sync.WaitGroup
	for {
		select {
		case <-stop:
			under.Wait()
			all.say()
			return nil
		case <-report.C:
			all.say()
		case <-pace.C:
			for _, url := range flags.Args() {
				all.sent()
				under.Add(1)
				go func() {
					defer under.Done()
					all.came(ask(client, url, nil))
				}()
			}
		}
	}
}

func job(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("want one URL")
	}
	status, body, _, err := ask(plainClient(1), arguments[0], nil)
	if err != nil {
		return err
	}
	fmt.Printf("%d %s\n", status, body)
	if status != http.StatusOK {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
