package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// metrics are what Prometheus is told of requests.
type metrics struct {
	requests      *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	executions    *prometheus.CounterVec
	cancellations *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_api_requests_total", Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "faas_api_request_duration_seconds", Help: "Time from a request's head to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"route", "method"}),
		executions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_api_executions_total", Help: "Synchronous executions that ended here by status, and asynchronous ones accepted.",
		}, []string{"status"}),
		cancellations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_api_cancellations_total",
			Help: "Executions that were cancelled by request, by what they were: queued or running.",
		}, []string{"was"}),
	}
	registry.MustRegister(m.requests, m.latency, m.executions, m.cancellations)
	return m
}

// request counts one answered request. Methods are the caller's to choose: those that no route has
// share a label.
func (m *metrics) request(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route, method).Observe(took.Seconds())
}

func (m *metrics) execution(status faas.ExecutionStatus) {
	m.executions.WithLabelValues(string(status)).Inc()
}

// cancelled counts an execution that was cancelled.
func (m *metrics) cancelled(x faas.Execution) {
	was := faas.ExecutionRunning
	if x.StartedAt.IsZero() {
		was = faas.ExecutionQueued
	}
	m.cancellations.WithLabelValues(string(was)).Inc()
}
