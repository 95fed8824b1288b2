package service

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// TestProcessesShareQuotas has two processes on one database and one broker: what runs in one
// counts in the other.
func TestProcessesShareQuotas(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	rows, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	b := broker.NewInProcess()
	defer b.Close()
	log := slog.New(slog.DiscardHandler)
	var processes [2]Parts
	for i := range processes {
		p := Parts{Name: faas.NewID(), Store: rows, Broker: b}
		if err := p.openQuotas(config.Quota{Driver: "database", Functions: 3, Executions: 1, CallsPerMinute: -1, Queued: -1, RecordBytes: -1, CacheTime: time.Hour}, log); err != nil {
			t.Fatal(err)
		}
		if err := p.shareCalls(t.Context(), log); err != nil {
			t.Fatal(err)
		}
		defer p.stopSharing()
		processes[i] = p
	}
	shard := rows.Shards().Of("p") // whose owner is an engine in the first process
	processes[0].Sums.Own(shard)
	stop, err := b.Subscribe(
		t.Context(),
		faas.TopicCallsCounted(shard),
		func(body []byte) { processes[0].Sums.Hear(shard, body) },
	)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	limits, err := processes[1].Quotas.Limits(t.Context(), "p")
	if err != nil || limits.Limit(faas.ResourceFunctions) != 3 || limits.Limit(faas.ResourceExecutions) != 1 ||
		limits.Limit(faas.ResourceCalls) != faas.Unlimited ||
		len(limits) != len(quota.Resources) {
		t.Errorf("limits are %v, %v", limits, err)
	}
	done, err := processes[0].Calls.Begin(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	awaitRunning(t, processes[1], 1)
	if _, err := processes[1].Calls.Begin(t.Context(), "p"); faas.KindOf(err) != faas.Busy {
		t.Errorf("what runs elsewhere does not count: %v", err)
	}
	done()
	awaitRunning(t, processes[1], 0)
	if done, err = processes[1].Calls.Begin(t.Context(), "p"); err != nil {
		t.Error(err)
	} else {
		done()
	}
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

func awaitRunning(t *testing.T, p Parts, want int64) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(hangTimeout)
	defer tick.Stop()
	for p.Calls.Use("p")[faas.ResourceExecutions] != want {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it is not heard that %d run", want)
		}
	}
}

func TestUnifiedLimitsNeedKeystone(t *testing.T) {
	var p Parts
	err := p.openQuotas(config.Quota{Driver: "unified_limits"}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "auth_strategy = keystone") {
		t.Errorf("got %v", err)
	}
}
