package sharedcache

import (
	"errors"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/prometheus/client_golang/prometheus"
)

// What became of a request to memcached.
const (
	hit      = "ok"
	miss     = "missing"
	unusable = "unusable" // changed, another's, too old, or sealed by another secret
	failed   = "failed"
	skipped  = "skipped" // not sent: the server failed a moment ago, or all connections were in use
)

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return hit
	case errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, memcache.ErrNotStored):
		return miss
	case errors.Is(err, errAway), errors.Is(err, errBusy):
		return skipped
	}
	return failed
}

func newCounts() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_memcached_requests_total",
		Help: "Requests to memcached for what processes remember together, by method and result: ok, missing, unusable " +
			"(changed, too old, or sealed by another secret), failed, or skipped, because the server failed a moment ago.",
	}, []string{"method", "result"})
}

func (c *Cache) count(method, result string) { c.counts.WithLabelValues(method, result).Inc() }

// Register has Prometheus be told what became of requests.
func (c *Cache) Register(registry prometheus.Registerer) {
	if c == nil {
		return
	}
	registry.MustRegister(c.counts, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "faas_memcached_servers_away", Help: "Servers of memcached that did not answer the last request.",
	}, func() float64 {
		away := 0
		for _, s := range c.servers {
			if !s.answers() {
				away++
			}
		}
		return float64(away)
	}))
}
