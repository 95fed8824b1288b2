package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// nothingIsHeld waits until no request holds memory.
func (s *service) nothingIsHeld() {
	s.t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		used, held := s.api.router.admission.memory.Held()
		if used == 0 && held == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("%d bytes are held by %d projects", used, held)
		}
	}
}

// TestBodiesAreAdmittedByBytes has calls wait with large inputs until there is no room for more:
// the next is refused at once, before its body is read, while health and small calls of other
// projects go on.
func TestBodiesAreAdmittedByBytes(t *testing.T) {
	const input = 1 << 20
	s := newService(t, func(c *Config) { c.Memory = 32 << 20 })
	function := s.newFunction(s.newRuntime(), "f").ID
	entered, release := make(chan struct{}, 100), make(chan struct{})
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		entered <- struct{}{}
		<-release
		return echo(ctx, target, faas.Call{}, begin)
	})
	body := `{"function_id": "` + function + `", "input": "` + strings.Repeat("x", input-1) + `"}`
	post := func() reply { return s.send(testRequest{method: "POST", path: "/v1/executions", body: body}) }
	var calls sync.WaitGroup
	admitted := 0
	refused := make(chan reply, 1)
	for range 100 {
		answered := make(chan reply, 1)
		calls.Go(func() {
			r := post()
			answered <- r
		})
		select {
		case <-entered:
			admitted++
			continue
		case r := <-answered:
			refused <- r
		}
		break
	}
	if admitted < 2 || admitted > 8 { // 24 MiB may be brought, a body counts for four times its bytes
		t.Errorf("%d were admitted", admitted)
	}
	r := await(t, refused)
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" ||
		!strings.Contains(r.fault(), "memory") {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.do("GET", "/healthcheck", "", 200)
	if other := s.send(testRequest{method: "GET", path: "/v1/functions", identity: "p-two member"}); other.status != 200 {
		t.Errorf("another project: %d %s", other.status, other.body)
	}
	if chunked := s.chunked(body); chunked != http.StatusTooManyRequests {
		t.Errorf("a body of unknown size: %d", chunked)
	}
	close(release)
	calls.Wait()
	s.nothingIsHeld()
	if r := post(); r.status != 201 {
		t.Errorf("with room again: %d %s", r.status, r.body)
	}
	s.nothingIsHeld()
}

// chunked asks for an execution without saying how large the body is, and returns the answer's
// status.
func (s *service) chunked(body string) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(
		s.t.Context(), http.MethodPost, s.server.URL+"/v1/executions", io.MultiReader(strings.NewReader(body)),
	)
	s.must(err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestResultsWaitForRoom has results come while there is no memory for them: they are read when
// there is.
func TestResultsWaitForRoom(t *testing.T) {
	s := newService(t, func(c *Config) { c.Memory = 32 << 20 })
	function := s.newFunction(s.newRuntime(), "f").ID
	full, err := s.api.router.admission.memory.Enter("p-two", 1)
	s.must(err)
	waits := make(chan error, 10)
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		if err := begin(ctx); err != nil {
			return faas.Outcome{}, err
		}
		for range 3 { // of others
			s.must(full.Await(t.Context(), 8<<20))
		}
		s.must(full.Await(t.Context(), 7<<20)) // a megabyte is left, a result counts for six times its bytes
		err := request.AwaitResult(ctx, 1<<20) // as dispatch's client does
		waits <- err
		return faas.Outcome{Status: faas.ExecutionSuccess, Output: []byte("1")}, err
	})
	answered := make(chan reply, 1)
	go func() {
		answered <- s.send(testRequest{method: "POST", path: "/v1/executions", body: `{"function_id": "` + function + `"}`})
	}()
	for late := time.Now().Add(time.Minute); s.api.router.admission.memory.Waiting() != 1; {
		if time.Now().After(late) {
			t.Fatal("no result waits for room")
		}
	}
	select {
	case err := <-waits:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	full.Release()
	s.must(await(t, waits))
	if r := await(t, answered); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.nothingIsHeld()
}
