package duework

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/store"
)

// metrics is what operators see of work that is due.
type metrics struct {
	runs    *prometheus.CounterVec
	late    *prometheus.HistogramVec
	running *prometheus.GaugeVec
}

func newMetrics() metrics {
	return metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_due_work_runs_total",
			Help: "Runs of due work, by kind and result: done, again (to be done again later), failed (to be tried again), " +
				"dead (failed too often), stopped (the engine stopped), lost (not recorded, or taken by another engine).",
		}, []string{"kind", "result"}),
		late: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "faas_due_work_late_seconds",
			Help:    "How long after it was due work was begun, by kind.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 1800},
		}, []string{"kind"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "faas_due_work_running", Help: "Work in hand, by kind.",
		}, []string{"kind"}),
	}
}

// Register has the registry show what the runner does.
func (r *Runner) Register(registry prometheus.Registerer) {
	registry.MustRegister(r.metrics.runs, r.metrics.late, r.metrics.running)
}

func (m metrics) began(i store.DueItem) {
	m.late.WithLabelValues(i.Kind).Observe((-i.In).Seconds())
	m.running.WithLabelValues(i.Kind).Inc()
}

func (m metrics) ended(kind string) { m.running.WithLabelValues(kind).Dec() }

func (m metrics) count(kind, result string) { m.runs.WithLabelValues(kind, result).Inc() }
