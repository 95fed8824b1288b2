package busfeed

import (
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

// counts are what is measured. How many messages the queue has dropped RabbitMQ tells nobody by
// AMQP: what is known is how many wait, which says how near it is to dropping.
type counts struct {
	messages    prometheus.Counter
	redelivered prometheus.Counter
	postponed   prometheus.Counter
	givenUp     prometheus.Counter
	bound       *atomic.Int64 // exchanges
	waiting     *atomic.Int64 // messages
}

func newCounts() counts {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return counts{
		messages: counter("faas_notifications_read_total",
			"Messages that were read from the queue of notifications."),
		redelivered: counter("faas_notifications_redelivered_total",
			"Messages of that queue that had been delivered before and were not acknowledged."),
		postponed: counter("faas_notifications_postponed_total",
			"Times that a notification was put off because there was no room for its execution."),
		givenUp: counter("faas_notifications_given_up_total",
			"Notifications that were put off too often and dropped."),
		bound:   new(atomic.Int64),
		waiting: new(atomic.Int64),
	}
}

func (c counts) read(d amqp.Delivery) {
	c.messages.Inc()
	if d.Redelivered {
		c.redelivered.Inc()
	}
}

// Register has the registry count what is read.
func (f *Feed) Register(registry prometheus.Registerer) {
	gauge := func(name, help string, value *atomic.Int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value.Load()) })
	}
	c := f.counts
	registry.MustRegister(c.messages, c.redelivered, c.postponed, c.givenUp,
		gauge("faas_notifications_exchanges_bound", "Exchanges that the queue of notifications is bound to.",
			c.bound),
		gauge("faas_notifications_waiting",
			"Messages in the queue of notifications, as of the last half minute. Beyond "+
				"notification_queue_bytes it drops the oldest.",
			c.waiting))
}

// refusals remembers what RabbitMQ said of each exchange, so that the log has each thing once.
type refusals struct{ last map[string]int }

func (r *refusals) note(log *slog.Logger, exchange string, err error) {
	now := 0
	if err != nil {
		now = max(code(err), 1)
	}
	if before, known := r.last[exchange]; known && before == now {
		return
	}
	if r.last == nil {
		r.last = map[string]int{}
	}
	r.last[exchange] = now
	switch now {
	case 0:
		log.Info("notifications of an exchange are heard", "exchange", exchange)
	case amqp.NotFound:
		log.Info("an exchange of notifications is not there yet; it is looked for again", "exchange", exchange)
	case amqp.AccessRefused:
		log.Warn("RabbitMQ refuses to bind the queue of notifications to an exchange: the user needs the right "+
			"to read it",
			"exchange", exchange, "error", err)
	default:
		log.Warn("the queue of notifications could not be bound to an exchange; tried again", "exchange",
			exchange, "error", err)
	}
}
