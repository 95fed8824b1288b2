package broker

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	amqp "github.com/rabbitmq/amqp091-go"
)

// methodKept is how long the queue of a method outlives its last server, in milliseconds: as long
// as a service takes to restart.
const methodKept = 10_000

// Serve implements Broker. All servers of a method consume one queue. Serve waits for a connection
// until ctx ends.
func (r *Rabbit) Serve(ctx context.Context, method string, parallel int, handle RequestHandler) (func(), error) {
	queue := r.name("call", method)
	working, end := r.until(ctx) // stop does not end the handlers, the caller's context does
	room := make(chan struct{}, parallel)
	var handlers sync.WaitGroup
	stop, err := r.subscribe(ctx, &subscription{
		name: queue,
		attach: func(_ context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error) {
			// Not durable: requests do not outlive RabbitMQ, and a node's death must not keep the
			// queue from being made elsewhere.
			if _, err := ch.QueueDeclare(queue, false, false, false, false, amqp.Table{"x-expires": methodKept}); err != nil {
				return nil, err
			}
			return consume(ch, queue, parallel)
		},
		take: func(_ context.Context, d amqp.Delivery) {
			select {
			case room <- struct{}{}:
			case <-working.Done():
				handlers.Go(func() { r.answer(working, d, handle) }) // hands it back
				return
			}
			handlers.Go(func() {
				defer func() { <-room }()
				r.answer(working, d, handle)
			})
		},
		finish: handlers.Wait,
	})
	if err != nil {
		end()
		return nil, err
	}
	return func() {
		stop()
		end()
	}, nil
}

// timeLeft returns how long a request may be worked on whose caller says that it waits for so many
// microseconds. The count begins when the request is taken. It leaves out how long the request lay
// in the queue, which nobody measures: that is usually nothing, and RabbitMQ drops a request that
// lay there for all of its time, so that no handler works for more than twice what the caller
// waits.
func timeLeft(micros int64) time.Duration {
	const most = int64(math.MaxInt64 / time.Microsecond)
	return time.Duration(min(max(micros, 0), most)) * time.Microsecond
}

// answer handles one request and acknowledges it, whatever its outcome: a request is never repeated
// without its caller knowing.
func (r *Rabbit) answer(ctx context.Context, d amqp.Delivery, handle RequestHandler) {
	if ctx.Err() != nil && d.ReplyTo != "" && !d.Redelivered {
		r.handBack(ctx, d)
		return
	}
	defer func() { _ = d.Ack(false) }()
	if d.ReplyTo == "" {
		r.log.Warn("dropped a request without a reply-to address", "queue", d.RoutingKey)
		return
	}
	if micros, ok := d.Headers[timeLeftHeader].(int64); ok {
		if micros <= 0 {
			return // the caller has left
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeLeft(micros))
		defer cancel()
	}
	if _, listens := d.Headers[hintsHeader]; listens {
		ctx = hinting(ctx, func(hint json.RawMessage) { r.hint(ctx, d, hint) })
	}
	reply, err := begin(ctx, d, handle)
	logUnknown(r.log, d.RoutingKey, err)
	r.reply(ctx, d, amqp.Table{}, encodeAnswer(reply, err))
}

// handBack answers a request that this server, which ends, has not begun with, so that the caller
// sends it again. Closing the channel, or rejecting the delivery, would have RabbitMQ deliver it to
// the next server marked as redelivered, and that server could not know that nobody had begun.
func (r *Rabbit) handBack(ctx context.Context, d amqp.Delivery) {
	// The body is for callers of an older release, which do not know the header.
	body := encodeAnswer(nil, faas.Errorf(faas.Unavailable, "The engine ended before it began with the request."))
	if r.reply(ctx, d, amqp.Table{handedBackHeader: true}, body) {
		_ = d.Ack(false)
	} else {
		_ = d.Reject(true) // the next server tells the caller at least that this one is lost
	}
}

// begin runs the handler, unless another server may have done so: RabbitMQ marks as redelivered
// what it had sent to a server that was lost.
func begin(ctx context.Context, d amqp.Delivery, handle RequestHandler) (any, error) {
	if d.Redelivered {
		return nil, faas.Errorf(
			faas.Unavailable, "The engine that took the request was lost; the request may have been carried out.",
		)
	}
	if !json.Valid(d.Body) {
		return nil, faas.Errorf(faas.Invalid, "The request is not JSON.")
	}
	return handle(within(ctx, d), d.Body)
}

// hint sends a hint, if that can be done without waiting: the handler has more to do.
func (r *Rabbit) hint(ctx context.Context, d amqp.Delivery, body []byte) {
	if b, ok := r.calls.ready(); ok {
		_ = b.ch.PublishWithContext(ctx, "", d.ReplyTo, false, false, answering(d, amqp.Table{hintHeader: true}, body))
	}
}

// answering returns the message with which a request is answered.
func answering(d amqp.Delivery, headers amqp.Table, body []byte) amqp.Publishing {
	m := transient(body)
	m.ContentType, m.CorrelationId, m.Headers = "application/json", d.CorrelationId, headers
	return m
}

// reply answers a request on the publishing connection. It has closeTimeout even when ctx has
// ended, so that a handler that was cancelled can still answer with its error. It reports whether
// the reply was sent.
func (r *Rabbit) reply(ctx context.Context, d amqp.Delivery, headers amqp.Table, body []byte) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	b, err := r.calls.session(ctx)
	if err == nil {
		err = b.ch.PublishWithContext(ctx, "", d.ReplyTo, false, false, answering(d, headers, body))
	}
	if err != nil {
		r.log.Warn("a reply could not be sent", "queue", d.RoutingKey, "error", err)
	}
	return err == nil
}
