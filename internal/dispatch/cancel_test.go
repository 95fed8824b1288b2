package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// endless is an agent whose calls end by being cancelled. It does not know them when it is asked
// for the first time.
func endless(t *testing.T, begun chan<- string) *agent {
	t.Helper()
	ends := map[string]chan struct{}{"1": make(chan struct{}), "2": make(chan struct{})}
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		begun <- call.ExecutionID
		<-ends[call.ExecutionID]
		_ = json.NewEncoder(w).Encode(faas.Outcome{
			Status: faas.ExecutionCancelled, Output: faas.TextOutput(faas.OutputCancelled), Log: "so far", Duration: time.Second,
		})
	})
	var asked atomic.Int32
	a.cancel = func(w http.ResponseWriter, c faas.Cancellation) {
		if asked.Add(1) == 1 {
			refuse(w, faas.RefusedNotMine)
			return
		}
		close(ends[c.ExecutionID])
		_, _ = w.Write([]byte("{}"))
	}
	return a
}

// called makes a call in the background.
func called(t *testing.T, d *Dispatcher, id string, begin Begin) <-chan result {
	results := make(chan result, 1)
	go func() {
		out, err := d.Call(t.Context(), testTarget, aCall(id), begin)
		results <- result{out, err}
	}()
	return results
}

type result struct {
	out faas.Outcome
	err error
}

// TestCancel has a worker end a call that it does not know yet when it is asked first.
func TestCancel(t *testing.T) {
	begun := make(chan string, 2)
	d := newDispatcher(t, &supply{workers: []faas.Worker{endless(t, begun).worker}}, time.Minute, 10)
	first, second := called(t, d, "1", begin), called(t, d, "2", begin)
	<-begun
	<-begun
	d.Cancel("another")
	for id, of := range map[string]<-chan result{"1": first, "2": second} {
		d.Cancel(id)
		got := <-of
		if got.err != nil || got.out.Status != faas.ExecutionCancelled || got.out.Log != "so far" ||
			string(got.out.Output) != `"`+faas.OutputCancelled+`"` {
			t.Errorf("got %+v", got)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if workers, used := d.countWorkers(); workers != 1 || used != 0 || len(d.underway.calls) != 0 {
		t.Errorf("%d workers, %d slots in use, %d calls", workers, used, len(d.underway.calls))
	}
}

// TestFunctionDeleted ends the calls of a function that was deleted, and none for another change.
func TestFunctionDeleted(t *testing.T) {
	begun := make(chan string, 2)
	d := newDispatcher(t, &supply{workers: []faas.Worker{endless(t, begun).worker}}, time.Minute, 10)
	first := called(t, d, "1", begin)
	<-begun
	d.FunctionChanged(faas.FunctionChanged{FunctionID: testTarget.Key.FunctionID, Revision: testTarget.Key.Revision + 1})
	d.FunctionChanged(faas.FunctionChanged{FunctionID: testTarget.Key.FunctionID, Version: 1})
	d.FunctionChanged(faas.FunctionChanged{FunctionID: "another"})
	select {
	case got := <-first:
		t.Fatalf("ended: %+v", got)
	default:
	}
	d.FunctionChanged(faas.FunctionChanged{FunctionID: testTarget.Key.FunctionID})
	if got := <-first; got.err != nil || got.out.Status != faas.ExecutionCancelled ||
		string(got.out.Output) != `"`+faas.OutputDeleted+`"` {
		t.Errorf("got %+v", got)
	}
	late := <-called(t, d, "2", begin)
	if !errors.Is(late.err, ErrCancelled) || faas.KindOf(late.err) != faas.NotFound {
		t.Errorf("a call after the end of its function: %+v", late)
	}
}

// TestVersionDeleted ends the calls of a version that was deleted, and none of another version's.
func TestVersionDeleted(t *testing.T) {
	begun := make(chan string, 2)
	d := newDispatcher(t, &supply{workers: []faas.Worker{endless(t, begun).worker}}, time.Minute, 10)
	live := called(t, d, "1", begin)
	<-begun
	first, second := testTarget, testTarget
	first.Key.Version, second.Key.Version = 1, 2
	life1, leave1 := d.underway.Enter(t.Context(), "first", first.Key)
	defer leave1()
	life2, leave2 := d.underway.Enter(t.Context(), "second", second.Key)
	defer leave2()
	d.FunctionChanged(faas.FunctionChanged{FunctionID: testTarget.Key.FunctionID, Version: 1})
	err := Cancelled(life1)
	if faas.KindOf(err) != faas.NotFound || string(CancelledOutcome(err).Output) != `"`+faas.OutputNoVersion+`"` {
		t.Errorf("the version's call: %v", err)
	}
	if err := Cancelled(life2); err != nil {
		t.Errorf("another version's: %v", err)
	}
	late, leave := d.underway.Enter(t.Context(), "late", first.Key)
	defer leave()
	if Cancelled(late) == nil {
		t.Error("a call after the end of its version goes on")
	}
	select {
	case got := <-live:
		t.Errorf("the live code's ended: %+v", got)
	default:
	}
	d.Cancel("1")
	<-live
}

// TestCancelledBeforeItIsSent cancels calls at each moment before that: no worker hears of them.
func TestCancelledBeforeItIsSent(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	s := &supply{}
	d := newDispatcher(t, s, time.Hour, 10)
	d.Cancel("early")
	never := func(context.Context) error {
		t.Error("it has begun")
		return nil
	}
	for _, of := range []<-chan result{called(t, d, "early", never), called(t, d, "waiting", never)} {
		d.Cancel("waiting") // whether it waits by now or comes later
		got := <-of
		if !errors.Is(got.err, ErrCancelled) || faas.KindOf(got.err) != faas.Conflict ||
			string(CancelledOutcome(got.err).Output) != `"`+faas.OutputCancelled+`"` {
			t.Errorf("got %+v", got)
		}
	}
	s.mu.Lock()
	s.workers = []faas.Worker{a.worker}
	s.mu.Unlock()
	got := <-called(t, d, "recorded", func(context.Context) error {
		d.Cancel("recorded")
		return nil
	})
	if !errors.Is(got.err, ErrCancelled) || a.calls.Load() != 0 {
		t.Errorf("got %+v after %d calls", got, a.calls.Load())
	}
	if got := <-called(t, d, "next", begin); got.err != nil || got.out.Status != faas.ExecutionSuccess {
		t.Errorf("the call after them: %+v", got)
	}
}

// TestCancelIsUnknownToTheWorker has an agent of before there were cancellations.
func TestCancelIsUnknownToTheWorker(t *testing.T) {
	begun, asked := make(chan string, 1), make(chan struct{})
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		begun <- call.ExecutionID
		<-asked
		succeed(w, call)
	})
	a.cancel = func(w http.ResponseWriter, _ faas.Cancellation) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"refused": "unknown"}`))
		close(asked) // a second time would panic
	}
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 10)
	call := called(t, d, "1", begin)
	<-begun
	d.Cancel("1")
	if got := <-call; got.err != nil || got.out.Status != faas.ExecutionSuccess {
		t.Errorf("got %+v", got)
	}
}

// TestUnderwayForgets bounds what is remembered.
func TestUnderwayForgets(t *testing.T) {
	u := NewUnderway()
	for range 2 * maxOver {
		u.Cancel(faas.NewID())
	}
	if n := u.over.Len(); n != maxOver {
		t.Errorf("%d are remembered", n)
	}
}
