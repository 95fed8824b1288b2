package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

const (
	peakAgent    = "FAAS_TEST_PEAK_AGENT"    // where the child's workers answer
	peakDatabase = "FAAS_TEST_PEAK_DATABASE" // the child's
	// manifestLimit is the memory limit of an API in deploy/kubernetes/base/api.yaml, and goLimit
	// its GOMEMLIMIT.
	manifestLimit = 512 << 20
	goLimit       = "461MiB"
)

// TestPeakMemory has an API be asked, all at once, for all that takes memory: calls with large
// inputs and results, lists of long texts that nobody reads, and large records. The API is a
// process of its own, built without the race detector, which takes memory of its own. It stays
// within its manifest's limit, and goes on.
func TestPeakMemory(t *testing.T) {
	child := buildPeakServer(t)
	agent := httptest.NewServer(http.HandlerFunc(largeResult))
	defer agent.Close()
	server, err := testkit.StartMariaDB(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	api := startPeakServer(t, child, peakAgent+"="+agent.Listener.Addr().String(), peakDatabase+"="+server.Database(t))
	body := `{"function_id": "` + api.function + `", "input": "` + strings.Repeat("x", 1<<20-1) + `"}`
	counts := api.load(t, map[string]func(context.Context) (*http.Request, error){
		"call": func(ctx context.Context) (*http.Request, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, api.url+"/v1/executions", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			return r, err
		},
		"list": func(ctx context.Context) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, api.url+"/v1/executions?sort_keys=id", nil)
		},
		"show": func(ctx context.Context) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, api.url+"/v1/executions/"+api.execution, nil)
		},
	})
	peak := api.peak(t)
	t.Logf(
		"answers: %v; the API's memory was %d MiB at its peak, its limit is %d MiB", counts, peak>>20,
		manifestLimit>>20,
	)
	if peak > manifestLimit {
		t.Errorf("the API's memory was %d MiB at its peak", peak>>20)
	}
	for _, what := range []string{"call 201", "list 200", "show 200"} {
		if counts[what] == 0 {
			t.Errorf("there was no answer %s", what)
		}
	}
	for what := range counts {
		if status := what[len(what)-3:]; status != "200" && status != "201" && status != "429" && status != "503" {
			t.Errorf("there were answers %s", what)
		}
	}
}

// largeResult is an agent whose functions all return four megabytes.
func largeResult(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	out := faas.Outcome{Status: faas.ExecutionSuccess, Output: json.RawMessage(`"` + strings.Repeat("y", 4<<20-2) + `"`)}
	text, _ := json.Marshal(out)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

// buildPeakServer builds this package's tests once more, without the race detector, of what
// `make build` has compiled.
func buildPeakServer(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "api.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// peakServer is an API in a process of its own.
type peakServer struct {
	process                  *os.Process
	url, function, execution string
}

func startPeakServer(t *testing.T, file string, environ ...string) *peakServer {
	t.Helper()
	child := exec.Command(file, "-test.run", "^TestPeakServer$", "-test.timeout", "10m")
	child.Env = append(append(os.Environ(), environ...), "GOMEMLIMIT="+goLimit)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = child.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 4 && words[0] == "READY" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &peakServer{child.Process, words[1], words[2], words[3]}
		}
	}
	t.Fatalf("the API does not start: %v", lines.Err())
	return nil
}

// load sends sixty requests of each kind at once and counts the answers by kind and status. Answers
// are read to their end only when all requests have one, or are cut.
func (s *peakServer) load(t *testing.T, kinds map[string]func(context.Context) (*http.Request, error)) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var mu sync.Mutex
	counts := map[string]int{}
	var heads, all sync.WaitGroup
	for kind, request := range kinds {
		for range 60 {
			heads.Add(1)
			all.Go(func() {
				r, err := request(t.Context())
				if err != nil {
					t.Error(err)
				}
				answer, err := client.Do(r)
				heads.Done()
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					return
				}
				defer answer.Body.Close()
				mu.Lock()
				counts[fmt.Sprintf("%s %d", kind, answer.StatusCode)]++
				mu.Unlock()
				if answer.StatusCode >= 500 && answer.Header.Get("Retry-After") == "" {
					text, _ := io.ReadAll(answer.Body)
					t.Errorf("%s: %d %s", kind, answer.StatusCode, text)
				}
				if kind == "list" { // unread for a while
					select {
					case <-time.After(2 * time.Second):
					case <-t.Context().Done():
					}
				}
				_, _ = io.Copy(io.Discard, answer.Body)
			})
		}
	}
	heads.Wait()
	all.Wait()
	return counts
}

// peak returns the most memory that the process has had, in bytes.
func (s *peakServer) peak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the process is gone")
	return 0
}

// TestPeakServer is the process that TestPeakMemory looks at; by itself it does nothing.
func TestPeakServer(t *testing.T) {
	address := os.Getenv(peakAgent)
	if address == "" {
		return
	}
	agents := dispatch.NewClient(func(string) string { return "token" })
	agents.Admit(request.AwaitResult)
	workers := dispatch.New(dispatch.Config{
		Client: agents, Wait: 30 * time.Second, PerProject: 1000,
		Acquire: func(_ context.Context, req faas.AcquireRequest) (faas.Worker, error) {
			return faas.Worker{ID: faas.NewID(), Address: "tcp:" + address, Slots: 200, Key: req.Target.Key, Ready: true}, nil
		},
	})
	defer workers.Close()
	s := newService(t, func(c *Config) { c.Caller = engineclient.NewCaller(c.Engines, workers.Call, 30*time.Second) })
	function := s.newFunction(s.newRuntime(), "f").ID
	record := func(input, result int) string {
		x := faas.Execution{
			ID: faas.NewID(), ProjectID: project, FunctionID: function, Lease: time.Minute, Input: strings.Repeat("x", input),
		}
		s.must(s.store.Start(t.Context(), x))
		s.must(
			s.store.Finish(t.Context(), x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: strings.Repeat("y", result)}),
		)
		return x.ID
	}
	large := record(1<<20, 4<<20)
	var rows sync.WaitGroup
	for range 8 {
		rows.Go(func() {
			for range 125 {
				record(4000, 4000)
			}
		})
	}
	rows.Wait()
	fmt.Printf("READY %s %s %s\n", s.server.URL, function, large)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has seen enough
}
