package store

import (
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// writeMetrics is what operators see of group commits, by recorder: "calls" writes executions,
// "changes" functions, runtimes and the like, "chores" is maintenance. On SQLite all is "calls".
type writeMetrics struct {
	operations *prometheus.HistogramVec
	commit     *prometheus.HistogramVec
	wait       *prometheus.HistogramVec
}

func newWriteMetrics() *writeMetrics {
	seconds := []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 15}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"recorder"})
	}
	return &writeMetrics{
		operations: histogram("faas_store_batch_operations", "Operations that one commit carried.",
			[]float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}),
		commit: histogram("faas_store_commit_seconds",
			"How long commits took, from the first statement to the server's answer, retries included.", seconds),
		wait: histogram("faas_store_write_wait_seconds",
			"How long callers waited for their write, from handing it in to its commit.", seconds),
	}
}

// observe takes in one commit.
func (r *recorder) observe(operations int, took time.Duration) {
	r.metrics.operations.WithLabelValues(r.name).Observe(float64(operations))
	r.metrics.commit.WithLabelValues(r.name).Observe(took.Seconds())
}

// Register has the registry show what the store does: its group commits, and its pools of
// connections by the names that prometheus' collectors for database/sql give them.
func (s *Store) Register(registry prometheus.Registerer) {
	registry.MustRegister(s.metrics.operations, s.metrics.commit, s.metrics.wait)
	for name, db := range map[string]*sql.DB{
		"reads": s.readers, "lists": s.lists, "scans": s.scans, "health": s.health, "writes": s.writer,
	} {
		registry.MustRegister(collectors.NewDBStatsCollector(db, name))
	}
}
