package broker

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// shardKept is how long the queue of a shard outlives the last that stood in line for it, in
// milliseconds.
const shardKept = 3_600_000

// tokenWithin is how long putting a token into a shard's queue may take.
const tokenWithin = 30 * time.Second

// tokenKept is how long an owner keeps a token unsettled, unless the broker is told another.
// RabbitMQ closes the channel of whoever keeps one for its consumer_timeout, which is half an hour
// unless configured.
const tokenKept = 10 * time.Minute

// shardQueue is the queue whose single active consumer owns the shard. RabbitMQ does not tell a
// consumer that it has become the active one, so there is a token in the queue: who gets it is. The
// owner keeps it unsettled, which with a prefetch of one keeps the next token where it is.
//
// Everybody who gets in line puts in a token, and so does each new owner before it begins; the
// queue keeps one. So there is one for the next, also when RabbitMQ calls a token dead that has
// been through too many crashes.
//
// An owner changes its token from time to time: it puts in one more, then settles its own, and gets
// the next, for it stays the active consumer.
type shardQueue string

func (q shardQueue) declare(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(string(q), true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-single-active-consumer": true, "x-max-length": 1, "x-expires": shardKept,
	})
	return err
}

// Own implements Broker. A connection that hears nothing from RabbitMQ ends hold after one and a
// half heartbeats at the latest; RabbitMQ lets the next in after two at the earliest.
func (r *Rabbit) Own(ctx context.Context, shard string, hold func(ctx context.Context)) (func(), error) {
	q := shardQueue(r.name("shard", shard))
	var t tenure
	return r.subscribe(ctx, &subscription{
		name: string(q),
		attach: func(ctx context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error) {
			if err := q.declare(ch); err != nil {
				return nil, err
			}
			deliveries, err := consume(ch, string(q), 1)
			if err != nil {
				return nil, err
			}
			t.attached(ch)
			return deliveries, r.putToken(ctx, q)
		},
		take: func(ctx context.Context, d amqp.Delivery) {
			if ctx.Err() == nil && t.got(d) {
				t.begin(ctx, func(ctx context.Context) {
					// The channel closes as soon as this returns: the next in line waits for
					// nothing. Whoever gives shards up again and again is kept from it by the
					// subscription's own pauses.
					if err := r.putToken(ctx, q); err == nil {
						r.keep(ctx, q, &t, hold)
					}
				})
			}
		},
		finish:    t.end,
		release:   t.end,
		onPurpose: t.wasGivenUp,
	})
}

// keep runs hold, and changes the token for as long.
func (r *Rabbit) keep(ctx context.Context, q shardQueue, t *tenure, hold func(context.Context)) {
	holding, end := context.WithCancel(ctx)
	var changing sync.WaitGroup
	changing.Go(func() {
		for {
			if pause(holding, r.config.tokenKept); holding.Err() != nil {
				return
			}
			if err := r.changeToken(holding, q, t); err != nil && holding.Err() == nil {
				r.log.Warn("a shard's token could not be changed", "queue", string(q), "error", err)
			}
		}
	})
	defer changing.Wait()
	defer end()
	hold(ctx)
}

func (r *Rabbit) changeToken(ctx context.Context, q shardQueue, t *tenure) error {
	if err := r.putToken(ctx, q); err != nil {
		return err // the one that is held stays
	}
	if err := t.settle(); err != nil {
		return err
	}
	r.log.Debug("changed a shard's token", "queue", string(q))
	return nil
}

// putToken returns up after a while: the connection for publishing may be held up while that for
// consuming is not.
func (r *Rabbit) putToken(ctx context.Context, q shardQueue) error {
	ctx, cancel := context.WithTimeout(ctx, tokenWithin)
	defer cancel()
	return r.put(ctx, string(q), q.declare, amqp.Publishing{DeliveryMode: amqp.Persistent, Timestamp: time.Now()})
}

// tenure is the time for which a shard is owned: at most one at a time, and one for each channel.
type tenure struct {
	ch     *amqp.Channel
	cancel context.CancelFunc
	under  sync.WaitGroup

	mu    sync.Mutex
	begun bool           // on this channel
	given bool           // this channel was closed because hold returned by itself
	token *amqp.Delivery // that is held; nil between one and the next
}

func (t *tenure) attached(ch *amqp.Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ch, t.begun, t.given, t.token = ch, false, false, nil
}

func (t *tenure) giveUp() {
	t.mu.Lock()
	t.given = true
	ch := t.ch
	t.mu.Unlock()
	_ = ch.Close()
}

func (t *tenure) wasGivenUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.given
}

// got takes in a token; it reports whether it is the channel's first, with which the tenure begins.
func (t *tenure) got(d amqp.Delivery) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = !t.begun
	t.begun, t.token = true, &d
	return first
}

// settle lets go of the token that is held, if any. Another must be in the queue.
func (t *tenure) settle() error {
	t.mu.Lock()
	token := t.token
	t.token = nil
	t.mu.Unlock()
	if token == nil {
		return nil
	}
	return token.Ack(false)
}

// begin runs hold beside the subscription. When it returns by itself, the channel closes, which
// gives the token back.
func (t *tenure) begin(ctx context.Context, hold func(context.Context)) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.under.Go(func() {
		hold(ctx)
		if ctx.Err() == nil {
			t.giveUp()
		}
	})
}

// end has hold return. Only the subscription's goroutine calls it.
func (t *tenure) end() {
	if t.cancel != nil {
		t.cancel()
	}
	t.under.Wait()
}
