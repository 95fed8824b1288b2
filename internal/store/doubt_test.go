package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestCommitWithoutAnswer loses the connection at a COMMIT, before and after the server did it.
// Either way every operation is done once and hears what came of it.
func TestCommitWithoutAnswer(t *testing.T) {
	server := mariadb(t)
	for name, what := range map[string]mishap{"before": lostBefore, "after": lostAfter} {
		t.Run(name, func(t *testing.T) {
			direct := migrated(t)
			open(t, direct, nil)
			r := newRelay(t, server.Address())
			s := r.open(t, direct, store.Options{})
			defer s.Close()
			lossless(t, s, func() { r.set(what, "; COMMIT") })
			f := newFunction(t, s)
			x := execution()
			x.FunctionID = f.ID
			fatal(t, s.Enqueue(t.Context(), x))
			r.set(what, "; COMMIT")
			fatal(t, s.Close()) // adds the call to the function's count
			counted(t, direct, f.ID, 1)
		})
	}
}

// TestPacketThatComesLate has the server get a batch when it was already given up and run again: it
// is not done twice.
func TestPacketThatComesLate(t *testing.T) {
	server := mariadb(t)
	direct := migrated(t)
	f := newFunction(t, open(t, direct, nil))
	r := newRelay(t, server.Address())
	s := r.open(t, direct, store.Options{})
	defer s.Close()
	x := execution()
	x.FunctionID = f.ID
	fatal(t, s.Enqueue(t.Context(), x))
	// Twice the same is not the same only for what adds, so the packet is that of the counts.
	trap := r.set(late, "call_count +")
	<-trap.sprung
	fatal(t, s.Close()) // returns when the count was added
	close(trap.release)
	<-trap.over
	counted(t, direct, f.ID, 1)
}

// counted opens the database anew and compares a function's count of calls.
func counted(t *testing.T, url, function string, want int) {
	t.Helper()
	if f, err := open(t, url, nil).Function(t.Context(), faas.AnyProject(), function); err != nil || f.Count != want {
		t.Errorf("the function counts %d calls of %d, %v", f.Count, want, err)
	}
}

func lossless(t *testing.T, s *store.Store, lose func()) {
	ctx := t.Context()
	lose()
	r, err := s.CreateRuntime(ctx, faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	fatal(t, err)
	lose()
	f, err := s.CreateFunction(ctx, faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}, nil)
	fatal(t, err)
	x := execution()
	x.FunctionID = f.ID
	lose()
	fatal(t, s.Enqueue(ctx, x))
	lose()
	var told []store.Event
	event := func() []store.Event {
		told = append(told, store.Event{ID: faas.NewID(), Body: "{}"})
		return told[len(told)-1:]
	}
	got, won, err := s.Claim(ctx, x.ID, "engine", -time.Second, event()...)
	if err != nil || !won || got.Owner != "engine" || got.Attempts != 1 {
		t.Errorf("claimed: %v, %+v, %v", won, got, err)
	}
	lose()
	lostOne := event() // the transaction that asks for it may run twice
	settled, err := s.SettleExpired(ctx, 10, func(faas.Function, faas.Execution) []store.Event { return lostOne })
	if err != nil || len(settled) != 1 {
		t.Errorf("settled: %v, %v", settled, err)
	}
	y := execution()
	y.FunctionID = f.ID
	fatal(t, s.Start(ctx, y))
	lose()
	of := ended
	of.Events = event()
	fatal(t, s.Finish(ctx, y.ID, of))
	if events, err := s.Events(ctx, 10); err != nil || !slices.Equal(events, told) {
		t.Errorf("others are to be told %v, want %v; %v", events, told, err)
	}
	name := "renamed"
	lose()
	f, err = s.UpdateFunction(ctx, faas.OneProject("p"), f.ID, store.FunctionChange{Name: &name, Entry: &name})
	if err != nil || f.Revision != 2 {
		t.Errorf("updated once: %+v, %v", f, err)
	}
	_, err = s.PurgeableExecutions(ctx, time.Now()) // connects: a new connection says COMMIT, too, as in READ COMMITTED
	fatal(t, err)
	lose()
	if n, err := s.PurgeExecutions(ctx, time.Now().Add(time.Second), 10); err != nil || n != 2 {
		t.Errorf("purged: %d, %v", n, err)
	}
	lose()
	if _, err := s.DeleteFunction(ctx, faas.OneProject("p"), f.ID); err != nil {
		t.Error(err)
	}
	lose()
	fatal(t, s.DeleteRuntime(ctx, faas.OneProject("p"), r.ID))
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
