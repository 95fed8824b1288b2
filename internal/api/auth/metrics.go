package auth

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/pkg/keystone"
)

// Register has Prometheus be told how Keystone is asked.
func (k *Keystone) Register(registry *prometheus.Registry) {
	for _, m := range []struct {
		name, help string
		value      func(keystone.Stats) int64
	}{
		{
			"faas_keystone_remembered_total", "Tokens that were judged from memory.",
			func(s keystone.Stats) int64 { return s.Recalled },
		},
		{
			"faas_keystone_shared_total", "Tokens of which another process had asked Keystone.",
			func(s keystone.Stats) int64 { return s.Shared },
		},
		{
			"faas_keystone_outage_total", "Tokens that went on though Keystone did not confirm them again in time.",
			func(s keystone.Stats) int64 { return s.Outage },
		},
		{
			"faas_keystone_requests_total", "Requests to Keystone.",
			func(s keystone.Stats) int64 { return s.Asked },
		},
		{
			"faas_keystone_refused_total", "Tokens that Keystone refused.",
			func(s keystone.Stats) int64 { return s.Refused },
		},
		{
			"faas_keystone_failures_total", "Requests that Keystone did not answer, or not with what can be used.",
			func(s keystone.Stats) int64 { return s.Failures },
		},
	} {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help},
			func() float64 { return float64(m.value(k.Client.Stats())) }))
	}
	registry.MustRegister(
		prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "faas_keystone_tokens", Help: "Tokens that are remembered as valid."},
			func() float64 { return float64(k.Client.Stats().Known) },
		),
	)
}
