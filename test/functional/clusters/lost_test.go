package clusters

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// load calls functions until it is stopped, each by one caller, and keeps what became of the calls.
type load struct {
	s    *service
	of   int // functions
	stop context.CancelFunc
	wait sync.WaitGroup

	mu       sync.Mutex
	calls    int
	failures []failure
	row      map[string]int // by function: how many calls in a row have succeeded
}

type failure struct {
	at  time.Time
	err error
}

func (s *service) load(functions []string) *load {
	ctx, cancel := context.WithCancel(s.ctx)
	l := &load{s: s, of: len(functions), stop: cancel, row: map[string]int{}}
	for _, f := range functions {
		l.wait.Go(func() {
			for ctx.Err() == nil {
				err := s.call(ctx, f)
				if ctx.Err() == nil {
					l.record(f, err)
				}
			}
		})
	}
	return l
}

func (l *load) record(function string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if err != nil {
		l.failures = append(l.failures, failure{time.Now(), err})
		l.row[function] = 0
		return
	}
	l.row[function]++
}

// again waits until each function has succeeded so often from now on, without a failure between.
func (l *load) again(times int) {
	l.s.Helper()
	l.mu.Lock()
	clear(l.row)
	l.mu.Unlock()
	l.s.await("calls succeed", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		done := 0
		for _, n := range l.row {
			if n >= times {
				done++
			}
		}
		return done == l.of
	})
}

// TestClusters is one test, because two clusters take a while to start.
func TestClusters(t *testing.T) {
	s := newService(t)
	s.placed(t)
	s.withoutPower(t)
}

// placed puts a runtime where a label is, then where another is, then where none is.
func (s *service) placed(t *testing.T) {
	placement := func(zone string) map[string]any {
		return map[string]any{"image": "docker.io/faas-mini/nodejs:dev", "placement": map[string]string{"zone": zone}}
	}
	id := s.runtime(placement("away"))
	count := func() string {
		pods, of := s.pods(), [2]int{}
		for i := range pods {
			for _, p := range pods[i] {
				if p.Metadata.Labels["faas.openstack.org/runtime-id"] == id {
					of[i]++
				}
			}
		}
		return fmt.Sprint(of)
	}
	s.await("all workers are away", func() bool { return count() == "[0 4]" })
	home := map[string]any{"placement": map[string]string{"zone": "home"}}
	s.must(s.client.Do(s.ctx, "PUT", "/v1/runtimes/"+id, home, nil))
	s.await("all workers are at home", func() bool { return count() == "[4 0]" })
	reason := s.settled(s.made(placement("nowhere")))
	if !strings.Contains(reason, "has the labels zone=nowhere") {
		t.Errorf("a runtime whose labels no cluster has: %q", reason)
	}
	s.must(s.client.Do(s.ctx, "DELETE", "/v1/runtimes/"+id, nil, nil))
	s.await("its workers are gone", func() bool { return count() == "[0 0]" })
}

// withoutPower takes the power from one of two clusters under load: calls go on in the other, and
// the cluster is used again when it is back.
func (s *service) withoutPower(t *testing.T) {
	runtime := s.runtime(map[string]any{"name": "python3", "image": "docker.io/faas-mini/python3:dev"})
	s.await("both clusters have their part of the pool", func() bool {
		pods := s.pods()
		return generic(pods[0]) == 2 && generic(pods[1]) == 2
	})
	var functions []string
	in := func(pods []pod) bool { // has workers of these functions
		return slices.ContainsFunc(pods, func(p pod) bool { return slices.Contains(functions, p.function()) })
	}
	for len(functions) < 4 || !in(s.pods()[0]) || !in(s.pods()[1]) {
		functions = append(functions, s.function(runtime))
		s.must(s.call(s.ctx, functions[len(functions)-1]))
	}
	l := s.load(functions)
	l.again(5)
	l.mu.Lock()
	if len(l.failures) > 0 {
		t.Errorf("before anything was done %d of %d calls failed: %v", len(l.failures), l.calls, l.failures[0].err)
	}
	before := l.calls
	l.mu.Unlock()
	killed := time.Now()
	s.mini("node", "kill", node)
	l.again(10)
	whole := time.Since(killed)
	l.mu.Lock()
	last, failed := time.Duration(0), len(l.failures)
	if failed > 0 {
		last = l.failures[failed-1].at.Sub(killed)
	}
	t.Logf("%d functions, a caller each; a cluster lost its power: %d calls failed, the last after %s; "+
		"each function had succeeded 10 times in a row after %s; %d calls meanwhile",
		len(functions), failed, last.Round(100*time.Millisecond), whole.Round(100*time.Millisecond), l.calls-before)
	for _, f := range l.failures {
		t.Logf("failed after %s: %.200v", f.at.Sub(killed).Round(100*time.Millisecond), f.err)
	}
	l.mu.Unlock()
	if failed > 2*len(functions) {
		t.Errorf("more calls failed than were under way twice over")
	}

	s.mini("node", "up", node)
	back := time.Now()
	s.await("the cluster has a part of the pool again", func() bool { return generic(s.pods()[1]) >= 2 })
	old := len(functions)
	functions = functions[old:old]
	for !in(s.pods()[1]) {
		functions = append(functions, s.function(runtime))
		s.must(s.call(s.ctx, functions[len(functions)-1]))
	}
	t.Logf("it is used again after %s", time.Since(back).Round(100*time.Millisecond))
	l.stop()
	l.wait.Wait()
	if late := len(l.failures) - failed; late > 0 {
		t.Errorf("%d calls failed while the cluster came back: %v", late, l.failures[failed].err)
	}
}
