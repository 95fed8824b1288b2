package asyncrun

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestOneClaimOfARowAtATime(t *testing.T) {
	l := newLeases()
	if err := l.begin("x"); err != nil {
		t.Fatal(err)
	}
	if err := l.begin("x"); faas.KindOf(err) != faas.Busy || len(l.held()) != 0 {
		t.Errorf("while the claim is in doubt: %v, and %v are renewed", err, l.held())
	}
	l.hold("x")
	if err := l.begin("x"); !errors.Is(err, errNotOurs) || len(l.held()) != 1 {
		t.Errorf("while it runs here: %v, and %v are renewed", err, l.held())
	}
	l.drop("x")
	if err := l.begin("x"); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// TestClaimInDoubt has the database answer a claim too late: the row is queued again, and runs
// once.
func TestClaimInDoubt(t *testing.T) {
	r := newRig(t, nil)
	id := r.record()
	unlock := lock(t, r.file)
	if err := r.runner.claim(t.Context(), id); faas.KindOf(err) != faas.Unavailable {
		t.Fatalf("got %v from a database that is locked", err)
	}
	if err := r.runner.claim(t.Context(), id); faas.KindOf(err) != faas.Busy {
		t.Errorf("got %v while it is not known how the first claim went", err)
	}
	unlock()
	r.must(r.group.Wait(t.Context()))
	if x := r.execution(id); x.Status != faas.ExecutionQueued || x.Attempts != 0 {
		t.Fatalf("got %+v", x)
	}
	r.must(r.runner.Handler(0)(t.Context(), []byte(id)))
	if x := r.execution(id); x.Status != faas.ExecutionSuccess || x.Attempts != 1 || r.calls.Load() != 1 {
		t.Errorf("got %+v after %d calls", x, r.calls.Load())
	}
}

// TestClaimInDoubtKeepsItsMessage has a claim committed whose answer was lost, and the message
// delivered again before the row is given back.
func TestClaimInDoubtKeepsItsMessage(t *testing.T) {
	r := newRig(t, nil)
	id := r.record()
	r.must(r.runner.leases.begin(id))
	_, won, err := r.store.Claim(t.Context(), id, "engine", time.Minute)
	if r.must(err); !won {
		t.Fatal("the row is not claimed")
	}
	message := r.runner.Handler(0)
	if err := message(t.Context(), []byte(id)); faas.KindOf(err) != faas.Busy {
		t.Errorf("the message is settled, with %v", err)
	}
	r.runner.release(t.Context(), id)
	r.must(message(t.Context(), []byte(id)))
	if x := r.execution(id); x.Status != faas.ExecutionSuccess || x.Attempts != 1 || r.calls.Load() != 1 {
		t.Errorf("got %+v after %d calls", x, r.calls.Load())
	}
	r.must(message(t.Context(), []byte(id))) // it has ended: nothing is left to do
}

// lock keeps everyone else from writing to an SQLite file.
func lock(t *testing.T, file string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range []string{"PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := db.ExecContext(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
}
