package functional

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// held is a server that keeps functions waiting until it is opened.
type held struct {
	*httptest.Server
	came chan struct{} // one for each who waits
	open func()
}

func startHeld(t *testing.T) *held {
	t.Helper()
	h := &held{came: make(chan struct{}, 10)}
	opened := make(chan struct{})
	h.open = sync.OnceFunc(func() { close(opened) })
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.came <- struct{}{}
		select {
		case <-opened:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { h.open(); h.Close() })
	return h
}

const waits = `
import urllib.request

def main(url, **kwargs):
    urllib.request.urlopen(url, timeout=600).read()
    return "done"
`

// untilHeld executes the function in both ways, and returns when both wait.
func (h *held) untilHeld(
	ctx context.Context, t *testing.T, c *apiclient.Client,
) (sync chan apiclient.Execution, async string) {
	t.Helper()
	f := python(ctx, t, c, waits)
	input := map[string]any{"url": h.URL}
	queued, err := c.Execute(ctx, f.ID, false, input)
	if err != nil {
		t.Fatal(err)
	}
	sync = make(chan apiclient.Execution, 1)
	go func() {
		x, err := c.Execute(ctx, f.ID, true, input)
		if err != nil {
			x.Result = err.Error()
		}
		sync <- x
	}()
	for range 2 {
		select {
		case <-h.came:
		case <-ctx.Done():
			t.Fatal("the functions do not run")
		}
	}
	return sync, queued.ID
}

// term asks the service to end, and returns when it takes no more requests.
func term(ctx context.Context, t *testing.T, s *apiclient.Service) {
	t.Helper()
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the service listens no more", func() bool {
		conn, err := net.Dial("tcp", s.Address()) //nolint:noctx // of this machine
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// TestCallsOutliveTheSignal has the service told to end while a caller waits and an asynchronous
// execution runs: both end as they would have.
func TestCallsOutliveTheSignal(t *testing.T) {
	ctx, dir, log := testContext(t), t.TempDir(), &logBuffer{}
	s := start(ctx, t, dir, "", log)
	h := startHeld(t)
	answer, async := h.untilHeld(ctx, t, s.Client)
	term(ctx, t, s)
	h.open()
	if x := <-answer; x.Status != "success" || string(x.Output()) != `"done"` {
		t.Errorf("the caller heard %s %s", x.Status, x.Result)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("the service did not end well: %v", err)
	}
	s = start(ctx, t, dir, "", log)
	defer stop(t, s)
	if x, err := s.Client.Execution(ctx, async); err != nil || x.Status != "success" {
		t.Errorf("the asynchronous execution: %s %s %v", x.Status, x.Result, err)
	}
}

// TestTheSecondSignalEndsAtOnce has the service told to end twice while calls run that do not end.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	ctx := testContext(t)
	s := start(ctx, t, t.TempDir(), "", &logBuffer{})
	h := startHeld(t)
	answer, _ := h.untilHeld(ctx, t, s.Client)
	term(ctx, t, s)
	if err := s.Stop(); err == nil {
		t.Error("the service ended as if nothing were left")
	}
	if x := <-answer; x.Status == "success" {
		t.Errorf("the caller heard %s", x.Result)
	}
}
