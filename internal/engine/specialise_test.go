package engine

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

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

func TestClaimThatTheOrchestratorDoesNotTake(t *testing.T) {
	away := faas.Errorf(faas.Unavailable, "It is away.")
	refused := faas.Errorf(faas.Conflict, "It is too large.")
	for name, c := range map[string]struct {
		o       deaf
		removed int
		held    bool
	}{
		"away until the engine ends":          {deaf{claim: away}, 0, false},
		"refused":                             {deaf{claim: refused}, 1, false},
		"refused, and it cannot be ended":     {deaf{claim: refused, remove: errors.New("no")}, 1, true},
		"the worker is gone":                  {deaf{claim: faas.Errorf(faas.NotFound, "There is none.")}, 0, false},
		"taken, but the list may not tell it": {deaf{}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o, tries := c.o, 0
			o.asked = func() {
				if tries++; tries == 2 {
					cancel()
				}
			}
			e := New(Config{Orchestrator: &o, Log: slog.New(slog.DiscardHandler)})
			defer e.dispatch.Close()
			w := faas.Worker{ID: "w", Address: "tcp:127.0.0.1:1"}
			e.claims.reserve(w.ID, faas.Target{Key: testKey})
			e.claimed(ctx, w, orchestrator.Claim{})
			if o.removed != c.removed || e.claims.holds(w.ID) != c.held {
				t.Errorf("removed %d times; held: %v", o.removed, e.claims.holds(w.ID))
			}
			if o.remove != nil && len(e.claims.present([]faas.Worker{w})) != 0 {
				t.Error("a worker that should have ended is used")
			}
			if e.claims.present(nil); o.remove != nil && e.claims.holds(w.ID) {
				t.Error("a worker that is gone is still held")
			}
		})
	}
}
