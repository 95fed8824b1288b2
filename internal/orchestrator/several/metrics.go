package several

import "github.com/prometheus/client_golang/prometheus"

var (
	answersDesc = prometheus.NewDesc(
		"faas_cluster_answers", "Whether the API of a cluster answers this engine, where there are several.",
		[]string{"cluster"}, nil,
	)
	workersDesc = prometheus.NewDesc(
		"faas_cluster_workers", "Workers in a cluster that this engine knows of; none while the cluster is lost.",
		[]string{"cluster"}, nil,
	)
)

// states collects how the clusters are. It looks when it is asked.
type states struct{ o *Orchestrator }

// Describe implements prometheus.Collector.
func (s states) Describe(descs chan<- *prometheus.Desc) {
	descs <- answersDesc
	descs <- workersDesc
}

// Collect implements prometheus.Collector.
func (s states) Collect(metrics chan<- prometheus.Metric) {
	has, answers := map[string]int{}, map[string]float64{}
	s.o.mu.Lock()
	for _, w := range s.o.shown {
		has[w.of.Name]++
	}
	for _, m := range s.o.members {
		answers[m.Name] = 0
		if m.answers() {
			answers[m.Name] = 1
		}
	}
	s.o.mu.Unlock()
	for name, value := range answers {
		metrics <- prometheus.MustNewConstMetric(answersDesc, prometheus.GaugeValue, value, name)
		metrics <- prometheus.MustNewConstMetric(workersDesc, prometheus.GaugeValue, float64(has[name]), name)
	}
}

// Register has the registry show how the clusters are.
func (o *Orchestrator) Register(registry prometheus.Registerer) { registry.MustRegister(states{o}) }
