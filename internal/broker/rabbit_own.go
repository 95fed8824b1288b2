package broker

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// shardKept is how long the queue of a shard outlives the last that stood in line for it, in milliseconds.
const shardKept = 3_600_000

// tokenWithin is how long putting a token into a shard's queue may take.
const tokenWithin = 30 * time.Second

// shardQueue is the queue whose single active consumer owns the shard. RabbitMQ does not tell a consumer that it has become the active one, so there is a token in the
// queue: who gets it is. The owner keeps it unsettled, which with a prefetch of one keeps the next token where it is.
//
// Everybody who gets in line puts in a token, and so does each new owner before it begins; the queue keeps one. So there is one for the next, also when
// RabbitMQ calls a token dead that has been through too many crashes.
type shardQueue string

func (q shardQueue) declare(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(string(q), true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-single-active-consumer": true, "x-max-length": 1, "x-expires": shardKept,
	})
	return err
}

// Own implements Broker. A connection that hears nothing from RabbitMQ ends hold after one and a half heartbeats at the latest;
// RabbitMQ lets the next in after two at the earliest.
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
			t.ch = ch
			return deliveries, r.putToken(ctx, q)
		},
		take: func(ctx context.Context, _ amqp.Delivery) {
			if ctx.Err() == nil {
				t.begin(ctx, func(ctx context.Context) {
					if err := r.putToken(ctx, q); err == nil {
						hold(ctx)
					}
					pause(ctx, r.config.RedeliverAfter) // before standing in line again
				})
			}
		},
		finish:  t.end,
		release: t.end,
	})
}

// putToken gives up after a while: the connection for publishing may be held up while that for consuming is not.
func (r *Rabbit) putToken(ctx context.Context, q shardQueue) error {
	ctx, cancel := context.WithTimeout(ctx, tokenWithin)
	defer cancel()
	return r.put(ctx, string(q), q.declare, amqp.Publishing{DeliveryMode: amqp.Persistent, Timestamp: time.Now()})
}

// tenure is the time for which a shard is owned: at most one at a time.
type tenure struct {
	ch     *amqp.Channel
	cancel context.CancelFunc
	under  sync.WaitGroup
}

// begin runs hold beside the subscription. When it returns by itself, the channel closes, which gives the token back.
func (t *tenure) begin(ctx context.Context, hold func(context.Context)) {
	ctx, t.cancel = context.WithCancel(ctx)
	ch := t.ch
	t.under.Go(func() {
		hold(ctx)
		if ctx.Err() == nil {
			_ = ch.Close()
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
