package submit

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// counted returns how many executions had the result.
func counted(t *testing.T, s *Submitter, result string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	s.Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// wanted is what any asker has: no HTTP request is needed.
func wanted() faas.Execution {
	return faas.Execution{
		ProjectID: "p", UserID: "u", RequestID: "req-1", FunctionID: faas.NewID(), FunctionVersion: 3, FunctionAlias: "live",
		Input: `{"a":1}`, Description: "Created by Job 1", Sync: true,
	}
}

func TestAnExecutionIsRecordedBeforeAnEngineIsWoken(t *testing.T) {
	rows, b := openStore(t), broker.NewInProcess()
	defer b.Close()
	type found struct {
		x   faas.Execution
		err error
	}
	woken := make(chan found, 1)
	_, err := b.Consume(t.Context(), faas.ExecutionsQueue("p"), 1, func(ctx context.Context, body []byte) error {
		x, err := rows.Execution(ctx, faas.OneProject("p"), string(body))
		woken <- found{x, err}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Executions: rows.ExecutionLifecycle, Broker: b})
	x, err := s.Submit(t.Context(), wanted())
	if err != nil {
		t.Fatal(err)
	}
	if x.Sync || x.Status != faas.ExecutionQueued || x.CreatedAt.IsZero() || !faas.IsID(x.ID) {
		t.Errorf("submitted as %+v", x)
	}
	got := <-woken
	want := wanted()
	if got.err != nil || got.x.ID != x.ID || got.x.Status != faas.ExecutionQueued || got.x.Sync ||
		got.x.UserID != want.UserID || got.x.RequestID != want.RequestID || got.x.FunctionVersion != want.FunctionVersion ||
		got.x.FunctionAlias != want.FunctionAlias || got.x.Input != want.Input || got.x.Description != want.Description {
		t.Errorf("an engine that is woken finds %+v, %v", got.x, got.err)
	}
	if n := counted(t, s, "queued"); n != 1 {
		t.Errorf("%v are counted as queued", n)
	}
}

// TestNobodyToWake has a broker that is gone: the record is what counts.
func TestNobodyToWake(t *testing.T) {
	rows, b := openStore(t), broker.NewInProcess()
	b.Close()
	s := New(Config{Executions: rows.ExecutionLifecycle, Broker: b})
	x, err := s.Submit(t.Context(), wanted())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Execution(t.Context(), faas.OneProject("p"), x.ID); err != nil ||
		got.Status != faas.ExecutionQueued {
		t.Errorf("recorded is %+v, %v", got, err)
	}
	due, err := rows.DueItems(t.Context(), store.DueQuery{Shards: []int{rows.Shards().Of(x.ID)}, Room: map[string]int{store.LostMessage: 1}})
	if err != nil || len(due) != 1 || due[0].Ref != x.ID {
		t.Errorf("for engines to find there is %+v, %v", due, err)
	}
	if n := counted(t, s, "unannounced"); n != 1 {
		t.Errorf("%v are counted as unannounced", n)
	}
}

// TestOverQuota has whatever is submitted counted, so that no way in passes the quota by.
func TestOverQuota(t *testing.T) {
	rows, b := openStore(t), broker.NewInProcess()
	defer b.Close()
	once := int64(1)
	if err := rows.SetQuotas(t.Context(), "p", map[faas.Resource]*int64{faas.ResourceCalls: &once}); err != nil {
		t.Fatal(err)
	}
	calls := quota.NewCalls(quota.New(quota.Config{
		Driver: quota.Database{Store: rows.QuotaStore}, Defaults: faas.Amounts{faas.ResourceCalls: faas.Unlimited}, CacheTime: time.Hour,
		Log: slog.New(slog.DiscardHandler),
	}), rows.Shards(), nil)
	s := New(Config{Executions: rows.ExecutionLifecycle, Broker: b, Calls: calls})
	if _, err := s.Submit(t.Context(), wanted()); err != nil {
		t.Fatal(err)
	}
	refused := wanted()
	refused.ID = faas.NewID()
	_, err := s.Submit(t.Context(), refused)
	var over *faas.Error
	if !errors.As(err, &over) || over.Kind != faas.Busy || over.RetryAfter <= 0 {
		t.Errorf("the second is %v", err)
	}
	if _, err := rows.Execution(t.Context(), faas.OneProject("p"), refused.ID); faas.KindOf(err) != faas.NotFound {
		t.Errorf("what was refused is recorded: %v", err)
	}
	if n := counted(t, s, "refused"); n != 1 {
		t.Errorf("%v are counted as refused", n)
	}
}
