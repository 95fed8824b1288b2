package engine

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// watchman is a keeper that looks once an hour, unless it is woken.
type watchman struct {
	begins chan struct{} // receives a token for each look that begins
	ends   chan struct{} // and each takes one to end

	mu    sync.Mutex
	woken int
}

func (w *watchman) Keep(ctx context.Context, _ faas.Trigger) (trigger.Kept, error) {
	select {
	case w.begins <- struct{}{}:
	case <-ctx.Done():
		return trigger.Kept{}, ctx.Err()
	}
	select {
	case <-w.ends:
	case <-ctx.Done():
	}
	return trigger.Kept{Again: time.Hour}, ctx.Err()
}

func (w *watchman) Release(context.Context, faas.Trigger) error { return nil }

func (w *watchman) Wake(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken++
}

// TestWokenTriggersAreKeptAtOnce has triggers woken by the engine that owns them and by another. What
// comes while one is kept has it kept once more.
func TestWokenTriggersAreKeptAtOnce(t *testing.T) {
	r := newRig(t, nil)
	w := &watchman{begins: make(chan struct{}), ends: make(chan struct{})}
	keepers := func(c *Config) {
		c.Keepers = func(trigger.Taker) map[faas.TriggerSource]trigger.Keeper {
			return map[faas.TriggerSource]trigger.Keeper{faas.TriggerSwift: w}
		}
	}
	first, second := r.another("first", keepers), r.another("second", keepers)
	for _, e := range []*Engine{first, second} {
		t.Cleanup(r.start(e))
	}
	r.await("the shards are divided", func() bool { return owned(first) == owned(second) && owned(first) > 0 })
	g, err := r.store.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: project, Calls: faas.FunctionRef{FunctionID: r.function(reluctant).ID}, Source: faas.TriggerSwift,
		Settings: `{"container": "c"}`, Status: faas.TriggerActive,
	}, nil)
	r.must(err)
	begins := func(what string) {
		t.Helper()
		select {
		case <-w.begins:
		case <-time.After(hangTimeout):
			t.Fatal(what)
		}
	}
	wake := func(e *Engine) {
		t.Helper()
		_, err := e.WakeTrigger(t.Context(), g.ID, 0)
		r.must(err)
	}
	begins("it is not kept when it is made")
	w.ends <- struct{}{}
	const rounds = 5
	began := time.Now()
	for range rounds {
		for _, e := range []*Engine{first, second} {
			wake(e)
			begins("it is woken and not kept")
			w.ends <- struct{}{}
		}
	}
	if took := time.Since(began); took > rounds*faas.WorkLook { // by itself the owner looks every faas.WorkLook
		t.Errorf("it took %v", took)
	}
	wake(first)
	begins("it is woken and not kept")
	for range 100 {
		wake(first)
		wake(second)
	}
	w.ends <- struct{}{}
	begins("it was woken while it was kept, and is not kept again")
	w.ends <- struct{}{}
	select {
	case <-w.begins:
		t.Error("it is kept a third time")
		w.ends <- struct{}{}
	case <-time.After(time.Second / 2):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken != 2*rounds+2 {
		t.Errorf("it was told %d times that it is woken, want %d", w.woken, 2*rounds+2)
	}
}
