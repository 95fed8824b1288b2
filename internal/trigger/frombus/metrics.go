package frombus

import "github.com/prometheus/client_golang/prometheus"

// What becomes of notifications, beside the outcomes of trigger.Taker.
const (
	resultNobodys  = "nobodys"   // it is of no project for certain
	resultUnwanted = "unwanted"  // no trigger of its project wants it
	resultRubbish  = "rubbish"   // it is no notification
	resultTooLarge = "too_large" // it was not looked at
	resultPutOff   = "put_off"   // it is to be brought to a trigger again
	resultWoken    = "woken"     // a trigger looks at its container for it
	resultAwaited  = "awaited"   // a trigger was about to look anyway
)

// results counts what became of notifications. The counters of the frequent results are had at
// once.
type results struct {
	vector   *prometheus.CounterVec
	frequent map[string]prometheus.Counter
}

func newResults() *results {
	r := &results{frequent: map[string]prometheus.Counter{}, vector: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_notifications_heard_total",
		Help: "Notifications on the message bus by what became of them here: unwanted (by every trigger of " +
			"their project), nobodys " +
			"(of no project for certain), rubbish or too_large (dropped); and for each trigger that wanted one: " +
			"queued, duplicate, " +
			"filtered, refused, or put_off (brought again later); for each trigger of a container in Swift: woken, or " +
			"awaited (it was woken just before).",
	}, []string{"result"})}
	for _, result := range []string{resultNobodys, resultUnwanted, resultRubbish, resultTooLarge, resultWoken,
		resultAwaited} {
		r.frequent[result] = r.vector.WithLabelValues(result)
	}
	return r
}

func (r *results) count(result string) {
	if c := r.frequent[result]; c != nil {
		c.Inc()
		return
	}
	r.vector.WithLabelValues(result).Inc()
}

// Register has the registry count what becomes of notifications, and the triggers that hear them.
func (s *Sifter) Register(registry prometheus.Registerer) {
	registry.MustRegister(s.results.vector, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "faas_notification_triggers", Help: "Active triggers that this process brings notifications to.",
	}, func() float64 { return float64(s.cfg.Index.Len()) }))
}
