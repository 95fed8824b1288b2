package orchestratortest

import (
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const echo = "def main(word):\n    return word\n"

// answers checks that the function of echo runs.
func (f function) answers() {
	f.h.Helper()
	var got string
	f.result(map[string]any{"word": "hello"}, &got)
	if got != "hello" {
		f.h.Errorf("the function returned %q", got)
	}
}

func testPoolIsFilled(h *harness) {
	h.setPool(h.Python, 3)
	if ready, _ := generics(h.Orchestrator.Workers()); len(ready) == 0 {
		h.Error("SetPool returned before a worker was ready")
	}
	for _, w := range h.awaitPool(3) {
		if w.RuntimeID != runtimeID || w.Slots < 1 || w.Address == "" || w.StartedAt.IsZero() || w.ID == "" {
			h.Errorf("a generic worker says of itself: %+v", w)
		}
		status, err := h.agents.Status(h.ctx, w)
		if err != nil || status.State != faas.WorkerGeneric {
			h.Errorf("its agent says: %+v, %v", status, err)
		}
	}
}

func testPoolOfNone(h *harness) {
	h.setPool(h.Python, 0)
	if workers := h.Orchestrator.Workers(); len(workers) > 0 {
		h.Errorf("a pool of none has %+v", workers)
	}
}

func testMissingImage(h *harness) {
	pool := orchestrator.Pool{RuntimeID: runtimeID, Image: h.Missing, Size: 1}
	err := h.Orchestrator.SetPool(h.ctx, pool)
	if kind := faas.KindOf(err); kind != faas.Invalid && kind != faas.Unavailable {
		h.Fatalf("kind %q: %v", kind, err)
	}
	if !strings.Contains(err.Error(), h.Missing) {
		h.Errorf("does not name the image: %v", err)
	}
	h.setPool(h.Python, 1) // and the runtime can be mended
	h.awaitPool(1)
}

func testPoolChangesItsSize(h *harness) {
	for _, size := range []int{1, 3, 1, 0, 2} {
		h.setPool(h.Python, size)
		h.awaitPool(size)
	}
}

func testChangeOfImage(h *harness) {
	h.setPool(h.Python, 2)
	f := h.claim(echo, nil)
	old := map[string]bool{}
	for _, w := range h.awaitPool(2) {
		old[w.ID] = true
	}
	h.setPool(h.Other, 2)
	for _, w := range h.awaitPool(2) {
		if old[w.ID] {
			h.Errorf("worker %s of the old image is in the pool", w.ID)
		}
	}
	f.answers()
}

func testDeletePool(h *harness) {
	h.setPool(h.Python, 2)
	f := h.claim(echo, nil)
	if err := h.Orchestrator.DeletePool(h.ctx, runtimeID); err != nil {
		h.Fatal(err)
	}
	h.await("the generic workers to go", func(workers []faas.Worker) bool {
		return len(workers) == 1 && workers[0].ID == f.worker.ID
	})
	f.answers()
	if err := h.Orchestrator.DeletePool(h.ctx, runtimeID); err != nil {
		h.Errorf("deleting what is not there: %v", err)
	}
	h.setPool(h.Python, 1)
	h.awaitPool(1)
}
