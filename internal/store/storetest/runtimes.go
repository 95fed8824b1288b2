package storetest

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func runtimes(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	got, err := f.Runtime(ctx, ours, r.ID)
	if err != nil || got != r {
		t.Errorf("got %+v, %v; want %+v", got, err, r)
	}
	name := "renamed"
	f.pass(time.Second)
	got, err = f.UpdateRuntime(ctx, ours, r.ID, store.RuntimeChange{Name: &name})
	if err != nil || got.Name != name || got.Image != r.Image || !got.UpdatedAt.Equal(f.now().Truncate(time.Microsecond)) {
		t.Errorf("updated: %+v, %v", got, err)
	}
	placement := faas.Placement("zone=a")
	got, err = f.UpdateRuntime(ctx, ours, r.ID, store.RuntimeChange{Placement: &placement})
	if err != nil || got.Placement != placement || got.Name != name {
		t.Errorf("placed: %+v, %v", got, err)
	}
	must(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeError, "no such image"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Status != faas.RuntimeError || got.StatusReason != "no such image" {
		t.Errorf("status: %+v", got)
	}
	before, modules := got, `[{"name":"six","version":null}]`
	f.pass(time.Second)
	must(t, f.SetRuntimeContents(ctx, r.ID, "Python 3.11.2", modules))
	must(t, f.SetRuntimeContents(ctx, r.ID, "Python 3.11.2", modules))
	before.Interpreter, before.Modules = "Python 3.11.2", modules
	if got, _ = f.Runtime(ctx, ours, r.ID); got != before {
		t.Errorf("contents: got %+v, want %+v", got, before)
	}
	must(t, f.SetRuntimeContents(ctx, faas.NewID(), "Python 3.11.2", modules))
	_, err = f.CreateRuntime(ctx, faas.Runtime{ID: r.ID, ProjectID: "ours"})
	is(t, err, faas.Conflict)
	image := got.Image
	must(t, f.RevertRuntime(ctx, r.ID, "some other image", "image-0", "too late"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Image != image || got.Status != faas.RuntimeError {
		t.Errorf("reverted from an image that it has not: %+v", got)
	}
	must(t, f.RevertRuntime(ctx, r.ID, image, "image-0", "no worker came up"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Image != "image-0" || got.Status != faas.RuntimeAvailable ||
		got.StatusReason != "no worker came up" {
		t.Errorf("reverted: %+v", got)
	}
	must(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeAvailable, ""))
	made := f.function(t, "ours", r.ID, "f")
	is(t, f.DeleteRuntime(ctx, ours, r.ID), faas.Conflict)
	_, err = f.DeleteFunction(ctx, ours, made.ID)
	must(t, err)
	must(t, f.DeleteRuntime(ctx, ours, r.ID))
	is(t, f.DeleteRuntime(ctx, ours, r.ID), faas.NotFound)
	is(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeAvailable, ""), faas.NotFound)
}
