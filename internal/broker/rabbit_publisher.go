package broker

import (
	"context"
	"errors"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Why it is not certain that a message is in a queue.
var (
	errLost       = errors.New("the connection was lost before RabbitMQ confirmed the message")
	errRefused    = errors.New("RabbitMQ refused the message")
	errUnroutable = errors.New("the message has no queue to go to")
)

// publisher publishes with publisher confirms on a channel of its own. RabbitMQ numbers the
// messages of a channel in the order in which they arrive (the delivery tag) and confirms each by
// its number, in any order. So messages are sent one at a time, under turn, while any number of
// callers wait for their confirms.
type publisher struct {
	conn  *amqp.Connection
	ch    *amqp.Channel
	spawn func(func()) bool
	turn  chan struct{} // capacity 1: held while a message is numbered and sent

	mu       sync.Mutex
	closed   bool
	waiting  map[uint64]*publication // not confirmed yet, by delivery tag
	declared map[string]*declaration // by queue or exchange
}

// declaration is a declaration of a queue or exchange, under way until done is closed.
type declaration struct {
	done chan struct{}
	err  error
}

// publication is a message that RabbitMQ has not confirmed yet.
type publication struct {
	outcome  chan error // capacity 1: the caller may have left
	returned bool
}

// openPublisher opens a publisher for a keeper. The goroutine that receives confirms ends with the
// channel.
func (r *Rabbit) openPublisher(conn *amqp.Connection) (*publisher, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close()
		return nil, err
	}
	o := &publisher{
		conn: conn, ch: ch, spawn: r.spawn, turn: make(chan struct{}, 1),
		waiting: map[uint64]*publication{}, declared: map[string]*declaration{},
	}
	// Neither Go channel has a buffer. RabbitMQ sends the return of a message that no queue took
	// before its confirm. With buffers, listen could see the confirm first and take the message for
	// delivered.
	confirms, returns := ch.NotifyPublish(make(chan amqp.Confirmation)), ch.NotifyReturn(make(chan amqp.Return))
	if !r.spawn(func() { o.listen(confirms, returns) }) {
		return nil, ErrClosed
	}
	return o, nil
}

func (o *publisher) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

func (o *publisher) listen(confirms <-chan amqp.Confirmation, returns <-chan amqp.Return) {
	defer o.abandon()
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			o.markReturned(r.MessageId)
		case c, ok := <-confirms:
			if !ok {
				return
			}
			o.confirmed(c)
		}
	}
}

func (o *publisher) markReturned(id string) {
	tag, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.waiting[tag]; p != nil {
		p.returned = true
	}
}

func (o *publisher) confirmed(c amqp.Confirmation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.waiting[c.DeliveryTag]
	if p == nil {
		return
	}
	delete(o.waiting, c.DeliveryTag)
	switch {
	case !c.Ack:
		p.outcome <- errRefused
	case p.returned:
		p.outcome <- errUnroutable
	default:
		p.outcome <- nil
	}
}

// abandon ends all waiting with errLost: the channel has ended, and no confirm will come. Whether
// RabbitMQ took those messages is not known.
func (o *publisher) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, p := range o.waiting {
		p.outcome <- errLost
	}
	clear(o.waiting)
}

// publish sends a message and waits for its confirm. A nil error means that RabbitMQ has taken
// responsibility for it.
func (o *publisher) publish(ctx context.Context, exchange, key string, mandatory bool, m amqp.Publishing) error {
	p, err := o.send(ctx, exchange, key, mandatory, m)
	if err != nil {
		return err
	}
	select {
	case err := <-p.outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send publishes a message without waiting for the confirm.
func (o *publisher) send(
	ctx context.Context, exchange, key string, mandatory bool, m amqp.Publishing,
) (*publication, error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p, tag := &publication{outcome: make(chan error, 1)}, o.ch.GetNextPublishSeqNo()
	if !o.await(tag, p) {
		return nil, errLost
	}
	m.MessageId = strconv.FormatUint(tag, 10)
	if err := o.ch.PublishWithContext(ctx, exchange, key, mandatory, false, m); err != nil {
		o.forget(tag)
		return nil, err
	}
	return p, nil
}

// await registers the publication under the tag that its message will have. It must be called
// before the message is sent: the confirm may arrive before PublishWithContext returns.
func (o *publisher) await(tag uint64, p *publication) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.waiting[tag] = p
	return true
}

func (o *publisher) forget(tag uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, tag)
}

// ensure declares the queue or exchange that messages are about to be sent to. It does so once for
// each channel, and again after undeclare. Callers of one name share a declaration under way.
func (o *publisher) ensure(ctx context.Context, name string, declare func(*amqp.Channel) error) error {
	o.mu.Lock()
	d := o.declared[name]
	if d == nil {
		d = &declaration{done: make(chan struct{})}
		if !o.spawn(func() { o.declare(name, d, declare) }) {
			o.mu.Unlock()
			return ErrClosed
		}
		o.declared[name] = d
	}
	o.mu.Unlock()
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// declare uses a channel of its own, because RabbitMQ closes the channel of a declaration that it
// refuses, and that would lose all unconfirmed messages.
func (o *publisher) declare(name string, d *declaration, declare func(*amqp.Channel) error) {
	defer close(d.done)
	ch, err := o.conn.Channel()
	if err == nil {
		defer ch.Close()
		err = declare(ch)
	}
	if err != nil {
		d.err = err
		o.undeclare(name)
	}
}

func (o *publisher) undeclare(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.declared, name)
}
