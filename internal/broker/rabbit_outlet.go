package broker

import (
	"context"
	"errors"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Why a message is not known to be in a queue.
var (
	errLost       = errors.New("the connection was lost before RabbitMQ confirmed the message")
	errRefused    = errors.New("RabbitMQ refused the message")
	errUnroutable = errors.New("the message has no queue to go to")
)

// outlet publishes with confirms on a channel of its own. Any number of publishers wait for their
// confirms at the same time.
type outlet struct {
	conn  *amqp.Connection
	ch    *amqp.Channel
	spawn func(func()) bool
	turn  chan struct{} // of one place: messages are counted in the order in which they are sent

	mu       sync.Mutex
	closed   bool
	waiting  map[uint64]*publication // by delivery tag
	declared map[string]*declaration // by queue or exchange
}

// declaration is under way until done is closed.
type declaration struct {
	done chan struct{}
	err  error
}

// publication is a message whose confirm is awaited.
type publication struct {
	settled  chan error // of one place, so that nobody need be there to hear it
	returned bool
}

// openOutlet is for a lane. The goroutine that hears confirms ends with the channel.
func (r *Rabbit) openOutlet(conn *amqp.Connection) (*outlet, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close()
		return nil, err
	}
	o := &outlet{
		conn: conn, ch: ch, spawn: r.spawn, turn: make(chan struct{}, 1),
		waiting: map[uint64]*publication{}, declared: map[string]*declaration{},
	}
	// Neither channel has a buffer: RabbitMQ sends the return of a message before its confirm, and
	// so they must be heard in that order.
	confirms, returns := ch.NotifyPublish(make(chan amqp.Confirmation)), ch.NotifyReturn(make(chan amqp.Return))
	if !r.spawn(func() { o.listen(confirms, returns) }) {
		return nil, ErrClosed
	}
	return o, nil
}

func (o *outlet) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

func (o *outlet) listen(confirms <-chan amqp.Confirmation, returns <-chan amqp.Return) {
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
			o.settle(c)
		}
	}
}

func (o *outlet) markReturned(id string) {
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

func (o *outlet) settle(c amqp.Confirmation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.waiting[c.DeliveryTag]
	if p == nil {
		return
	}
	delete(o.waiting, c.DeliveryTag)
	switch {
	case !c.Ack:
		p.settled <- errRefused
	case p.returned:
		p.settled <- errUnroutable
	default:
		p.settled <- nil
	}
}

// abandon tells everybody who waits that no confirm will come.
func (o *outlet) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, p := range o.waiting {
		p.settled <- errLost
	}
	clear(o.waiting)
}

// publish sends a message and waits for its confirm.
func (o *outlet) publish(ctx context.Context, exchange, key string, mandatory bool, m amqp.Publishing) error {
	p, err := o.send(ctx, exchange, key, mandatory, m)
	if err != nil {
		return err
	}
	select {
	case err := <-p.settled:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send does not wait for the confirm.
func (o *outlet) send(
	ctx context.Context, exchange, key string, mandatory bool, m amqp.Publishing,
) (*publication, error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p, tag := &publication{settled: make(chan error, 1)}, o.ch.GetNextPublishSeqNo()
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

// await has the confirm of the tag heard. It comes before the message is sent, lest the confirm
// comes before it.
func (o *outlet) await(tag uint64, p *publication) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.waiting[tag] = p
	return true
}

func (o *outlet) forget(tag uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, tag)
}

// ensure declares what messages are about to be sent to, once for each connection unless undeclare
// says that it is gone.
func (o *outlet) ensure(ctx context.Context, name string, declare func(*amqp.Channel) error) error {
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

// declare uses a channel of its own, for a refused declaration closes the channel.
func (o *outlet) declare(name string, d *declaration, declare func(*amqp.Channel) error) {
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

func (o *outlet) undeclare(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.declared, name)
}
