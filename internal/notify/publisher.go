package notify

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/store"
)

// OwnerID is hashed like the id of a function: the engine that owns its shard publishes. One
// publisher at a time only saves listeners duplicates. Two may publish for a moment when the shard
// changes hands; their messages have equal ids.
const OwnerID = "notifications"

// Carrier delivers messages. After an error all of them are delivered again, those included that
// have arrived.
type Carrier func(ctx context.Context, messages []Message) error

// PublisherConfig is what a Publisher needs. Store and Carry are required.
type PublisherConfig struct {
	Outbox *store.Outbox
	Carry  Carrier
	Log    *slog.Logger     // nil: slog.Default()
	Now    func() time.Time // nil: time.Now
}

const (
	// batchSize is how many messages are delivered at a time.
	batchSize = 500
	// carryTimeout bounds the delivery of a batch.
	carryTimeout = 30 * time.Second
	// firstPause and lastPause bound the pause after a delivery that failed, which doubles each
	// time.
	firstPause, lastPause = time.Second, 30 * time.Second
)

// Publisher sends the events of the outbox as notifications and deletes them. All methods but
// Register are for one goroutine.
type Publisher struct {
	cfg    PublisherConfig
	failed int       // deliveries in a row
	again  time.Time // when to try again after a failure

	counts *prometheus.CounterVec
	oldest prometheus.Gauge
}

// NewPublisher returns a publisher.
func NewPublisher(cfg PublisherConfig) *Publisher {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Publisher{
		cfg: cfg,
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_notifications_total",
			Help: "Notifications by result: sent, or unreadable, which are dropped and logged.",
		}, []string{"result"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "faas_notifications_oldest_seconds",
			Help: "The age of the oldest notification that waits, as the engine that sends them saw last; 0 when none does.",
		}),
	}
}

// Register has the registry show what is sent and how long it waits.
func (p *Publisher) Register(registry prometheus.Registerer) {
	registry.MustRegister(p.counts, p.oldest)
}

// Publish sends all events that wait, batch by batch, until ctx ends. After a failure it returns at
// once until it is time to try again.
func (p *Publisher) Publish(ctx context.Context) {
	if p.cfg.Now().Before(p.again) {
		return
	}
	for ctx.Err() == nil {
		n, err := p.publishBatch(ctx)
		if err != nil {
			p.failure(ctx, err)
			return
		}
		p.success()
		if n < batchSize {
			p.oldest.Set(0)
			return
		}
	}
}

// publishBatch publishes one batch and deletes it. It returns how many events it found.
func (p *Publisher) publishBatch(ctx context.Context) (int, error) {
	events, err := p.cfg.Outbox.Events(ctx, batchSize)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	messages := make([]Message, 0, len(events))
	oldest := p.cfg.Now()
	for _, e := range events {
		m, at, err := messageOf(e)
		if err != nil { // a bug of ours: kept, it would stop all events behind it
			p.cfg.Log.Error("an event in the outbox cannot be decoded and is dropped", "id", e.ID, "event", e.Body, "error", err)
			p.counts.WithLabelValues("unreadable").Inc()
			continue
		}
		if messages = append(messages, m); at.Before(oldest) {
			oldest = at
		}
	}
	p.oldest.Set(p.cfg.Now().Sub(oldest).Seconds())
	carrying, cancel := context.WithTimeout(ctx, carryTimeout)
	err = p.cfg.Carry(carrying, messages)
	cancel()
	if err != nil {
		return 0, err
	}
	p.counts.WithLabelValues("sent").Add(float64(len(messages)))
	return len(events), p.cfg.Outbox.DropEvents(ctx, events)
}

// failure logs the first failure in a row, and sets the time of the next try.
func (p *Publisher) failure(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if p.failed == 0 {
		p.cfg.Log.Warn("notifications cannot be delivered; they wait in the database", "error", err)
	}
	pause := min(firstPause<<min(p.failed, 10), lastPause)
	p.failed++
	p.again = p.cfg.Now().Add(pause/2 + rand.N(pause/2))
}

// success logs the end of failures.
func (p *Publisher) success() {
	if p.failed > 0 {
		p.cfg.Log.Info("notifications are delivered again")
	}
	p.failed, p.again = 0, time.Time{}
}
