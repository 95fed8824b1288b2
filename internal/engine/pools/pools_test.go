package pools

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full is an orchestrator without workers that cannot set pools at times.
type full struct {
	orchestrator.Orchestrator
	is bool
}

func (o *full) SetPool(context.Context, orchestrator.Pool) error {
	if o.is {
		return errors.New("no room")
	}
	return nil
}

func (o *full) Workers() []faas.Worker { return nil }

func (o *full) Token(string) string { return "" }

// TestPoolThatCannotBeSetAgain takes a runtime over while the cluster is full: it stays as it is,
// and one in error is tried again.
func TestPoolThatCannotBeSetAgain(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	url, log := "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), slog.New(slog.DiscardHandler)
	storetest.Migrate(t, url)
	records, err := store.Open(t.Context(), url, store.Options{Log: log})
	must(err)
	t.Cleanup(func() { must(records.Close()) })
	rt, err := records.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3"})
	must(err)
	o, group := &full{}, background.New(t.Context())
	client := dispatch.NewClient(o.Token)
	t.Cleanup(client.Close)
	p := New(Config{
		Runtimes: records.RuntimeStore, Shards: records.Shards(), Orchestrator: o,
		Owns: func(string) bool { return true }, Size: 1, Workers: 10, Group: group, Now: time.Now, Log: log,
		Fleet: fleet.New(
			fleet.Config{Orchestrator: o, Client: client, Group: group, ServerUp: func() {}, Now: time.Now, Log: log},
		),
	})
	t.Cleanup(group.Stop)
	status := func(status faas.RuntimeStatus) {
		t.Helper()
		got, err := records.Runtime(t.Context(), faas.AnyProject(), rt.ID)
		if must(err); got.Status != status {
			t.Fatalf("the runtime is %s, want %s", got.Status, status)
		}
	}
	message := []byte(`{"runtime_id":"` + rt.ID + `"}`)
	must(p.Reconcile(t.Context(), message))
	status(faas.RuntimeAvailable)
	o.is = true
	must(p.Reconcile(t.Context(), message))
	status(faas.RuntimeAvailable)

	must(records.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeCreating, ""))
	must(p.Reconcile(t.Context(), message))
	status(faas.RuntimeError)
	o.is = false
	p.Retry(t.Context())
	must(group.Wait(t.Context()))
	status(faas.RuntimeAvailable)
}
