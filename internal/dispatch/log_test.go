package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// logs is what an agent answers to those who ask for the log of a call that runs.
type logs struct {
	mu      sync.Mutex
	queries []faas.LogQuery
	says    []faas.LogSoFar // one after the other, the last again and again
	said    chan struct{}   // closed when all were said
}

func (l *logs) answer(w http.ResponseWriter, q faas.LogQuery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queries), len(l.says)-1)
	if l.queries = append(l.queries, q); len(l.queries) == len(l.says)+1 {
		close(l.said)
	}
	so := l.says[n]
	if so.Printed == q.Seen {
		so.Log = ""
	}
	_ = json.NewEncoder(w).Encode(so)
}

// TestLogsOfLongCallsAreKept has what a call prints kept while it runs, as often as there is more.
func TestLogsOfLongCallsAreKept(t *testing.T) {
	l := &logs{said: make(chan struct{}), says: []faas.LogSoFar{{Printed: 3, Log: "one"}, {Printed: 7, Log: "one two"}}}
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		<-l.said
		succeed(w, call)
	})
	a.log = l.answer
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	var kept []string
	call := aCall("1")
	call.Timeout = time.Minute
	call.KeepLog = func(_ context.Context, log string) error {
		kept = append(kept, log)
		if len(kept) == 1 {
			return errors.New("no database")
		}
		return nil
	}
	out, err := d.Call(t.Context(), testTarget, call, begin)
	if err != nil || out.Status != faas.ExecutionSuccess || out.Log != "" || !out.LogKept {
		t.Errorf("%+v, %v", out, err)
	}
	if !slices.Equal(kept, []string{"one", "one two"}) {
		t.Errorf("kept are %q", kept)
	}
	q := l.queries[0]
	if q.ExecutionID != call.ExecutionID || q.Most != keptLog || q.Seen != 0 || l.queries[1].Seen != 0 ||
		l.queries[2].Seen != 7 {
		t.Errorf("asked %+v", l.queries)
	}
}

// TestLogOfALostWorker has a worker break off a call whose log was read.
func TestLogOfALostWorker(t *testing.T) {
	l := &logs{said: make(chan struct{}), says: []faas.LogSoFar{{Printed: 3, Log: "one"}}}
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		<-l.said
		cut(w, call)
	})
	a.log = l.answer
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	call := aCall("1")
	call.Timeout = time.Minute
	call.KeepLog = func(context.Context, string) error { return nil }
	out, err := d.Call(t.Context(), testTarget, call, begin)
	if err == nil || !strings.Contains(err.Error(), "lost") || out.Log != "one" || !out.LogKept {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestShortCallsKeepNoLog has a call end before its log would be asked for.
func TestShortCallsKeepNoLog(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	a.log = func(http.ResponseWriter, faas.LogQuery) { t.Error("its log was asked for") }
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	call := aCall("1")
	call.KeepLog = func(context.Context, string) error {
		t.Error("its log was kept")
		return nil
	}
	if out, err := d.Call(t.Context(), testTarget, call, begin); err != nil || out.LogKept {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestWorkersOfBefore has a worker that does not know the question: it is not asked again.
func TestWorkersOfBefore(t *testing.T) {
	asked := make(chan struct{})
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		<-asked
		succeed(w, call)
	})
	n := 0
	a.log = func(w http.ResponseWriter, _ faas.LogQuery) {
		n++
		refuse(w, "unknown")
		close(asked)
	}
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	call := aCall("1")
	call.Timeout = time.Minute
	call.KeepLog = func(context.Context, string) error { return nil }
	if out, err := d.Call(t.Context(), testTarget, call, begin); err != nil || out.LogKept || n != 1 {
		t.Errorf("%+v, %v, asked %d times", out, err, n)
	}
}
