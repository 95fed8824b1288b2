package introduction

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/workertls"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func all(string) bool  { return true }
func none(string) bool { return false }

func unintroduced(id, runtime string) orchestrator.Change {
	return orchestrator.Change{Worker: faas.Worker{
		ID: id, RuntimeID: runtime, TLS: faas.TLSRequired, Unintroduced: true,
	}}
}

func mustBegin(t *testing.T, n *newWorkers, what string, want int) []faas.Worker {
	t.Helper()
	begun := n.next()
	if len(begun) != want {
		t.Fatalf("%s: %d introductions have begun, not %d", what, len(begun), want)
	}
	return begun
}

// TestImageThatDoesNotAnswer has the workers of one runtime never answer, and those of another be
// introduced all the same.
func TestImageThatDoesNotAnswer(t *testing.T) {
	n := workersOf("engine", all)
	for i := range 100 {
		n.take(unintroduced(fmt.Sprint("hangs-", i), "hangs"), start)
	}
	mustBegin(t, n, "workers that hang", perRuntime)
	for i := range 100 {
		n.take(unintroduced(fmt.Sprint("answers-", i), "answers"), start)
	}
	for introduced := 0; introduced < 100; introduced += perRuntime {
		for _, w := range mustBegin(t, n, "workers that answer", perRuntime) {
			n.end(w, nil, start)
		}
	}
	mustBegin(t, n, "workers that hang", 0)
}

func TestAtMostSoManyAtATime(t *testing.T) {
	n := workersOf("engine", all)
	for i := range 10 * parallel {
		n.take(unintroduced(fmt.Sprint("worker-", i), fmt.Sprint("runtime-", i)), start)
	}
	mustBegin(t, n, "many runtimes", parallel)
	mustBegin(t, n, "many runtimes", 0)
}

// TestOwnerIsFirst has engines leave the workers of others to these, for some seconds.
func TestOwnerIsFirst(t *testing.T) {
	n := workersOf("engine", none)
	n.take(unintroduced("worker", "runtime"), start)
	n.take(unintroduced("introduced by its owner", "runtime"), start)
	n.look(start.Add(ownerWait - 1))
	mustBegin(t, n, "another's worker", 0)
	n.take(orchestrator.Change{Worker: faas.Worker{
		ID: "introduced by its owner", RuntimeID: "runtime", TLS: faas.TLSRequired, Ready: true,
	}}, start)
	n.look(start.Add(ownerWait + ownerSpread))
	if got := mustBegin(t, n, "a worker that was left", 1); got[0].ID != "worker" {
		t.Errorf("introduced is %s", got[0].ID)
	}
}

// TestTakeover has an engine that comes to own a runtime introduce its workers with the next look.
func TestTakeover(t *testing.T) {
	owns := false
	n := workersOf("engine", func(string) bool { return owns })
	for i := range perRuntime {
		n.take(unintroduced(fmt.Sprint("worker-", i), "runtime"), start)
	}
	owns = true
	n.look(start)
	mustBegin(t, n, "after a takeover", perRuntime)
}

// TestFailures counts the attempts that a worker costs which cannot be introduced, until it is
// replaced: by its owner, and only if it is to blame.
func TestFailures(t *testing.T) {
	refuses, away := errors.New("refused"), fmt.Errorf("review: %w", workertls.ErrNoVouching)
	for name, try := range map[string]struct {
		err  error
		owns func(string) bool
		ends bool
	}{
		"refuses": {refuses, all, true}, "refuses another's engine": {refuses, none, false},
		"Kubernetes is away": {away, all, false},
		"not recorded":       {faas.Errorf(faas.Unavailable, "Kubernetes cannot be reached."), all, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := workersOf("engine", try.owns)
			n.take(unintroduced("worker", "runtime"), start)
			now, attempts, hopeless := start, 0, false
			for ; !hopeless && now.Before(start.Add(time.Hour)); now = now.Add(lookPause) {
				n.look(now)
				for _, w := range n.next() {
					attempts++
					hopeless = n.end(w, try.err, now)
				}
			}
			took := now.Sub(start)
			if hopeless != try.ends || attempts < 10 || attempts > 80 {
				t.Errorf("replaced: %v, after %d attempts in %s", hopeless, attempts, took)
			}
			if hopeless && (attempts != hopelessAfter || took < time.Minute || took > 4*time.Minute) {
				t.Errorf("replaced after %d attempts in %s", attempts, took)
			}
		})
	}
}

// TestManyThatFail bounds how many are tried again in a second.
func TestManyThatFail(t *testing.T) {
	n := workersOf("engine", all)
	const workers = 1000
	for i := range workers {
		n.take(unintroduced(fmt.Sprint("worker-", i), "runtime"), start)
	}
	attempt := func(now time.Time) (attempts int) {
		for begun := n.next(); len(begun) > 0; begun = n.next() {
			attempts += len(begun)
			for _, w := range begun {
				n.end(w, workertls.ErrMayNotVouch, now)
			}
		}
		return attempts
	}
	if first := attempt(start); first != workers {
		t.Fatalf("%d first attempts", first)
	}
	again := 0
	for now := start; now.Before(start.Add(10 * time.Minute)); now = now.Add(lookPause) {
		n.look(now)
		again += attempt(now)
	}
	if most := int(10 * time.Minute / lookPause * retriesPerLook); again < most/2 || again > most {
		t.Errorf("%d further attempts, not %d", again, most)
	}
}

// TestWorkerThatEndsMeanwhile leaves nothing behind.
func TestWorkerThatEndsMeanwhile(t *testing.T) {
	n := workersOf("engine", all)
	for i, end := range []func(faas.Worker){
		func(w faas.Worker) {
			n.take(orchestrator.Change{Worker: w, Gone: true}, start)
			n.end(w, errors.New("gone"), start)
		},
		func(w faas.Worker) { n.end(w, nil, start) },
		func(w faas.Worker) {
			w.Key.FunctionID = "function" // claimed by an engine of the release before
			n.take(orchestrator.Change{Worker: w}, start)
			n.end(w, nil, start)
		},
	} {
		n.take(unintroduced("worker", "runtime"), start)
		end(mustBegin(t, n, fmt.Sprint(i), 1)[0])
		if len(n.of) > 0 || len(n.queue) > 0 || len(n.underWay) > 0 || n.all != 0 {
			t.Errorf("%d: left are %v, %v, %v and %d", i, n.of, n.queue, n.underWay, n.all)
		}
	}
}
