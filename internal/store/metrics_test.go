package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestMetrics reads what a write leaves in the registry.
func TestMetrics(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "db")
	if err := Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.WithoutCancel(t.Context()), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	registry := prometheus.NewRegistry()
	s.Register(registry)
	if _, err := s.CreateRuntime(t.Context(), faas.Runtime{Image: "i"}); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	pools := 0
	for _, f := range families {
		if f.GetName() == "go_sql_open_connections" {
			pools = len(f.GetMetric())
		}
		for _, m := range f.GetMetric() {
			counts[f.GetName()] += m.GetHistogram().GetSampleCount()
		}
	}
	for _, name := range []string{"faas_store_batch_operations", "faas_store_commit_seconds", "faas_store_write_wait_seconds"} {
		if counts[name] == 0 {
			t.Errorf("%s has seen nothing", name)
		}
	}
	if pools != 5 {
		t.Errorf("%d pools of connections are shown, not 5", pools)
	}
}
