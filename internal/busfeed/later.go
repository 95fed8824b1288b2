package busfeed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// postponedFor is how long a message that was put off waits.
	postponedFor = 15 * time.Second
	// mostTimes is how often a message is put off for its own sake: for two and a half minutes
	// together. One that waits for something that is away, as the database, is put off for as
	// long as that takes.
	mostTimes = 10
	// timesHeader counts those times.
	timesHeader = "faas-times"
	// declareEach is how often the queue is declared while it is published to.
	declareEach = 10 * time.Second
	// confirmTimeout bounds how long RabbitMQ may take to confirm a copy.
	confirmTimeout = 30 * time.Second
)

// putOff has a message come again later: a copy goes to a queue in which it expires, from where
// RabbitMQ brings it to the end of the first queue. So one for which there is no room, because
// its project has used its quota up, holds up none of those behind it. It reports whether the
// message can be acknowledged.
func (f *Feed) putOff(ctx context.Context, d amqp.Delivery, cause error) bool {
	times, _ := d.Headers[timesHeader].(int64)
	if faas.KindOf(cause) != faas.Unavailable {
		times++
	}
	if times > mostTimes {
		f.counts.givenUp.Inc()
		f.cfg.Log.Warn("a notification was put off too often and is dropped", "queue", f.cfg.Queue, "error", cause)
		return true
	}
	for ctx.Err() == nil {
		err := f.later.publish(ctx, amqp.Publishing{
			ContentType: d.ContentType, DeliveryMode: amqp.Persistent, Body: d.Body,
			Headers: amqp.Table{timesHeader: times},
		})
		if err == nil {
			f.counts.postponed.Inc()
			return true
		}
		f.cfg.Log.Warn("a notification could not be put off yet", "queue", f.cfg.Queue, "error", err)
		pause(ctx, broker.RetryPause(f.cfg.Broker, 0))
		if ch, ok := d.Acknowledger.(*amqp.Channel); ok && ch.IsClosed() {
			return false // RabbitMQ delivers it again
		}
	}
	return false
}

// later publishes to the queue of those that were put off, on a connection of its own: RabbitMQ
// reads nothing from one that publishes while it has no memory, and acknowledgements must get
// through.
type later struct {
	cfg Config

	mu       sync.Mutex
	conn     *amqp.Connection
	ch       *amqp.Channel
	declared time.Time
}

func (l *later) queue() string { return l.cfg.Queue + ".later" }

// publish returns when RabbitMQ has the message. Many may be published at a time.
func (l *later) publish(ctx context.Context, m amqp.Publishing) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	confirm, err := l.send(ctx, m)
	if err != nil {
		return err
	}
	taken, err := confirm.WaitContext(ctx)
	if err == nil && !taken {
		err = errors.New("RabbitMQ refused the message, or the connection was lost")
	}
	return err
}

func (l *later) send(ctx context.Context, m amqp.Publishing) (*amqp.DeferredConfirmation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.connect(ctx)
	var confirm *amqp.DeferredConfirmation
	if err == nil {
		confirm, err = l.ch.PublishWithDeferredConfirmWithContext(ctx, "", l.queue(), false, false, m)
	}
	if err != nil {
		l.hangUp()
	}
	return confirm, err
}

// connect connects unless it is connected, and has the queue be there. The caller holds mu.
func (l *later) connect(ctx context.Context) (err error) {
	if l.conn == nil || l.conn.IsClosed() || l.ch.IsClosed() {
		l.hangUp()
		if l.conn, err = broker.Dial(ctx, l.cfg.Broker, "notifications put off"); err != nil {
			return err
		}
		if l.ch, err = l.conn.Channel(); err != nil {
			return err
		}
		if err = l.ch.Confirm(false); err != nil {
			return err
		}
	}
	if time.Since(l.declared) < declareEach {
		return nil
	}
	if err = l.declare(); err == nil {
		l.declared = time.Now()
	}
	return err
}

// declare declares the queue. It has no consumer, so that it is being declared that keeps RabbitMQ
// from deleting it as unused.
func (l *later) declare() error {
	err := try(l.conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(l.queue(), true, false, false, false, amqp.Table{
			"x-queue-type": "classic", "x-max-length-bytes": l.cfg.MaxBytes, "x-overflow": "drop-head",
			"x-queue-mode": "lazy",
			"x-expires":    l.cfg.Expires.Milliseconds(), "x-message-ttl": l.cfg.postponed.Milliseconds(),
			"x-dead-letter-exchange": "", "x-dead-letter-routing-key": l.cfg.Queue,
		})
		return err
	})
	if err != nil && code(err) != amqp.PreconditionFailed { // one with other bounds is used as it is
		return fmt.Errorf("the queue %s of notifications: %w", l.queue(), err)
	}
	return nil
}

func (l *later) hangUp() {
	if l.conn != nil {
		_ = l.conn.CloseDeadline(time.Now().Add(closeTimeout))
		l.conn, l.ch, l.declared = nil, nil, time.Time{}
	}
}

func (l *later) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hangUp()
}
