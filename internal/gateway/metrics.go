package gateway

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	open     prometheus.Gauge
	requests prometheus.Counter
	refused  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	up, down prometheus.Counter // of bytes
}

func newMetrics() metrics {
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_gateway_bytes_total", Help: "Bytes of requests (up) and of answers (down) that were passed on.",
	}, []string{"direction"})
	return metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "faas_gateway_tunnels", Help: "Tunnels that are open.",
		}),
		requests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "faas_gateway_requests_total", Help: "Requests that were passed on to workers.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_gateway_refused_total",
			Help: "Connections and requests that were not passed on, by why: full, handshake, invalid, forbidden, " +
				"no_worker, unreachable, unknown (where the worker is), gateway_draining.",
		}, []string{"reason"}),
		bytes: bytes, up: bytes.WithLabelValues("up"), down: bytes.WithLabelValues("down"),
	}
}

// Register has the gateway's metrics collected.
func (g *Gateway) Register(r prometheus.Registerer) {
	r.MustRegister(g.metrics.open, g.metrics.requests, g.metrics.refused, g.metrics.bytes)
}
