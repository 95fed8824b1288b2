package broker

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// consumerTag is the same everywhere, for each channel has one consumer.
const consumerTag = "faas"

// subscription is a consumer that outlives channels and connections: whenever its channel ends, it
// waits for a connection, opens another channel, and begins to consume again. RabbitMQ delivers
// again what was not acknowledged on the old channel, so take must expect deliveries that it has
// seen before.
type subscription struct {
	name string
	// attach declares the queue and begins to consume it.
	attach func(ctx context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error)
	// take starts the handling of a delivery. ctx ends when the subscription is to stop; deliveries
	// that RabbitMQ had sent before it heard of that are handed over too.
	take func(ctx context.Context, d amqp.Delivery)
	// finish waits for what take started, before the channel closes for good: until then
	// acknowledgements can be sent.
	finish func()
	// release ends what depends on the channel, such as an ownership, when the channel has ended or is
	// about to end. It may be nil.
	release func()
	// onPurpose reports whether the handler itself closed the channel, which is not worth a warning.
	// It may be nil.
	onPurpose func() bool
}

// subscribe runs the subscription until ctx ends. It returns once it has been attached for the
// first time. stop ends it and waits for its handlers.
func (r *Rabbit) subscribe(ctx context.Context, s *subscription) (stop func(), err error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	ctx, cancel := r.until(ctx)
	attached, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer r.running.Done()
		defer close(done)
		r.attend(ctx, s, attached)
	}()
	select {
	case <-attached:
	case <-ctx.Done():
		cancel()
		<-done
		return nil, r.outcome(ctx.Err())
	}
	return func() {
		cancel()
		<-done
	}, nil
}

// attend attaches the subscription again and again, with growing pauses while that fails at once.
func (r *Rabbit) attend(ctx context.Context, s *subscription, attached chan<- struct{}) {
	defer s.finish()
	for round := 0; ctx.Err() == nil; round++ {
		since := time.Now()
		err := r.attachOnce(ctx, s, attached)
		if ctx.Err() != nil {
			return
		}
		if s.onPurpose == nil || !s.onPurpose() {
			r.log.Warn("a consumer was lost and is attached again", "consumer", s.name, "error", err)
		}
		if time.Since(since) > r.config.RetryInterval {
			round = 0
		}
		if round > 0 {
			pause(ctx, r.config.retryPause(round-1))
		}
	}
}

// attachOnce opens a channel and handles its deliveries until it ends.
func (r *Rabbit) attachOnce(ctx context.Context, s *subscription, attached chan<- struct{}) error {
	conn, err := r.consuming.connection(ctx)
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	deliveries, err := s.attach(ctx, ch)
	if err != nil {
		return err
	}
	select {
	case attached <- struct{}{}:
	default:
	}
	release := s.release
	if release == nil {
		release = func() {}
	}
	defer release()
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return errLost
			}
			s.take(ctx, d)
		case <-ctx.Done():
			release()
			_ = ch.Cancel(consumerTag, false)
			for d := range deliveries { // what RabbitMQ had sent before it heard
				s.take(ctx, d)
			}
			s.finish()
			return ctx.Err()
		}
	}
}

// mostPrefetch is the largest prefetch count of the protocol.
const mostPrefetch = 1<<16 - 1

// consume begins to consume a queue, with at most so many unacknowledged messages at a time.
func consume(ch *amqp.Channel, queue string, prefetch int) (<-chan amqp.Delivery, error) {
	if err := ch.Qos(min(prefetch, mostPrefetch), 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, consumerTag, false, false, false, false, nil)
}
