package service

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// clientMetrics are the requests that a process sends to other services over HTTP.
type clientMetrics struct {
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

func newClientMetrics(registry prometheus.Registerer) clientMetrics {
	m := clientMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_client_requests_total",
			Help: "Requests to other services that were answered, by service, method and status.",
		}, []string{"service", "method", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "faas_client_request_duration_seconds",
			Help:    "Time from a request to another service to the head of its answer.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"service", "method"}),
	}
	registry.MustRegister(m.requests, m.latency)
	return m
}

// of returns the transport with its requests counted as those to the service.
func (m clientMetrics) of(service string, transport http.RoundTripper) http.RoundTripper {
	labels := prometheus.Labels{"service": service}
	return promhttp.InstrumentRoundTripperCounter(m.requests.MustCurryWith(labels),
		promhttp.InstrumentRoundTripperDuration(m.latency.MustCurryWith(labels), transport))
}

// KubernetesTransport returns the transport with its requests counted.
func (p Parts) KubernetesTransport(transport http.RoundTripper) http.RoundTripper {
	return p.clients.of("kubernetes", transport)
}
