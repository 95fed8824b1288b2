package cloud

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// gate is a host outside the cloud that keeps functions waiting until it is opened, so that a test
// knows how many run at once without knowing how fast the machine is.
type gate struct {
	url    string // a function that asks for url/NAME waits, as one that runs on the host NAME
	opened chan struct{}
	open   func() // answers all who wait and all who come

	mu     sync.Mutex
	byHost map[string]int // calls that wait or have waited
}

func startGate(t *testing.T) *gate {
	t.Helper()
	listener := listenInWorld(t)
	g := &gate{url: "http://" + listener.Addr().String(), opened: make(chan struct{}), byHost: map[string]int{}}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	server := &http.Server{Handler: g, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return g
}

// ServeHTTP counts the call and answers when the gate is opened.
func (g *gate) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.byHost[strings.TrimPrefix(r.URL.Path, "/")]++
	g.mu.Unlock()
	select {
	case <-g.opened:
	case <-r.Context().Done():
	}
}

// count returns how many calls have come.
func (g *gate) count() (n int) {
	for _, calls := range g.hosts() {
		n += calls
	}
	return n
}

// hosts returns how many calls came from each host.
func (g *gate) hosts() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.byHost)
}

// call executes n times at once; each is to succeed. The test's end opens the gate if the test has
// not.
func (g *gate) call(
	ctx context.Context, t *testing.T, n int, execute func() (apiclient.Execution, error),
) *sync.WaitGroup {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			x, err := execute()
			if err != nil || x.Status != "success" {
				t.Errorf("%s %s %v", x.Status, x.Result, err)
			}
		})
	}
	t.Cleanup(func() { g.open(); group.Wait() })
	return &group
}
