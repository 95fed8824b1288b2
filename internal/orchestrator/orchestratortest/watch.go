package orchestratortest

import (
	"context"
	"maps"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// view is what a reader of Watch knows of the workers.
type view struct {
	h       *harness
	changes <-chan []orchestrator.Change
	workers map[string]faas.Worker
	ended   map[string]string // why workers ended, by their ids
}

func (h *harness) watch(ctx context.Context) *view {
	return &view{
		h: h, changes: h.Orchestrator.Watch(ctx), workers: map[string]faas.Worker{}, ended: map[string]string{},
	}
}

// next applies one more batch, and returns false when there are no more.
func (v *view) next() bool {
	v.h.Helper()
	deadline := time.NewTimer(hangTimeout)
	defer deadline.Stop()
	select {
	case batch, open := <-v.changes:
		if open {
			v.apply(batch)
		}
		return open
	case <-deadline.C:
		v.h.Fatalf("no change was delivered; the reader knows %+v", v.workers)
		return false
	}
}

// apply also checks what the interface promises of each batch.
func (v *view) apply(batch []orchestrator.Change) {
	v.h.Helper()
	in := map[string]bool{}
	for _, c := range batch {
		id := c.Worker.ID
		if in[id] {
			v.h.Errorf("worker %s is twice in one batch", id)
		}
		in[id] = true
		_, known := v.workers[id]
		switch {
		case !c.Gone:
			v.workers[id] = c.Worker
		case !known:
			v.h.Errorf("worker %s ended before it was shown", id)
		case c.Reason == "" || c.Worker.Ready:
			v.h.Errorf("the end of a worker is delivered as %+v", c)
			fallthrough
		default:
			delete(v.workers, id)
			v.ended[id] = c.Reason
		}
	}
}

// await applies batches until the reader's workers are as wanted.
func (v *view) await(what string, wanted func() bool) {
	v.h.Helper()
	for !wanted() {
		if !v.next() {
			v.h.Fatalf("the watch ended while the test waited for %s", what)
		}
	}
}

// generic counts the generic workers that the reader knows of.
func (v *view) generic() (ready, all int) {
	for _, w := range v.workers {
		if w.Generic() {
			all++
			if w.Ready {
				ready++
			}
		}
	}
	return ready, all
}

func (v *view) awaitPool(size int) {
	v.h.Helper()
	v.await("a full pool", func() bool {
		ready, all := v.generic()
		return ready == size && all == size
	})
}

func testWatch(h *harness) {
	v := h.watch(h.ctx)
	if !v.next() || len(v.workers) > 0 {
		h.Fatalf("without workers the first batch shows %+v", v.workers)
	}
	h.setPool(h.Python, 2)
	v.awaitPool(2)
	f := h.claim(echo, nil)
	v.await("the claim", func() bool { return v.workers[f.worker.ID].Key == f.target.Key })
	if w := v.workers[f.worker.ID]; !w.Ready || w.ProjectID != f.target.ProjectID || w.Address != f.worker.Address {
		h.Errorf("the claimed worker is shown as %+v", w)
	}
	v.awaitPool(2)
	if err := h.Orchestrator.Remove(h.ctx, f.worker.ID); err != nil {
		h.Fatal(err)
	}
	v.await("the end", func() bool { return v.ended[f.worker.ID] != "" })
	crashed := h.claim(echo, nil)
	h.KillAgent(h.T, crashed.worker.ID)
	v.await("the crash", func() bool { return v.ended[crashed.worker.ID] != "" })
	h.awaitPool(2)
	late := h.watch(h.ctx)
	if !late.next() || len(late.workers) != 2 {
		h.Errorf("a later watch begins with %+v", late.workers)
	}
	v.await("what a later watch begins with", func() bool { return maps.Equal(v.workers, late.workers) })
}

// testWatchThatLags makes all changes while nobody reads.
func testWatchThatLags(h *harness) {
	h.setPool(h.Python, 2)
	removed, claimed := h.claim(echo, nil), h.claim(echo, nil)
	h.awaitPool(2)
	v := h.watch(h.ctx)
	v.await("the first batch", func() bool { return len(v.workers) == 4 })
	if err := h.Orchestrator.Remove(h.ctx, removed.worker.ID); err != nil {
		h.Fatal(err)
	}
	for _, size := range []int{3, 0, 1} {
		h.setPool(h.Python, size)
		h.awaitPool(size)
	}
	last := h.claim(echo, nil)
	h.awaitPool(1)
	// The reader may not have received the end of what this test has waited for itself.
	v.await("the end of the one", func() bool { return v.ended[removed.worker.ID] != "" })
	v.await("the other", func() bool { return v.workers[last.worker.ID].Key == last.target.Key })
	v.awaitPool(1)
	if len(v.workers) != 3 || v.workers[claimed.worker.ID].Key != claimed.target.Key {
		h.Errorf("in the end the reader knows %+v", v.workers)
	}
}

func testWatchEnds(h *harness) {
	ctx, cancel := context.WithCancel(h.ctx)
	early, late := h.watch(ctx), h.watch(h.ctx)
	h.setPool(h.Python, 1)
	early.awaitPool(1)
	cancel()
	for early.next() { // ends when the channel is closed
	}
	if err := h.Orchestrator.Close(); err != nil {
		h.Fatal(err)
	}
	for late.next() {
	}
	if h.Reopen == nil && len(late.workers) > 0 {
		h.Errorf("the orchestrator was closed and the reader still knows %+v", late.workers)
	}
}
