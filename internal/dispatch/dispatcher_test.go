package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTarget = faas.Target{Key: faas.Key{FunctionID: "f", Revision: 2}, ProjectID: "p"}

// supply hands out workers in order, and Busy when none is left.
type supply struct {
	mu      sync.Mutex
	workers []faas.Worker
	err     error
	asked   int
}

func (s *supply) acquire(_ context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	for i, w := range s.workers {
		if !slices.Contains(req.Known, w.ID) {
			s.workers = slices.Delete(s.workers, i, i+1)
			return w, nil
		}
	}
	if s.err != nil {
		return faas.Worker{}, s.err
	}
	return faas.Worker{}, faas.Errorf(faas.Busy, "no worker is left")
}

func newDispatcher(t *testing.T, s *supply, wait time.Duration, perProject int) *Dispatcher {
	t.Helper()
	d := New(Config{
		Client:  NewClient(func(string) string { return testToken }),
		Acquire: s.acquire, Wait: wait, PerProject: perProject, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(d.Close)
	return d
}

func begin(context.Context) error { return nil }

func aCall(n string) faas.Call {
	return faas.Call{
		ExecutionID: n,
		Key:         testTarget.Key,
		Input:       json.RawMessage(`{"n":"` + n + `"}`),
		Timeout:     time.Minute,
	}
}

func TestCallRunsOnAnAcquiredWorker(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	s := &supply{workers: []faas.Worker{a.worker}}
	d := newDispatcher(t, s, time.Minute, 10)
	for range 5 {
		o, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
		if err != nil || string(o.Output) != `{"n":"1"}` {
			t.Fatalf("got %s, %v", o.Output, err)
		}
	}
	if s.asked != 1 {
		t.Errorf("asked for %d workers, want one for calls in a row", s.asked)
	}
}

// TestGrowsByConcurrency holds six calls: three fit one worker, so a second is asked for, and no
// third.
func TestGrowsByConcurrency(t *testing.T) {
	var running sync.WaitGroup
	running.Add(6)
	hold := func(w http.ResponseWriter, call faas.Call) {
		running.Done()
		running.Wait() // answers once all six run
		succeed(w, call)
	}
	a, b, c := newAgent(t, testTarget.Key, hold), newAgent(t, testTarget.Key, hold), newAgent(t, testTarget.Key, hold)
	s := &supply{workers: []faas.Worker{a.worker, b.worker, c.worker}}
	d := newDispatcher(t, s, time.Minute, 10)
	var calls sync.WaitGroup
	for range 6 {
		calls.Go(func() {
			if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if a.calls.Load()+b.calls.Load()+c.calls.Load() != 6 ||
		c.calls.Load() != 0 && a.calls.Load() != 0 && b.calls.Load() != 0 {
		t.Errorf(
			"the workers ran %d, %d and %d calls, want three on each of two", a.calls.Load(), b.calls.Load(),
			c.calls.Load(),
		)
	}
}

// TestGrowsPastAWorkerGivenTwice has two acquisitions under way that are both given the first
// worker, as happens when it is specialised between them. The calls that it has no slots for have a
// second one asked for all the same.
func TestGrowsPastAWorkerGivenTwice(t *testing.T) {
	var running sync.WaitGroup
	running.Add(6)
	hold := func(w http.ResponseWriter, call faas.Call) {
		running.Done()
		running.Wait() // answers once all six run
		succeed(w, call)
	}
	a, b := newAgent(t, testTarget.Key, hold), newAgent(t, testTarget.Key, hold)
	var asked atomic.Int64
	allWait := make(chan struct{}) // six calls
	d := New(Config{
		Client: NewClient(
			func(string) string { return testToken },
		), Wait: time.Minute, PerProject: 10, Log: slog.New(slog.DiscardHandler),
		Acquire: func(_ context.Context, r faas.AcquireRequest) (faas.Worker, error) {
			<-allWait
			if asked.Add(1) == 2 {
				for a.calls.Load() < 3 { // it is there, and full
					runtime.Gosched()
				}
				return a.worker, nil
			}
			if slices.Contains(r.Known, a.worker.ID) {
				return b.worker, nil
			}
			return a.worker, nil
		},
	})
	t.Cleanup(d.Close)
	go func() {
		defer close(allWait)
		for waiting := 0; waiting < 6; runtime.Gosched() {
			d.mu.Lock()
			waiting = d.waiting[testTarget.ProjectID]
			d.mu.Unlock()
		}
	}()
	var calls sync.WaitGroup
	for range 6 {
		calls.Go(func() {
			if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if a.calls.Load() != 3 || b.calls.Load() != 3 {
		t.Errorf(
			"the workers ran %d and %d calls, having been asked for %d times", a.calls.Load(), b.calls.Load(),
			asked.Load(),
		)
	}
}

func TestRefusedCallGoesElsewhere(t *testing.T) {
	for _, why := range []string{faas.RefusedBusy, faas.RefusedDraining, faas.RefusedNotMine} {
		t.Run(why, func(t *testing.T) {
			first := newAgent(t, testTarget.Key, func(w http.ResponseWriter, _ faas.Call) { refuse(w, why) })
			second := newAgent(t, testTarget.Key, succeed)
			d := newDispatcher(t, &supply{workers: []faas.Worker{first.worker, second.worker}}, time.Minute, 10)
			begun := 0
			_, err := d.Call(t.Context(), testTarget, aCall("1"), func(context.Context) error { begun++; return nil })
			if err != nil || begun != 1 || second.calls.Load() != 1 {
				t.Errorf("error %v, begun %d times, ran %d times on the second", err, begun, second.calls.Load())
			}
			// be it as busy, or as lost
			if known := d.groups[testTarget.Key].request().Known; !slices.Contains(known, first.worker.ID) {
				t.Errorf("%v are known: the first may be handed out again", known)
			}
		})
	}
}

func TestWorkerOutOfReachIsReplaced(t *testing.T) {
	gone := newAgent(t, testTarget.Key, succeed)
	gone.server.Close()
	there := newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{gone.worker, there.worker}}, time.Minute, 10)
	if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
		t.Error(err)
	}
}

// TestIdleConnectionThatWasClosed is a worker that went away between two calls: the second is not
// lost in its connection.
func TestIdleConnectionThatWasClosed(t *testing.T) {
	first, second := newAgent(t, testTarget.Key, succeed), newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{first.worker, second.worker}}, time.Minute, 10)
	if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
		t.Fatal(err)
	}
	first.server.Close()
	if _, err := d.Call(t.Context(), testTarget, aCall("2"), begin); err != nil {
		t.Error(err)
	}
}

func TestCallThatMayHaveStartedIsNotSentTwice(t *testing.T) {
	first, second := newAgent(t, testTarget.Key, cut), newAgent(t, testTarget.Key, cut)
	d := newDispatcher(t, &supply{workers: []faas.Worker{first.worker, second.worker}}, time.Minute, 10)
	_, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
	if faas.KindOf(err) != faas.Internal || first.calls.Load()+second.calls.Load() != 1 {
		t.Errorf("error %v after %d calls, want one call and an internal error", err, first.calls.Load()+second.calls.Load())
	}
}

func TestFailedBeginSendsNothing(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 10)
	taken := errors.New("taken")
	for range 4 { // more than there are slots: each frees its slot
		if _, err := d.Call(t.Context(), testTarget, aCall("1"), func(context.Context) error { return taken }); !errors.Is(
			err, taken,
		) {
			t.Fatal(err)
		}
	}
	if a.calls.Load() != 0 {
		t.Errorf("%d calls were sent", a.calls.Load())
	}
}

// In a bubble of synctest time moves only when all wait, so these need no patience and cannot be
// early.

func TestNoRoomInTimeIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &supply{}
		d := newDispatcher(t, s, 10*time.Second, 10)
		defer d.Close()
		begun := time.Now()
		_, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
		var e *faas.Error
		if !errors.As(err, &e) || e.Kind != faas.Busy || e.RetryAfter <= 0 {
			t.Errorf("got %v, want busy and when to come again", err)
		}
		if waited := time.Since(begun); waited != 10*time.Second {
			t.Errorf("waited %v", waited)
		}
		if s.asked < 5 || s.asked > 50 {
			t.Errorf("asked %d times in ten seconds: neither once nor a storm was expected", s.asked)
		}
	})
}

func TestQueueOfAProjectIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDispatcher(t, &supply{}, time.Minute, 2)
		defer d.Close()
		refused := make(chan error, 5)
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				begun := time.Now()
				if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); time.Since(begun) == 0 {
					refused <- err
				}
			})
		}
		calls.Wait()
		if len(refused) != 3 || faas.KindOf(<-refused) != faas.Busy {
			t.Errorf("%d of five were refused at once, want three", len(refused))
		}
	})
}

func TestHopelessFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDispatcher(t, &supply{err: faas.Errorf(faas.Invalid, "the package is broken")}, time.Minute, 10)
		defer d.Close()
		begun := time.Now()
		_, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
		if faas.KindOf(err) != faas.Invalid || time.Since(begun) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}

// TestHopelessWithWorkers has calls wait for the workers there are while no more can be had: they
// are asked for seldom.
func TestHopelessWithWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &supply{err: faas.Errorf(faas.Internal, "the code store is broken")}
		d := newDispatcher(t, s, 10*time.Second, 100)
		defer d.Close()
		d.mu.Lock()
		g := newGroup(d, testTarget)
		d.groups[testTarget.Key] = g
		g.add(faas.Worker{ID: "full", Slots: 1, Key: testTarget.Key})
		slot := g.takeSlot()
		d.mu.Unlock()
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				begun := time.Now()
				_, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
				if waited := time.Since(begun); faas.KindOf(err) != faas.Busy || waited != 10*time.Second {
					t.Errorf("got %v after %v", err, waited)
				}
			})
		}
		calls.Wait()
		if s.asked > 50 {
			t.Errorf("asked %d times in ten seconds", s.asked)
		}
		slot.release()
		d.Forget("full")
	})
}

func TestCloseEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDispatcher(t, &supply{}, time.Minute, 10)
		ended := make(chan error)
		go func() {
			_, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
			ended <- err
		}()
		synctest.Wait()
		go d.Close()
		if err := <-ended; faas.KindOf(err) != faas.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

func TestFunctionChanged(t *testing.T) {
	old, fresh := newAgent(t, testTarget.Key, succeed), newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{old.worker, fresh.worker}}, time.Minute, 10)
	call := func() {
		t.Helper()
		if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
			t.Fatal(err)
		}
	}
	call()
	changed := func(version int, revision int64) {
		d.FunctionChanged(faas.FunctionChanged{FunctionID: "f", Version: version, Revision: revision})
	}
	changed(0, testTarget.Key.Revision)
	changed(1, 0)                         // a version of it was deleted
	changed(0, testTarget.Key.Revision-1) // news that come late
	call()
	if old.calls.Load() != 2 {
		t.Fatal("the present revision's worker was forgotten")
	}
	changed(0, testTarget.Key.Revision+1)
	call()
	if fresh.calls.Load() != 1 {
		t.Error("the old revision's worker was kept")
	}
	d.Forget(fresh.worker.ID)
	if len(d.groups) != 0 || len(d.waiting) != 0 {
		t.Errorf("%d groups and %d waiting are left", len(d.groups), len(d.waiting))
	}
}
