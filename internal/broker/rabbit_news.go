package broker

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// newsUnheard is the prefetch count of a subscriber: messages that it has received and not
	// handled.
	newsUnheard = 100
	// newsKept is how many messages wait in RabbitMQ for a slow subscriber; the oldest are dropped
	// first.
	newsKept = 10_000
)

// Broadcast implements Broker. It does not wait for the confirm.
func (r *Rabbit) Broadcast(ctx context.Context, topic string, body []byte) error {
	if r.ctx.Err() != nil {
		return ErrClosed
	}
	o, err := r.work.session(ctx)
	if err != nil {
		return r.outcome(err)
	}
	exchange := r.name("news", topic)
	if err := o.ensure(ctx, exchange, declareTopic(exchange)); err != nil {
		return r.outcome(err)
	}
	_, err = o.send(ctx, exchange, "", false, transient(body))
	return r.outcome(err)
}

func declareTopic(exchange string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(exchange, amqp.ExchangeFanout, true, false, false, false, nil)
	}
}

// Subscribe implements Broker. Its queue is exclusive, and gone with the connection: what is
// broadcast while the connection is down is not heard.
func (r *Rabbit) Subscribe(ctx context.Context, topic string, hear func(body []byte)) (func(), error) {
	exchange := r.name("news", topic)
	return r.subscribe(ctx, &subscription{
		name: exchange,
		attach: func(_ context.Context, ch *amqp.Channel) (<-chan amqp.Delivery, error) {
			if err := declareTopic(exchange)(ch); err != nil {
				return nil, err
			}
			q, err := ch.QueueDeclare("", false, true, true, false, amqp.Table{"x-max-length": newsKept})
			if err != nil {
				return nil, err
			}
			if err := ch.QueueBind(q.Name, "", exchange, false, nil); err != nil {
				return nil, err
			}
			return consume(ch, q.Name, newsUnheard)
		},
		take: func(ctx context.Context, d amqp.Delivery) {
			if ctx.Err() == nil {
				hear(d.Body)
				_ = d.Ack(false)
			}
		},
		finish: func() {},
	})
}
