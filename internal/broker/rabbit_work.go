package broker

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// crashLimit is how often RabbitMQ delivers a message whose consumers are lost without
	// acknowledging it, before it dead-letters the message (x-delivery-limit). It is an argument of
	// the queue, so it cannot change for a queue that exists.
	crashLimit = 20
	// deadKept bounds a queue of dead messages; the oldest are dropped first.
	deadKept = 10_000
	// attemptsHeader counts the failed attempts of a message, without those that only had to wait
	// (mustWait).
	attemptsHeader = "faas-attempts"
)

// workQueues are the names of the queues behind one durable queue. A message whose handler failed
// is published again, to the queue waiting, with an expiration; RabbitMQ dead-letters what expires
// there to the end of the queue ready. The original is acknowledged only after the copy is
// confirmed, so that a crash between the two doubles the message but never loses it. So a failing
// message blocks neither those behind it nor, while it waits, a place in the consumer's prefetch,
// as it would if its nack were held back for the pause.
type workQueues struct{ ready, waiting, dead, deadExchange string }

func (r *Rabbit) workQueues(queue string) workQueues {
	name := r.name("work", queue)
	return workQueues{
		ready:        name,
		waiting:      name + ".waiting",
		dead:         name + ".dead",
		deadExchange: r.config.Prefix + ".dead",
	}
}

// declare declares the queues. RabbitMQ moves messages from one to another with confirms of its
// own: the dead-letter strategy "at-least-once", which requires "reject-publish".
func (q workQueues) declare(ch *amqp.Channel) error {
	if err := ch.ExchangeDeclare(q.deadExchange, amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
		return err
	}
	for _, one := range []struct {
		name string
		args amqp.Table
	}{
		{q.dead, amqp.Table{"x-max-length": deadKept}},
		{q.ready, amqp.Table{
			"x-delivery-limit": crashLimit, "x-dead-letter-exchange": q.deadExchange, "x-dead-letter-routing-key": q.ready,
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		}},
		{q.waiting, amqp.Table{
			"x-dead-letter-exchange": "", "x-dead-letter-routing-key": q.ready,
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		}},
	} {
		one.args["x-queue-type"] = "quorum"
		if _, err := ch.QueueDeclare(one.name, true, false, false, false, one.args); err != nil {
			return err
		}
	}
	return ch.QueueBind(q.dead, q.ready, q.deadExchange, false, nil)
}

// Durable implements Broker.
func (*Rabbit) Durable() bool { return true }

// Enqueue implements Broker. It returns after RabbitMQ has confirmed the message: a majority of the
// queue's replicas has it on disk. When the connection is lost before that, the message may be in
// the queue or not, and the error is faas.Unavailable.
func (r *Rabbit) Enqueue(ctx context.Context, queue string, body []byte) error {
	if r.ctx.Err() != nil {
		return ErrClosed
	}
	m := amqp.Publishing{ContentType: "application/octet-stream", DeliveryMode: amqp.Persistent, Body: body}
	m.Headers = traceOf(ctx, nil)
	q := r.workQueues(queue)
	return r.outcome(r.put(ctx, q.ready, q.declare, m))
}

// put publishes to a queue and waits for the confirm. When the queue turns out to be deleted, put
// declares it again, once.
func (r *Rabbit) put(ctx context.Context, queue string, declare func(*amqp.Channel) error, m amqp.Publishing) error {
	for again := true; ; again = false {
		o, err := r.work.session(ctx)
		if err != nil {
			return err
		}
		if err := o.ensure(ctx, queue, declare); err != nil {
			return err
		}
		err = o.publish(ctx, "", queue, true, m)
		if !again || !errors.Is(err, errUnroutable) {
			return err
		}
		o.undeclare(queue)
	}
}

