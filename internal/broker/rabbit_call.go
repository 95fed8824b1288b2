package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// replyTo is RabbitMQ's direct reply-to: replies come straight to the channel of the request,
	// without a queue.
	replyTo = "amq.rabbitmq.reply-to"
	// timeLeftHeader holds how much longer the caller waits, in microseconds from when the request
	// is sent. It is a duration, and not a moment, because the clocks of caller and server need not
	// agree: a caller whose clock is a second behind would otherwise never be served, or one ahead
	// be served after it has left.
	timeLeftHeader = "faas-time-left"
	// handedBackHeader is in the reply of a server that ended before it began with the request.
	handedBackHeader = "faas-handed-back"
	// hintsHeader is in a request whose caller listens to hints, hintHeader in each of those: a
	// caller of an older release would take a hint for the answer.
	hintsHeader = "faas-hints"
	hintHeader  = "faas-hint"
)

// errHandedBack is the outcome of a request whose server has not begun with it.
var errHandedBack = errors.New("the server ended before it began")

// requester sends requests and receives their replies on the same channel, as direct reply-to
// requires.
type requester struct {
	ch *amqp.Channel

	mu      sync.Mutex
	closed  bool
	last    uint64
	waiting map[string]expected // by correlation id
}

// expected is a request that waits for its outcome.
type expected struct {
	outcome chan result // of capacity 1
	hear    func(hint json.RawMessage)
}

// openRequester opens a requester for a keeper. The goroutine that receives replies ends with the
// channel.
func (r *Rabbit) openRequester(conn *amqp.Connection) (*requester, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	replies, err := ch.Consume(replyTo, consumerTag, true, false, false, false, nil)
	if err != nil {
		_ = ch.Close()
		return nil, err
	}
	b := &requester{ch: ch, waiting: map[string]expected{}}
	returns := ch.NotifyReturn(make(chan amqp.Return))
	if !r.spawn(func() { b.listen(replies, returns) }) {
		return nil, ErrClosed
	}
	return b, nil
}

func (b *requester) ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *requester) listen(replies <-chan amqp.Delivery, returns <-chan amqp.Return) {
	defer b.abandon()
	for {
		select {
		case d, ok := <-replies:
			if !ok {
				_ = b.ch.Close() // when only the consumer was cancelled
				return
			}
			if _, early := d.Headers[hintHeader]; early {
				b.hint(d.CorrelationId, d.Body)
				continue
			}
			if _, back := d.Headers[handedBackHeader]; back {
				b.resolve(d.CorrelationId, result{err: errHandedBack})
				continue
			}
			b.resolve(d.CorrelationId, result{body: d.Body})
		case m, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			b.resolve(
				m.CorrelationId,
				result{
					err: faas.Errorf(faas.Unavailable, "No engine serves this request now; try again later.").WithCause(ErrNotTaken),
				},
			)
		}
	}
}

// resolve hands an outcome to the caller that waits for it. A reply that no caller waits for is
// dropped.
func (b *requester) resolve(id string, r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.waiting[id]; ok {
		delete(b.waiting, id)
		e.outcome <- r
	}
}

// hint hands a hint to the caller that waits for the answer.
func (b *requester) hint(id string, body []byte) {
	b.mu.Lock()
	hear := b.waiting[id].hear
	b.mu.Unlock()
	if hear != nil {
		hear(body)
	}
}

func (b *requester) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, e := range b.waiting {
		e.outcome <- result{err: errLost}
	}
	clear(b.waiting)
}

// expect returns an id for a request, and the channel of its outcome.
func (b *requester) expect(hear func(hint json.RawMessage)) (string, chan result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return "", nil, errLost
	}
	b.last++
	id, c := strconv.FormatUint(b.last, 10), make(chan result, 1)
	b.waiting[id] = expected{c, hear}
	return id, c, nil
}

func (b *requester) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, id)
}

// Call implements Broker. When the method's queue does not exist, nobody serves it, and Call
// returns at once: requests are published as mandatory, so that RabbitMQ returns those that no
// queue took. A queue outlives its last server for a little, so that calls wait while the only
// server restarts. A request is handled at most once: when the connection of the server that took
// it is lost, the kind is faas.Unavailable and it may have been carried out.
func (r *Rabbit) Call(ctx context.Context, method string, request, reply any) error {
	if r.ctx.Err() != nil {
		return ErrClosed
	}
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("request for %s: %w", method, err)
	}
	got, err := r.send(ctx, r.name("call", method), body)
	if err != nil {
		if ctx.Err() != nil && r.ctx.Err() == nil {
			return faas.Errorf(faas.Unavailable, "%s was not answered in time.", method).WithCause(errors.Join(ctx.Err(), err))
		}
		return r.outcome(err)
	}
	return decodeAnswer(method, got, reply)
}

// send sends a request until a server has begun with it, and returns the reply. A server that ends
// hands back what it has not begun; the queue outlives it, so the request waits for the next.
func (r *Rabbit) send(ctx context.Context, queue string, body []byte) ([]byte, error) {
	for {
		b, err := r.calls.session(ctx)
		if err != nil {
			return nil, errors.Join(ErrNotTaken, err)
		}
		reply, err := b.roundTrip(ctx, queue, body)
		if !errors.Is(err, errHandedBack) {
			return reply, err
		}
	}
}

// roundTrip sends a request to a queue and waits for its reply.
func (b *requester) roundTrip(ctx context.Context, queue string, body []byte) ([]byte, error) {
	hear := hearing(ctx)
	id, outcome, err := b.expect(hear)
	if err != nil {
		return nil, err
	}
	defer b.forget(id)
	m := transient(body)
	m.ContentType, m.ReplyTo, m.CorrelationId = "application/json", replyTo, id
	m.Headers = traceOf(ctx, amqp.Table{})
	if hear != nil {
		m.Headers[hintsHeader] = true
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left <= 0 {
			return nil, context.DeadlineExceeded
		}
		m.Headers[timeLeftHeader] = left.Microseconds()
		m.Expiration = strconv.FormatInt(left.Milliseconds()+1, 10)
	}
	if err := b.ch.PublishWithContext(ctx, "", queue, true, false, m); err != nil {
		return nil, err
	}
	select {
	case r := <-outcome:
		return r.body, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
