package orchestratortest

import (
	"context"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

func testEventsEnd(h *harness) {
	ctx, cancel := context.WithCancel(h.ctx)
	events := h.Orchestrator.Events(ctx)
	h.setPool(h.Python, 1)
	if e := <-events; e.Kind != orchestrator.Ready || !e.Worker.Ready {
		h.Errorf("the first event is %+v", e)
	}
	cancel()
	for range events { // ends when the channel is closed
	}
}

func testClose(h *harness) {
	h.setPool(h.Python, 2)
	f := h.claim(echo, nil)
	h.awaitPool(2)
	if err := h.Orchestrator.Close(); err != nil {
		h.Fatal(err)
	}
	h.afterClose(f)
	for range h.events { // ends when the channel is closed
	}
	err := h.Orchestrator.SetPool(h.ctx, orchestrator.Pool{RuntimeID: runtimeID, Image: h.Python, Size: 1})
	if faas.KindOf(err) != faas.Unavailable {
		h.Errorf("a pool after the end: %v", err)
	}
}

// afterClose checks that the workers ended with their orchestrator or, where they outlive it, that
// another orchestrator finds them.
func (h *harness) afterClose(f function) {
	h.Helper()
	if h.Reopen == nil {
		h.checkNoneLeft(f)
		return
	}
	next := h.Reopen(h.T)
	defer func() {
		if err := next.Close(); err != nil {
			h.Error(err)
		}
	}()
	f.answers()
	workers := next.Workers()
	if ready, all := generics(workers); len(ready) != 2 || len(all) != 2 {
		h.Errorf("of a pool of 2 another orchestrator finds %+v", all)
	}
	i := slices.IndexFunc(workers, func(w faas.Worker) bool { return w.ID == f.worker.ID })
	if i < 0 {
		h.Fatal("another orchestrator does not find the claimed worker")
	}
	if w := workers[i]; w.Key != f.target.Key || w.ProjectID != f.target.ProjectID || !w.Ready ||
		w.Address != f.worker.Address {
		h.Errorf("the claimed worker says of itself to another orchestrator: %+v", w)
	}
}

func (h *harness) checkNoneLeft(f function) {
	h.Helper()
	if workers := h.Orchestrator.Workers(); len(workers) > 0 {
		h.Errorf("after the end there are %+v", workers)
	}
	if _, err := h.agents.Status(h.ctx, f.worker); err == nil {
		h.Error("an agent outlived its orchestrator")
	}
}

func testAgentCrashes(h *harness)   { h.crash(h.KillAgent) }
func testRuntimeCrashes(h *harness) { h.crash(h.KillRuntime) }

// crash kills a part of a generic worker: its end must be reported, with a reason, and it must be
// replaced.
func (h *harness) crash(kill func(*testing.T, string)) {
	h.setPool(h.Python, 2)
	w := h.awaitPool(2)[0]
	kill(h.T, w.ID)
	if reason := h.awaitGone(w.ID); reason == "" {
		h.Error("there is no reason")
	}
	h.awaitPool(2)
}

func testClaimedCrashes(h *harness) {
	h.setPool(h.Python, 1)
	f := h.claim(echo, nil)
	h.KillAgent(h.T, f.worker.ID)
	h.awaitGone(f.worker.ID)
	if err := h.Orchestrator.Claimed(h.ctx, f.worker.ID, orchestrator.Claim{Target: f.target}); faas.KindOf(
		err,
	) != faas.NotFound {
		h.Errorf("a claim of a worker that crashed: %v", err)
	}
	h.awaitPool(1)
}
