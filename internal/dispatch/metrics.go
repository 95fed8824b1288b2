package dispatch

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// What a call that finds no free slot waits for.
const (
	waitsForSlot   = "slot"   // the function's workers are busy
	waitsForWorker = "worker" // it has none: a cold start
)

// metrics is what operators see of calls and of the search for workers.
type metrics struct {
	calls    *prometheus.CounterVec
	waited   *prometheus.HistogramVec
	requests *prometheus.CounterVec
	took     prometheus.Histogram
	now      []prometheus.Collector
}

func newMetrics(d *Dispatcher) metrics {
	gauge := func(name, help string, read func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return float64(read())
		})
	}
	return metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_dispatch_calls_total",
			Help: "Calls by what came of them: success, failed and cancelled, as they ended; else the kind of the error, " +
				"such as busy (no slot in time), unavailable (no worker to be had) and internal (the worker was lost).",
		}, []string{"outcome"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "faas_dispatch_wait_seconds",
			Help: "How long calls that found no free slot waited, by what they waited for: " +
				"a slot of busy workers, or a worker (a cold start).",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"for"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_dispatch_worker_requests_total",
			Help: "Requests for one more worker, by result: found, or the kind of the error.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "faas_dispatch_worker_request_seconds",
			Help:    "How long requests for a worker took that found one.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .25, .5, 1},
		}),
		now: []prometheus.Collector{
			gauge("faas_dispatch_waiting_calls", "Calls that wait for a slot now.", d.countWaiting),
			gauge("faas_dispatch_known_workers", "Workers that this process sends calls to.", func() int {
				workers, _ := d.countWorkers()
				return workers
			}),
			gauge("faas_dispatch_used_slots", "Slots that run a call of this process now.", func() int {
				_, used := d.countWorkers()
				return used
			}),
		},
	}
}

// Register has the registry show what the dispatcher does.
func (d *Dispatcher) Register(registry prometheus.Registerer) {
	registry.MustRegister(d.metrics.calls, d.metrics.waited, d.metrics.requests, d.metrics.took)
	registry.MustRegister(d.metrics.now...)
}

// countWaiting returns how many calls wait. The lock is held.
func (d *Dispatcher) countWaiting() (n int) {
	for _, of := range d.waiting {
		n += of
	}
	return n
}

// countWorkers returns how many workers are known and how many of their slots are in use. The lock
// is held.
func (d *Dispatcher) countWorkers() (workers, used int) {
	for _, g := range d.groups {
		workers += len(g.workers)
		for _, w := range g.workers {
			used += w.used
		}
	}
	return workers, used
}

func (m metrics) count(outcome faas.Outcome, err error) {
	result := string(outcome.Status)
	switch {
	case errors.Is(err, ErrCancelled):
		result = string(faas.ExecutionCancelled)
	case err != nil:
		result = kindOf(err)
	}
	m.calls.WithLabelValues(result).Inc()
}

func (m metrics) acquired(took time.Duration, err error) {
	if err != nil {
		m.requests.WithLabelValues(kindOf(err)).Inc()
		return
	}
	m.requests.WithLabelValues("found").Inc()
	m.took.Observe(took.Seconds())
}

// kindOf returns an error's kind as the value of a label. There are few kinds.
func kindOf(err error) string {
	if kind := faas.KindOf(err); kind != "" {
		return string(kind)
	}
	return string(faas.Internal)
}
