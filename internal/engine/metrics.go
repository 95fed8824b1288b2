package engine

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Register has the registry show what the engine and its rooms do.
func (e *Engine) Register(registry prometheus.Registerer) {
	e.due.Register(registry)
	e.jobs.Register(registry)
	e.followUps.Register(registry)
	e.triggers.Register(registry)
	part := prometheus.WrapRegistererWith(prometheus.Labels{"part": "engine"}, registry)
	e.submit.Register(part)
	e.events.Register(part)
	e.dispatch.Register(part)
	gauge := func(name, help string, read func() int) {
		registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
	}
	gauge("faas_engine_waiting_requests", "Requests for workers that wait in this engine.", e.placement.Waiting)
	gauge("faas_engine_leases", "Asynchronous executions that this engine holds the leases of.", e.executions.Held)
	gauge("faas_engine_owned_shards", "Shards that this engine owns.", func() int { return len(e.shards.Owned()) })
	registry.MustRegister(workerStates{e})
}

// workerStates collects how many workers there are by state. It reads the fleet when it is asked.
type workerStates struct{ engine *Engine }

var workersDesc = prometheus.NewDesc(
	"faas_engine_workers",
	"Workers that this engine knows of: generic and ready, starting, or specialised for a function.",
	[]string{"state"}, nil,
)

// Describe implements prometheus.Collector.
func (workerStates) Describe(descs chan<- *prometheus.Desc) { descs <- workersDesc }

// Collect implements prometheus.Collector.
func (s workerStates) Collect(metrics chan<- prometheus.Metric) {
	states := map[string]int{"generic": 0, "starting": 0, "specialised": 0}
	for _, w := range s.engine.fleet.Workers() {
		switch {
		case !w.Ready:
			states["starting"]++
		case w.Generic():
			states["generic"]++
		default:
			states["specialised"]++
		}
	}
	for state, n := range states {
		metrics <- prometheus.MustNewConstMetric(workersDesc, prometheus.GaugeValue, float64(n), state)
	}
}
