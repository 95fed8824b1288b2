package triggers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

const project = "p"

// rig is a steward of triggers on a small Swift, with everything else as it is in an engine.
type rig struct {
	*testing.T
	store     *store.Store
	broker    *broker.InProcess
	swift     *swifttest.Server
	trigger   faas.Trigger
	transport *http.Transport
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, swift: swifttest.New(t), broker: broker.NewInProcess()}
	r.transport = http.DefaultTransport.(*http.Transport).Clone()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	var err error
	r.store, err = store.Open(t.Context(), url, store.Options{})
	r.must(err)
	t.Cleanup(func() {
		r.transport.CloseIdleConnections()
		r.must(errors.Join(r.broker.Close(), r.store.Close()))
	})
	rt, err := r.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: project, Image: "python3", IsPublic: true})
	r.must(err)
	r.must(r.store.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeAvailable, ""))
	f, err := r.store.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, RuntimeID: rt.ID, Entry: faas.DefaultEntry,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: "0"},
	}, nil)
	r.must(err)
	r.trigger, err = r.store.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: project, UserID: "u", Source: faas.TriggerSwift, Status: faas.TriggerPending,
		Calls: faas.FunctionRef{FunctionID: f.ID}, Settings: `{"container": "c"}`,
	}, nil)
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// Client implements trigger.Cloud.
func (r *rig) Client(context.Context, faas.Trigger, string) (*gophercloud.ServiceClient, error) {
	provider := &gophercloud.ProviderClient{TokenID: "token", HTTPClient: http.Client{Transport: r.transport}}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: r.swift.Grant("token", project)}, nil
}

// keep has the trigger kept by an engine that was started just now, where a project may ask for so
// many calls a minute, and returns what the database says of the trigger then.
func (r *rig) keep(calls int64) (faas.Trigger, error) {
	r.Helper()
	log := slog.New(slog.DiscardHandler)
	quotas := quota.New(quota.Config{
		Driver: quota.Database{Store: r.store.QuotaStore}, Defaults: faas.Amounts{faas.ResourceCalls: calls},
	})
	intake := trigger.NewIntake(trigger.Config{Store: r.store, Log: log, Submit: submit.New(submit.Config{
		Executions: r.store.ExecutionLifecycle, Broker: r.broker, Log: log,
		Calls: quota.NewCalls(quotas, r.store.Shards(), time.Now),
	})})
	defer intake.Close()
	steward := New(Config{Triggers: r.store.TriggerStore, Log: log, Keepers: map[faas.TriggerSource]trigger.Keeper{
		faas.TriggerSwift: fromswift.New(fromswift.Config{Cloud: r, Take: intake}),
	}})
	_, keepErr := steward.Keep(r.Context(), store.DueItem{Ref: r.trigger.ID})
	kept, err := r.store.Trigger(r.Context(), faas.AnyProject(), r.trigger.ID)
	r.must(err)
	return kept, keepErr
}

func (r *rig) executions() int {
	r.Helper()
	page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{Limit: 1000})
	r.must(err)
	return len(page.Items)
}

// TestObjectsAreExecutions has more objects than the project may ask for calls.
func TestObjectsAreExecutions(t *testing.T) {
	r := newRig(t)
	kept, err := r.keep(5)
	if kept.Status != faas.TriggerError || !strings.Contains(kept.StatusReason, `no container "c"`) ||
		faas.KindOf(err) != faas.NotFound {
		t.Fatalf("no container: %s: %s, %v", kept.Status, kept.StatusReason, err)
	}
	for i := range 8 {
		r.swift.Put(project, "c", fmt.Sprint(i), []byte("x"))
	}
	kept, err = r.keep(5)
	if err != nil || kept.Status != faas.TriggerActive || !strings.Contains(kept.StatusReason, "Events wait") {
		t.Fatalf("%s: %s, %v", kept.Status, kept.StatusReason, err)
	}
	if n := r.executions(); n == 0 || n >= 8 {
		t.Errorf("%d executions", n)
	}
	for range 2 {
		kept, err := r.keep(faas.Unlimited)
		if err != nil || kept.Status != faas.TriggerActive || kept.StatusReason != "" {
			t.Fatalf("%s: %s, %v", kept.Status, kept.StatusReason, err)
		}
		if n := r.executions(); n != 8 || kept.Seen.Duplicates != 0 {
			t.Errorf("%d executions, %d duplicates", n, kept.Seen.Duplicates)
		}
	}
}

// TestStateIsLost has a trigger whose state is that of before: the same objects are no executions
// again.
func TestStateIsLost(t *testing.T) {
	r := newRig(t)
	for i := range 300 {
		r.swift.Put(project, "c", fmt.Sprint(i), []byte("x"))
	}
	for range 3 {
		if _, err := r.keep(faas.Unlimited); err != nil {
			t.Fatal(err)
		}
		r.must(r.store.NoteTrigger(t.Context(), r.trigger.ID, "", faas.TriggerActive, ""))
	}
	kept, err := r.keep(faas.Unlimited)
	if n := r.executions(); err != nil || n != 300 || kept.Seen.Duplicates == 0 {
		t.Errorf("%d executions, %d duplicates, %v", n, kept.Seen.Duplicates, err)
	}
}

// TestWokenTriggersReadTheList has a trigger that was woken read a list although the container's
// counts are what they were.
func TestWokenTriggersReadTheList(t *testing.T) {
	r := newRig(t)
	const many = 1001 // of fewer the list is always read
	for i := range many {
		r.swift.Put(project, "c", fmt.Sprint(i), []byte("x"))
	}
	_, err := r.store.UpdateTrigger(t.Context(), faas.AnyProject(), r.trigger.ID, func(g *faas.Trigger) error {
		g.Settings = `{"container": "c", "suffix": "77"}`
		return nil
	})
	r.must(err)
	intake := trigger.NewIntake(trigger.Config{Store: r.store, Submit: submit.New(submit.Config{
		Executions: r.store.ExecutionLifecycle, Broker: r.broker,
		Calls: quota.NewCalls(
			quota.New(quota.Config{Driver: quota.Database{Store: r.store.QuotaStore}}), r.store.Shards(), time.Now,
		),
	})})
	defer intake.Close()
	keepers := map[faas.TriggerSource]trigger.Keeper{
		faas.TriggerSwift: fromswift.New(fromswift.Config{Cloud: r, Take: intake}),
	}
	steward := New(Config{Triggers: r.store.TriggerStore, Log: slog.New(slog.DiscardHandler), Keepers: keepers})
	keep := func(woken bool) {
		t.Helper()
		_, err := steward.Keep(t.Context(), store.DueItem{Ref: r.trigger.ID, Woken: woken})
		r.must(err)
	}
	keep(false)
	before := r.executions()
	r.swift.Put(project, "c", "77", []byte("y"))
	keep(false)
	if n := r.executions() - before; n != 0 {
		t.Errorf("%d executions of what counts do not show", n)
	}
	keep(true)
	for deadline := time.Now().Add(time.Minute); r.executions() == before; keep(false) { // a long list has a rest
		if time.Now().After(deadline) {
			t.Fatal("no execution of what somebody has heard of")
		}
	}
}
