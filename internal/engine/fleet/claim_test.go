package fleet

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTarget = faas.Target{Key: faas.Key{FunctionID: "f", Revision: 1}, ProjectID: "p"}

// deaf is an orchestrator that takes no claims.
type deaf struct {
	orchestrator.Orchestrator
	claim, remove error
	removed       int
	asked         func()
}

func (o *deaf) Token(string) string { return "" }

func (o *deaf) Claimed(context.Context, string, orchestrator.Claim) error {
	o.asked()
	return o.claim
}

func (o *deaf) Remove(context.Context, string) error {
	o.removed++
	return o.remove
}

// fleetOf is a fleet without images on a clock that a test moves.
func fleetOf(t *testing.T, o *deaf, now *time.Time) *Fleet {
	t.Helper()
	client := dispatch.NewClient(o.Token)
	f := New(Config{
		Name: "engine", Orchestrator: o, Client: client, Group: background.New(context.Background()), ServerUp: func() {}, Now: func() time.Time { return *now },
		Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() {
		f.Stop()
		client.Close()
	})
	return f
}

func TestClaimThatTheOrchestratorDoesNotTake(t *testing.T) {
	away := faas.Errorf(faas.Unavailable, "It is away.")
	refused := faas.Errorf(faas.Conflict, "It is too large.")
	for name, c := range map[string]struct {
		o       deaf
		removed int
		serves  bool // the worker counts as the function's
		free    bool // it may be reserved
	}{
		"away until the engine ends":      {deaf{claim: away}, 0, false, true},
		"refused":                         {deaf{claim: refused}, 1, false, false},
		"refused, and it cannot be ended": {deaf{claim: refused, remove: errors.New("no")}, 1, false, false},
		"the worker is gone":              {deaf{claim: faas.Errorf(faas.NotFound, "There is none.")}, 0, false, false},
		"taken, and not shown yet":        {deaf{}, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o, tries, now := c.o, 0, time.Now()
			o.asked = func() {
				if tries++; tries == 2 {
					cancel()
				}
			}
			f := fleetOf(t, &o, &now)
			w := faas.Worker{ID: "w", Address: "tcp:127.0.0.1:1"}
			f.Apply([]orchestrator.Change{{Worker: w}})
			if !f.Adopt(ctx, w, orchestrator.Claim{Target: testTarget}) {
				t.Fatal("a free worker is not adopted")
			}
			if serves := f.Serves(testTarget.Key); o.removed != c.removed || serves != c.serves {
				t.Errorf("removed %d times; serves: %v", o.removed, serves)
			}
			if free := f.Reserve(w.ID, testTarget); free != c.free {
				t.Errorf("free: %v", free)
			}
			f.Apply([]orchestrator.Change{{Worker: w, Gone: true}})
			if len(f.Workers()) != 0 || len(f.workers.entries) != 0 {
				t.Error("a worker that is gone is still known")
			}
		})
	}
}

// TestReservedWorkersCountAsTheFunctions follows a worker from its reservation until the
// orchestrator shows whose it is.
func TestReservedWorkersCountAsTheFunctions(t *testing.T) {
	now := time.Now()
	o := &deaf{asked: func() {}}
	f := fleetOf(t, o, &now)
	is := func(when string, want faas.Worker) {
		t.Helper()
		workers := f.Workers()
		if len(workers) != 1 || workers[0] != want {
			t.Errorf("%s: %+v", when, workers)
		}
	}
	generic := faas.Worker{ID: "w", RuntimeID: "r", Ready: true}
	f.Apply([]orchestrator.Change{{Worker: generic}})
	taken := faas.Worker{ID: "w", RuntimeID: "r", Key: testTarget.Key, ProjectID: "p"}
	if !f.Reserve("w", testTarget) || f.Reserve("w", testTarget) || len(f.Unclaimed()) != 0 {
		t.Error("a worker is reserved once")
	}
	is("reserved", taken)
	if f.Serves(testTarget.Key) {
		t.Error("a worker that is not specialised yet serves")
	}
	f.Release("w")
	is("released", generic)

	f.Lost("w")
	unready := generic
	unready.Ready = false
	is("lost", unready)
	now = now.Add(lostFor + time.Second)
	is("a while later", generic)

	if !f.Adopt(t.Context(), generic, orchestrator.Claim{Target: testTarget}) {
		t.Error("it is not free")
	}
	taken.Ready = true
	is("claimed", taken)
	f.Apply([]orchestrator.Change{{Worker: taken}})
	is("shown as claimed", taken)
	if e := f.workers.entries["w"]; e.reservation != nil {
		t.Error("the reservation is remembered for longer than it is needed")
	}
}
