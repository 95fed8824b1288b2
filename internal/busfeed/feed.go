package busfeed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// Config is what a Feed needs. Broker, Queue, Exchanges, Topics and Sift are required.
type Config struct {
	Broker    broker.Config
	Queue     string        // ours, the same for all engines
	Exchanges []string      // control_exchange of the services
	Topics    []string      // their topics of notifications
	MaxBytes  int64         // of the messages that wait in the queue: 256 MiB
	Expires   time.Duration // after which a queue that nobody consumes is deleted: a day
	Rebind    time.Duration // how often the exchanges are looked for: 30 s
	Parallel  int           // messages that something is done for at a time: 32

	// Sift looks at the body of a message and returns at once: nil when there is nothing to be
	// done for it, else what does it. The message is acknowledged when that has returned nil. An
	// error of kind faas.Unavailable has it done again, until it works; any other has the
	// message come again after a pause, a number of times.
	Sift func(body []byte) (work func(context.Context) error)
	// Ready is closed when Sift knows what is wanted; nothing is read before. nil: it does.
	Ready <-chan struct{}
	Log   *slog.Logger // nil: slog.Default()

	postponed time.Duration // tests wait for less
}

const (
	defaultMaxBytes = 256 << 20
	defaultExpires  = 24 * time.Hour
	defaultRebind   = 30 * time.Second
	defaultParallel = 32

	// prefetch bounds how many messages are here at a time, and with that their memory.
	prefetch = 256
	// ackEach is after how many messages, and ackAfter after which time, those that are done
	// with are acknowledged together.
	ackEach  = prefetch / 4
	ackAfter = 20 * time.Millisecond

	closeTimeout = 2 * time.Second
)

// Feed reads notifications. It is made by New and runs once.
type Feed struct {
	cfg      Config
	counts   counts
	later    *later
	refusals refusals
}

// New returns a feed.
func New(cfg Config) (*Feed, error) {
	if cfg.Queue == "" || len(cfg.Exchanges) == 0 || len(cfg.Topics) == 0 || cfg.Sift == nil {
		return nil, errors.New("a feed of notifications needs a queue, exchanges, topics and who looks at them")
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.Expires <= 0 {
		cfg.Expires = defaultExpires
	}
	if cfg.Rebind <= 0 {
		cfg.Rebind = defaultRebind
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.postponed <= 0 {
		cfg.postponed = postponedFor
	}
	f := &Feed{cfg: cfg, counts: newCounts()}
	f.later = &later{cfg: cfg}
	return f, nil
}

// Run reads until ctx ends, and connects again whenever it has to. Before it returns, what is being
// done has ended.
func (f *Feed) Run(ctx context.Context) {
	defer f.later.close()
	if f.cfg.Ready != nil {
		select {
		case <-f.cfg.Ready:
		case <-ctx.Done():
			return
		}
	}
	for round := 0; ctx.Err() == nil; round++ {
		since := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		f.cfg.Log.Warn("the feed of notifications was lost and is attached again", "queue", f.cfg.Queue, "error", err)
		if time.Since(since) > time.Minute {
			round = 0
		}
		pause(ctx, broker.RetryPause(f.cfg.Broker, round))
	}
}

// once reads over one connection, until that is lost or ctx ends.
func (f *Feed) once(ctx context.Context) error {
	conn, err := broker.Dial(ctx, f.cfg.Broker, "notifications heard")
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseDeadline(time.Now().Add(closeTimeout)) }()
	if err := f.declare(conn); err != nil {
		return err
	}
	f.bind(conn)
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(f.cfg.Queue, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume %s: %w", f.cfg.Queue, err)
	}
	binding, stop := context.WithCancel(ctx)
	var rebinding sync.WaitGroup
	rebinding.Go(func() { f.keepBound(binding, conn) })
	defer rebinding.Wait()
	defer stop()
	return f.read(ctx, ch, deliveries)
}

// read handles the messages of a channel until that is closed or ctx ends.
func (f *Feed) read(ctx context.Context, ch *amqp.Channel, deliveries <-chan amqp.Delivery) error {
	a := newAcknowledger(ch)
	room := make(chan struct{}, f.cfg.Parallel)
	var works sync.WaitGroup
	defer func() { // what was done while it ended need not come again
		works.Wait()
		_ = a.acknowledge() // the channel may be lost
		a.due.Stop()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.due.C:
			if err := a.acknowledge(); err != nil {
				return err
			}
		case <-a.moved:
			if err := a.acknowledgeSoon(); err != nil {
				return err
			}
		case d, ok := <-deliveries:
			if !ok {
				return errors.New("RabbitMQ has ended the consumer, or the connection was lost")
			}
			f.counts.read(d)
			work := f.cfg.Sift(d.Body)
			if work == nil {
				a.settle(d.DeliveryTag)
				if err := a.acknowledgeSoon(); err != nil {
					return err
				}
				continue
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			works.Go(func() {
				defer func() { <-room }()
				if f.do(ctx, d, work) {
					a.settle(d.DeliveryTag)
					a.tell()
				}
			})
		}
	}
}

const (
	// holdFor is how long a message is kept here while what it needs is away, before it is put
	// behind others.
	holdFor   = 10 * time.Second
	holdPause = 200 * time.Millisecond
)

// do does what is to be done for a message. It reports whether the message can be acknowledged.
func (f *Feed) do(ctx context.Context, d amqp.Delivery, work func(context.Context) error) bool {
	for since := time.Now(); ; {
		err := work(ctx)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case faas.KindOf(err) == faas.Unavailable && time.Since(since) < holdFor:
			pause(ctx, holdPause)
		default:
			return f.putOff(ctx, d, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
