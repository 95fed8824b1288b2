package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Rabbit is a broker on RabbitMQ, 3.10 or later. It publishes on one connection and consumes on
// another, since RabbitMQ stops reading from a connection that publishes too fast, and that must
// not hold up a consumer's acknowledgements. Each reconnects by itself (link), consumers attach
// themselves again (subscription), and publishing channels are opened again when next used
// (keeper).
//
// While RabbitMQ is away every method waits for a connection until its context ends, and then
// returns an error of kind faas.Unavailable.
type Rabbit struct {
	config     Config
	log        *slog.Logger
	publishing *link
	consuming  *link
	work       *keeper[*publisher] // messages with confirms
	calls      *keeper[*requester] // requests and replies

	ctx       context.Context // ends with Close
	end       context.CancelFunc
	hangUp    context.CancelFunc
	listeners sync.WaitGroup // goroutines that end with the connections

	mu      sync.Mutex
	closed  bool
	hungUp  bool
	running sync.WaitGroup // consumers and their handlers, which need the connections to settle
}

var _ Broker = (*Rabbit)(nil)

// NewRabbit connects to RabbitMQ. When it is not connected by the end of ctx, the error is of kind
// faas.Unavailable, with the last failure as its cause. ctx bounds only this: the broker outlives
// it.
func NewRabbit(ctx context.Context, c Config) (*Rabbit, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	if _, err := c.tls(); err != nil {
		return nil, err
	}
	r := &Rabbit{config: c, log: c.Log}
	r.ctx, r.end = context.WithCancel(context.Background())
	connected, hangUp := context.WithCancel(context.Background())
	r.hangUp = hangUp
	r.publishing = newLink("publishing", c, r.ctx.Done())
	r.consuming = newLink("consuming", c, r.ctx.Done())
	r.work = newKeeper(r.publishing, r.spawn, r.openPublisher)
	r.calls = newKeeper(r.publishing, r.spawn, r.openRequester)
	for _, l := range []*link{r.publishing, r.consuming} {
		r.spawn(func() { l.run(connected) })
	}
	for _, l := range []*link{r.publishing, r.consuming} {
		if _, err := l.connection(ctx); err != nil {
			_ = r.Close()
			return nil, fmt.Errorf("RabbitMQ at %s: %w", c.addresses(), err)
		}
	}
	return r, nil
}

// addresses names the hosts.
func (c Config) addresses() (all []string) {
	for _, h := range c.Hosts {
		all = append(all, h.Address)
	}
	return all
}

// Close implements Broker. The connections stay until the handlers have ended, so that they can
// acknowledge their messages.
func (r *Rabbit) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.end()
	r.running.Wait()
	r.mu.Lock()
	r.hungUp = true
	r.mu.Unlock()
	r.hangUp()
	r.listeners.Wait()
	return nil
}

// enter counts a goroutine in, unless the broker is closed.
func (r *Rabbit) enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	r.running.Add(1)
	return nil
}

// spawn runs f on a goroutine that Close waits for, unless the connections have been closed for
// good. f must end with the connections.
func (r *Rabbit) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hungUp {
		return false
	}
	r.listeners.Go(f)
	return true
}

// Connected implements Broker.
func (r *Rabbit) Connected() bool { return r.ctx.Err() == nil && r.consuming.isLive() }

// until returns a context that ends with the caller's and with the broker.
func (r *Rabbit) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// outcome returns the error that a caller sees: ErrClosed once the broker is closed, else that of
// unavailable.
func (r *Rabbit) outcome(err error) error {
	if err != nil && r.ctx.Err() != nil {
		return ErrClosed
	}
	return unavailable(err)
}

// name returns the name of a queue or exchange of this deployment.
func (r *Rabbit) name(kind, name string) string { return r.config.Prefix + "." + kind + "." + name }

// transient returns a message that need not outlive a restart of RabbitMQ.
func transient(body []byte) amqp.Publishing {
	return amqp.Publishing{ContentType: "application/octet-stream", DeliveryMode: amqp.Transient, Body: body}
}
