package orchestratortest

import (
	"errors"
	"slices"
	"sync"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

func testClaim(h *harness) {
	h.setPool(h.Python, 2)
	f := h.claim(echo, nil)
	workers := h.Orchestrator.Workers()
	i := slices.IndexFunc(workers, func(w faas.Worker) bool { return w.ID == f.worker.ID })
	if i < 0 {
		h.Fatal("the claimed worker is not shown")
	}
	if w := workers[i]; w.Key != f.target.Key || w.ProjectID != f.target.ProjectID || !w.Ready {
		h.Errorf("the claimed worker says of itself: %+v", w)
	}
	for _, w := range h.awaitPool(2) {
		if w.ID == f.worker.ID {
			h.Error("the claimed worker is still in the pool")
		}
	}
	f.answers()
}

func testWrongClaims(h *harness) {
	h.setPool(h.Python, 1)
	f := h.claim(echo, nil)
	claim := orchestrator.Claim{Target: f.target}
	if err := h.Orchestrator.Claimed(h.ctx, f.worker.ID, claim); err != nil {
		h.Errorf("the same claim again: %v", err)
	}
	other := claim
	other.Target.Key.Revision++
	if err := h.Orchestrator.Claimed(h.ctx, f.worker.ID, other); faas.KindOf(err) != faas.Conflict {
		h.Errorf("a claim for another key: %v", err)
	}
	if err := h.Orchestrator.Claimed(h.ctx, faas.NewID(), claim); faas.KindOf(err) != faas.NotFound {
		h.Errorf("a claim of no worker: %v", err)
	}
}

func testTwoSpecialise(h *harness) {
	h.setPool(h.Python, 1)
	w := h.awaitPool(1)[0]
	const rivals = 8
	errs := make([]error, rivals)
	var all sync.WaitGroup
	for i := range rivals {
		target := faas.Target{Key: faas.Key{FunctionID: faas.NewID()}, Entry: faas.DefaultEntry, MemorySize: 32 << 20}
		all.Go(func() { _, errs[i] = h.specialise(w, target, echo) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		var refused *dispatch.RefusedError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &refused) || refused.Refused != faas.RefusedClaimed:
			h.Errorf("a rival was told: %v", err)
		}
	}
	if won != 1 {
		h.Errorf("%d of %d specialised the one worker", won, rivals)
	}
}

func testTokens(h *harness) {
	h.setPool(h.Python, 2)
	pool := h.awaitPool(2)
	if h.Orchestrator.Token(pool[0].ID) == h.Orchestrator.Token(pool[1].ID) {
		h.Error("two workers have one token")
	}
	for name, token := range map[string]string{"another's": h.Orchestrator.Token(pool[1].ID), "none": "", "a guess": "x"} {
		agents := dispatch.NewClient(func(string) string { return token })
		_, err := agents.Status(h.ctx, pool[0])
		var refused *dispatch.RefusedError
		if !errors.As(err, &refused) || refused.Refused != faas.RefusedToken {
			h.Errorf("with %s token: %v", name, err)
		}
		agents.Close()
	}
}

func testRemove(h *harness) {
	h.setPool(h.Python, 1)
	f := h.claim(echo, nil)
	if err := h.Orchestrator.Remove(h.ctx, f.worker.ID); err != nil {
		h.Fatal(err)
	}
	if reason := h.awaitGone(f.worker.ID); reason == "" {
		h.Error("there is no reason")
	}
	h.awaitPool(1)
	h.awaitSilence(f.worker)
	if err := h.Orchestrator.Remove(h.ctx, f.worker.ID); err != nil {
		h.Errorf("removing what is not there: %v", err)
	}
}
