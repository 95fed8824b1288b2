package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func survives(t *testing.T, f *fixture) {
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	x := execution("ours", fn.ID)
	must(t, f.Enqueue(t.Context(), x))
	again := f.reopen()
	if got, err := again.Function(t.Context(), ours, fn.ID); err != nil || got.Count != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := again.Execution(t.Context(), ours, x.ID); err != nil || got.Status != faas.ExecutionQueued {
		t.Errorf("got %+v, %v", got, err)
	}
}

func closed(t *testing.T, f *fixture) {
	x := execution("ours", "f")
	x.Lease = time.Minute
	must(t, f.Start(t.Context(), x)) // held back, and written by Close
	must(t, f.Close())
	must(t, f.Close())
	is(t, f.Enqueue(t.Context(), execution("ours", "f")), faas.Unavailable)
	again := f.reopen()
	if _, err := again.Execution(t.Context(), ours, x.ID); err != nil {
		t.Errorf("what was handed in before Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	left := execution("ours", "f")
	err := again.Enqueue(ctx, left)
	is(t, err, faas.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has left: %v", err)
	}
	_, err = again.Execution(t.Context(), ours, left.ID)
	is(t, err, faas.NotFound)
}
