package broker

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// consumerTag is the same everywhere, for each channel has one consumer.
const consumerTag = "faas"

// subscription is a consumer that is attached again whenever its channel ends.
type subscription struct {
	name string
	// attach declares what is consumed and begins.
	attach func(ctx context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error)
	// take begins with a delivery. ctx ends when the subscription is to stop; deliveries that were
	// under way then are handed over too.
	take func(ctx context.Context, d amqp.Delivery)
	// finish waits for what take began, before the channel closes for good.
	finish func()
	// release returns up what the channel stands for, when it has ended or is about to. It may be
	// nil.
	release func()
	// onPurpose reports whether the channel ended because its taker closed it. It may be nil.
	onPurpose func() bool
}

// subscribe runs the subscription until ctx ends. It returns once it is attached for the first
// time. stop waits.
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

// attend attaches the subscription again and again.
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

// attachOnce serves one channel to its end.
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

// mostUnsettled is the largest number that the protocol has room for.
const mostUnsettled = 1<<16 - 1

// consume begins to consume a queue, with as many unsettled messages at a time.
func consume(ch *amqp.Channel, queue string, unsettled int) (<-chan amqp.Delivery, error) {
	if err := ch.Qos(min(unsettled, mostUnsettled), 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, consumerTag, false, false, false, false, nil)
}
