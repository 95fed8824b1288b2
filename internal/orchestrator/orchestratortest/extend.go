package orchestratortest

import (
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// extend starts workers beside the pool.
func (h *harness) extend(image string, n int) (ids []string) {
	h.Helper()
	beside := h.Orchestrator.(orchestrator.Extender)
	ids, err := beside.Extend(h.ctx, orchestrator.Pool{RuntimeID: runtimeID, Image: image}, n)
	if err != nil || len(ids) != n {
		h.Fatalf("%d workers beside the pool: %v, %v", n, ids, err)
	}
	return ids
}

// testExtend has two workers beside a pool of one. The pool is refilled when its own is claimed,
// and those beside it are not replaced.
func testExtend(h *harness) {
	beside, is := h.Orchestrator.(orchestrator.Extender)
	if !is {
		h.Skip("no workers can be beside a pool here")
	}
	_, err := beside.Extend(h.ctx, orchestrator.Pool{RuntimeID: runtimeID, Image: h.Python}, 1)
	if kind := faas.KindOf(err); kind != faas.NotFound {
		h.Errorf("beside a pool that is not there: kind %q: %v", kind, err)
	}
	h.setPool(h.Python, 1)
	ids := h.extend(h.Python, 2)
	h.awaitPool(3)
	left := 3
	var functions []function
	for range 2 {
		f := h.claim(echo, nil)
		if functions = append(functions, f); slices.Contains(ids, f.worker.ID) {
			left--
		}
		h.awaitPool(left)
	}
	if err := beside.Reduce(h.ctx, runtimeID); err != nil {
		h.Fatal(err)
	}
	h.awaitPool(1)
	old := h.extend(h.Python, 1)
	h.setPool(h.Other, 1)
	for _, w := range h.awaitPool(1) {
		if slices.Contains(old, w.ID) {
			h.Errorf("worker %s of the old image is beside the pool", w.ID)
		}
	}
	h.extend(h.Other, 1)
	if err := h.Orchestrator.DeletePool(h.ctx, runtimeID); err != nil {
		h.Fatal(err)
	}
	h.await("the generic workers to go", func(workers []faas.Worker) bool { return len(workers) == len(functions) })
	for _, f := range functions {
		f.answers()
	}
}
