package broker

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// shardKept is how long the queue of a shard outlives its last consumer, in milliseconds.
const shardKept = 3_600_000

// tokenTimeout bounds putting a token into a shard's queue.
const tokenTimeout = 30 * time.Second

// tokenKept is how long an owner keeps a token unacknowledged, unless the configuration says
// otherwise. RabbitMQ closes the channel of a consumer that keeps a message for longer than its
// consumer_timeout, which is half an hour by default.
const tokenKept = 10 * time.Minute

// shardQueue is the queue whose single active consumer owns the shard. RabbitMQ does not tell a
// consumer that it has become the active one. So there is a message in the queue, the token: the
// consumer that receives it is the active one. The owner keeps it unacknowledged, so that with a
// prefetch count of one the next token stays in the queue.
//
// Every consumer publishes a token when it gets in line, and so does each new owner before it
// begins; the queue keeps one (x-max-length). So there is always one for the next owner, even when
// RabbitMQ drops a token as undeliverable because too many owners crashed with it.
//
// An owner changes its token before consumer_timeout: it publishes another, acknowledges its own,
// and receives the other, because it is still the active consumer.
type shardQueue string

func (q shardQueue) declare(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(string(q), true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-single-active-consumer": true, "x-max-length": 1, "x-expires": shardKept,
	})
	return err
}

// Own implements Broker. Two owners at once are avoided by heartbeats: an owner that hears nothing
// from RabbitMQ closes its connection, and ends hold, after one and a half heartbeat timeouts at
// the latest. RabbitMQ drops a silent consumer, and lets the next one in, after two at the
// earliest.
func (r *Rabbit) Own(ctx context.Context, shard string, hold func(ctx context.Context)) (func(), error) {
	q := shardQueue(r.name("shard", shard))
	var o ownership
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
			o.attached(ch)
			return deliveries, r.putToken(ctx, q)
		},
		take: func(ctx context.Context, d amqp.Delivery) {
			if ctx.Err() == nil && o.got(d) {
				o.begin(ctx, func(ctx context.Context) {
					// The channel closes as soon as this returns, so that the next in line waits for nothing. A
					// caller that gives shards up again and again is slowed down by the pauses of the
					// subscription.
					if err := r.putToken(ctx, q); err == nil {
						r.keep(ctx, q, &o, hold)
					}
				})
			}
		},
		finish:    o.end,
		release:   o.end,
		onPurpose: o.wasGivenUp,
	})
}

// keep runs hold, and changes the token from time to time while it runs.
func (r *Rabbit) keep(ctx context.Context, q shardQueue, o *ownership, hold func(context.Context)) {
	holding, end := context.WithCancel(ctx)
	var changing sync.WaitGroup
	changing.Go(func() {
		for {
			if pause(holding, r.config.tokenKept); holding.Err() != nil {
				return
			}
			if err := r.changeToken(holding, q, o); err != nil && holding.Err() == nil {
				r.log.Warn("a shard's token could not be changed", "queue", string(q), "error", err)
			}
		}
	})
	defer changing.Wait()
	defer end()
	hold(ctx)
}

func (r *Rabbit) changeToken(ctx context.Context, q shardQueue, o *ownership) error {
	if err := r.putToken(ctx, q); err != nil {
		return err // without another in the queue, this one must be kept
	}
	if err := o.ack(); err != nil {
		return err
	}
	r.log.Debug("changed a shard's token", "queue", string(q))
	return nil
}

// putToken publishes a token. It gives up after tokenTimeout: RabbitMQ may block the publishing
// connection while the consuming one works.
func (r *Rabbit) putToken(ctx context.Context, q shardQueue) error {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	return r.put(ctx, string(q), q.declare, amqp.Publishing{DeliveryMode: amqp.Persistent, Timestamp: time.Now()})
}

// ownership is the state of one shard on this process: whether it is owned on the current channel,
// and by which token. The subscription opens channels one after the other, and each owns the shard
// at most once.
type ownership struct {
	ch     *amqp.Channel
	cancel context.CancelFunc
	under  sync.WaitGroup

	mu    sync.Mutex
	begun bool           // the first token has arrived on this channel
	given bool           // this channel was closed because hold returned by itself
	token *amqp.Delivery // unacknowledged; nil between one and the next
}

func (o *ownership) attached(ch *amqp.Channel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ch, o.begun, o.given, o.token = ch, false, false, nil
}

func (o *ownership) giveUp() {
	o.mu.Lock()
	o.given = true
	ch := o.ch
	o.mu.Unlock()
	_ = ch.Close()
}

func (o *ownership) wasGivenUp() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.given
}

// got keeps a token. It reports whether it is the channel's first, with which the ownership begins.
func (o *ownership) got(d amqp.Delivery) (first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first = !o.begun
	o.begun, o.token = true, &d
	return first
}

// ack acknowledges the token that is held, if any. Another must be in the queue.
func (o *ownership) ack() error {
	o.mu.Lock()
	token := o.token
	o.token = nil
	o.mu.Unlock()
	if token == nil {
		return nil
	}
	return token.Ack(false)
}

// begin runs hold on a goroutine beside the subscription. When hold returns by itself, begin closes
// the channel, and RabbitMQ puts the token back into the queue for the next in line.
func (o *ownership) begin(ctx context.Context, hold func(context.Context)) {
	ctx, o.cancel = context.WithCancel(ctx)
	o.under.Go(func() {
		hold(ctx)
		if ctx.Err() == nil {
			o.giveUp()
		}
	})
}

// end cancels the context of hold and waits until it has returned. Only the subscription's
// goroutine calls it.
func (o *ownership) end() {
	if o.cancel != nil {
		o.cancel()
	}
	o.under.Wait()
}
