package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// nothingIsHeld waits until no request holds memory.
func (s *service) nothingIsHeld() {
	s.t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		s.api.router.admission.memory.mu.Lock()
		used, held := s.api.router.admission.memory.used, len(s.api.router.admission.memory.projects)
		s.api.router.admission.memory.mu.Unlock()
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

func TestMemoryIsSharedByProjects(t *testing.T) {
	const unit = 1 << 20
	m := newMemory(1000 * unit)
	is := func(err error, want faas.Kind) {
		t.Helper()
		if faas.KindOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	one, err := m.enter("one", 400*unit)
	is(err, "")
	is(one.bring(200*unit), "") // four fifths of the 750 that may be brought
	is(one.bring(unit), faas.Busy)
	is(one.bring(requestCost), "") // a small one has room
	two, err := m.enter("two", 149*unit)
	is(err, "")
	three, err := m.enter("three", unit)
	is(err, faas.Unavailable)
	three.release()
	two.release()
	three, err = m.enter("three", unit)
	is(err, "")

	if !two.take(200*unit) || !three.take(190*unit) || three.take(20*unit) { // answers have the rest
		t.Error("answers have more or less room than there is")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	order := make(chan string, 10)
	begin := func(ctx context.Context, g *grant, name string, bytes int64) {
		n := m.queued()
		waiting.Go(func() {
			if err := g.await(ctx, bytes); err != nil {
				name += " gave up"
			}
			order <- name
		})
		m.awaitQueued(t, n+1)
	}
	begin(ctx, one, "first of one", 240*unit)
	begin(t.Context(), one, "second of one", 100*unit)
	begin(t.Context(), one, "third of one", 30*unit)
	begin(t.Context(), two, "of two", 180*unit) // it holds less than one does, so it comes before
	if _, err := m.enter("four", unit); err != nil {
		t.Errorf("who waits for an answer keeps others from entering: %v", err)
	}
	cancel()
	if got := <-order; got != "first of one gave up" {
		t.Errorf("%s came first", got)
	}
	three.release()
	if got := <-order; got != "of two" {
		t.Errorf("%s came second", got)
	}
	two.release()
	if got := []string{<-order, <-order}; !slices.Contains(got, "second of one") || !slices.Contains(got, "third of one") {
		t.Errorf("%s came last", got)
	}
	waiting.Wait()
	one.giveBack(1000 * unit) // no more than was taken
	if one.held() != 600*unit+requestCost {
		t.Errorf("%d bytes are left of what was brought", one.held())
	}
	one.release()
	one.release()                                                    // it is over for good
	if m.used != unit || m.brought != unit || len(m.projects) != 1 { // of four
		t.Errorf("%d bytes are held by %v", m.used, m.projects)
	}
	var none *grant
	is(none.bring(1<<40), "")
	is(none.await(t.Context(), 1<<40), "")
	none.release()
}

// awaitQueued waits until so many wait.
func (m *memory) awaitQueued(t *testing.T, n int) {
	t.Helper()
	for late := time.Now().Add(time.Minute); m.queued() != n; {
		if time.Now().After(late) {
			t.Fatalf("%d wait, want %d", m.queued(), n)
		}
	}
}

func (m *memory) queued() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, p := range m.projects {
		n += p.waiting.Len()
	}
	return n
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
	post := func() reply { return s.send(request{method: "POST", path: "/v1/executions", body: body}) }
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
	if other := s.send(request{method: "GET", path: "/v1/functions", identity: "p-two member"}); other.status != 200 {
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
	full, err := s.api.router.admission.memory.enter("p-two", 1)
	s.must(err)
	waits := make(chan error, 10)
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		if err := begin(ctx); err != nil {
			return faas.Outcome{}, err
		}
		for range 3 { // of others
			s.must(full.await(t.Context(), 8<<20))
		}
		s.must(full.await(t.Context(), 7<<20)) // a megabyte is left, a result counts for six times its bytes
		err := AwaitResult(ctx, 1<<20)         // as dispatch's client does
		waits <- err
		return faas.Outcome{Status: faas.ExecutionSuccess, Output: []byte("1")}, err
	})
	answered := make(chan reply, 1)
	go func() {
		answered <- s.send(request{method: "POST", path: "/v1/executions", body: `{"function_id": "` + function + `"}`})
	}()
	s.api.router.admission.memory.awaitQueued(t, 1)
	select {
	case err := <-waits:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	full.release()
	s.must(await(t, waits))
	if r := await(t, answered); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.nothingIsHeld()
}