// Consume implements Broker. Handlers that run when the connection is lost go on, although RabbitMQ
// delivers their messages to another consumer.
func (r *Rabbit) Consume(ctx context.Context, queue string, parallel int, handle MessageHandler) (func(), error) {
	q := r.workQueues(queue)
	room := make(chan struct{}, parallel) // prefetch bounds one connection's handlers; those of a lost one may still run
	var handlers sync.WaitGroup
	return r.subscribe(ctx, &subscription{
		name: q.ready,
		attach: func(_ context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error) {
			if err := q.declare(ch); err != nil {
				return nil, err
			}
			return consume(ch, q.ready, parallel)
		},
		take: func(ctx context.Context, d amqp.Delivery) {
			if ctx.Err() != nil {
				return // not acknowledged: it goes back to the queue when the channel closes
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			handlers.Go(func() {
				defer func() { <-room }()
				r.finish(ctx, q, d, handle(within(ctx, d), d.Body))
			})
		},
		finish: handlers.Wait,
	})
}

// finish acknowledges, rejects or postpones a message by the outcome of its handler. Errors of the
// acknowledgements are ignored: they mean that the channel is lost, and then RabbitMQ delivers the
// message again.
func (r *Rabbit) finish(ctx context.Context, q workQueues, d amqp.Delivery, failure error) {
	failures := failuresOf(d)
	if !mustWait(failure) {
		failures++
	}
	switch {
	case failure == nil:
		_ = d.Ack(false)
	case ctx.Err() != nil: // this consumer ends; another may have it at once
		_ = d.Nack(false, true)
	case failures >= r.config.Attempts:
		r.log.Error(
			"a message failed too often and was moved to the queue of dead messages", "queue", q.dead, "attempts", failures,
			"error", failure,
		)
		_ = d.Nack(false, false)
	case r.postpone(ctx, q, d, failures) != nil:
		_ = d.Nack(false, true)
	default:
		_ = d.Ack(false)
	}
}

// traceOf adds the trace that a message is sent in to its headers, if there is one.
func traceOf(ctx context.Context, headers amqp.Table) amqp.Table {
	carried := tracing.Carried(ctx)
	if carried == "" {
		return headers
	}
	if headers == nil {
		headers = amqp.Table{}
	}
	headers[tracing.Header] = carried
	return headers
}

// within returns the context of a message's handler, in the trace that the message was sent in.
func within(ctx context.Context, d amqp.Delivery) context.Context {
	carried, _ := d.Headers[tracing.Header].(string)
	return tracing.With(ctx, carried)
}

// mustWait reports whether a failure is not the message's own: there is no room for its work yet, a
// service that the work needs is away, or the function was changed while it was called.
func mustWait(failure error) bool {
	switch faas.KindOf(failure) {
	case faas.Busy, faas.Unavailable, faas.Outdated:
		return true
	default:
		return false
	}
}

// postpone publishes a copy to the queue waiting. It tries for as long as that takes, because a
// nack would count towards x-delivery-limit. It gives up when the consumer ends or has lost its
// channel: then the message goes back to its queue anyway.
func (r *Rabbit) postpone(ctx context.Context, q workQueues, d amqp.Delivery, failures int) error {
	m := amqp.Publishing{
		ContentType:  d.ContentType,
		DeliveryMode: amqp.Persistent,
		Headers:      amqp.Table{attemptsHeader: int64(failures)},
		Expiration:   strconv.FormatInt(max(r.config.RedeliverAfter.Milliseconds(), 1), 10),
		Body:         d.Body,
	}
	if trace, ok := d.Headers[tracing.Header].(string); ok {
		m.Headers[tracing.Header] = trace
	}
	for {
		err := r.put(ctx, q.waiting, q.declare, m)
		if err == nil || ctx.Err() != nil || lost(d) {
			return err
		}
		r.log.Warn("a message could not be postponed yet", "queue", q.waiting, "error", err)
		pause(ctx, r.config.RedeliverAfter)
	}
}

// lost reports whether a message can no longer be acknowledged, because its channel is closed.
func lost(d amqp.Delivery) bool {
	ch, ok := d.Acknowledger.(*amqp.Channel)
	return ok && ch.IsClosed()
}

// failuresOf reads the failed attempts of a message that has been postponed; 0 when the header is
// absent or not a number.
func failuresOf(d amqp.Delivery) int {
	n, _ := d.Headers[attemptsHeader].(int64)
	return int(max(n, 0))
}
