package cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// tell is a function that tells the world its number, once for each time that it runs, and takes a
// moment for it.
const tell = `
import time, urllib.request

def main(n, url, pause=0.0, **kwargs):
    urllib.request.urlopen(url + "/" + str(n), timeout=100).read()
    time.sleep(pause)
    return n
`

// ledger puts load on the service and remembers what it acknowledged.
type ledger struct {
	world    *world
	function string
	pause    float64 // seconds that each call takes

	mu           sync.Mutex
	next         int
	acknowledged map[string]int // the number that each execution was given
	refused      map[int]int    // answers by status; 0 for none at all
	first        error          // of those that were refused
	syncs        int
}

func newLedger(ctx context.Context, t *testing.T, c *apiclient.Client, pause float64) *ledger {
	t.Helper()
	l := &ledger{world: startWorld(t), pause: pause, acknowledged: map[string]int{}, refused: map[int]int{}}
	l.function = create(ctx, t, c, "python3", tell, apiclient.NewFunction{}).ID
	// The tests before may have emptied the pool, and a slow machine fills it slowly.
	awaitPool(ctx, t, c, "python3")
	_, err := c.Execute(ctx, l.function, true, l.input(0)) // it works before anything is broken
	must(t, err)
	return l
}

func (l *ledger) input(n int) map[string]any {
	return map[string]any{"n": n, "url": "http://" + l.world.address, "pause": l.pause}
}

// load calls from so many sides, a third of them asynchronously, until the stop that it returns is
// called. Who calls asynchronously waits as long as a call takes before the next: else more would
// be queued than workers get done.
func (l *ledger) load(ctx context.Context, c *apiclient.Client, callers int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	for caller := range callers {
		done.Go(func() {
			sync := caller%3 != 0
			for ctx.Err() == nil {
				l.ask(context.WithoutCancel(ctx), c, sync) // what was begun is waited for
				if !sync {
					<-time.After(time.Duration(l.pause * float64(time.Second)))
				}
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// refusedPause keeps callers whom nobody answers from asking as fast as they can.
const refusedPause = 20 * time.Millisecond

func (l *ledger) ask(ctx context.Context, c *apiclient.Client, sync bool) {
	l.mu.Lock()
	l.next++
	n := l.next
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, hangTimeout)
	defer cancel()
	x, err := c.Execute(ctx, l.function, sync, l.input(n))
	if err != nil {
		l.refuse(err)
		<-time.After(refusedPause)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[x.ID] = n
	if sync {
		l.syncs++
	}
}

func (l *ledger) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e *apiclient.Error
	if errors.As(err, &e) {
		l.refused[e.Status]++
	} else {
		l.refused[0]++
	}
	if l.first == nil {
		l.first = err
	}
}

// count returns how many executions have been acknowledged so far.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// more waits until so many more executions have been acknowledged.
func (l *ledger) more(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	until := l.count() + n
	await(ctx, t, fmt.Sprintf("%d more executions are acknowledged", n), func() bool { return l.count() >= until })
}

// settle waits for the end of all that was acknowledged and holds it against what ran: nothing may
// be lost or have run twice. It returns how many ended with each status.
func (l *ledger) settle(ctx context.Context, t *testing.T, c *apiclient.Client) (byStatus map[string]int) {
	t.Helper()
	byStatus = map[string]int{}
	lost, doubled := 0, 0
	l.mu.Lock()
	acknowledged := maps.Clone(l.acknowledged)
	l.mu.Unlock()
	for id, n := range acknowledged {
		x, err := c.Await(ctx, id, 50*time.Millisecond)
		if err != nil {
			lost++
			t.Errorf("lost: execution %s: %v", id, err)
			continue
		}
		byStatus[x.Status]++
		if !l.right(x, l.world.times(n)) {
			lost++
			t.Errorf(
				"execution %s (sync %v) ran %d times and its record says %s %s", id, x.Sync, l.world.times(n), x.Status,
				x.Result,
			)
		}
	}
	l.world.mu.Lock()
	for n, times := range l.world.ran {
		if times > 1 {
			doubled++
			t.Errorf("number %d ran %d times", n, times)
		}
	}
	l.world.mu.Unlock()
	t.Logf(
		"acknowledged %d (%d synchronous): %v; lost %d, doubled %d; refused %v, the first: %v", len(acknowledged),
		l.syncs, byStatus, lost, doubled, l.refused, l.first,
	)
	if len(acknowledged) < 20 {
		t.Errorf("only %d executions were acknowledged: the load proves too little", len(acknowledged))
	}
	return byStatus
}

// allSucceeded settles, and fails the test if a request was refused or an execution did not
// succeed.
func (l *ledger) allSucceeded(ctx context.Context, t *testing.T, c *apiclient.Client) {
	t.Helper()
	for status, n := range l.settle(ctx, t, c) {
		if status != "success" {
			t.Errorf("%d executions ended with %s", n, status)
		}
	}
	l.onlyRefusedWith(t)
}

// right reports whether the record and the runs of one execution agree: success ran once, and only
// a record that says so leaves it open.
func (l *ledger) right(x apiclient.Execution, times int) bool {
	switch x.Status {
	case "success":
		return times == 1
	case "error":
		return times <= 1 && strings.Contains(x.Result, "may have run")
	}
	return false
}

// onlyRefusedWith fails the test if a request was refused with another status than these.
func (l *ledger) onlyRefusedWith(t *testing.T, statuses ...int) {
	t.Helper()
	for status, n := range l.refused {
		allowed := false
		for _, s := range statuses {
			allowed = allowed || s == status
		}
		if !allowed {
			t.Errorf("%d requests were answered with %d %s: %v", n, status, http.StatusText(status), l.first)
		}
	}
}
