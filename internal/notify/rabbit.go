package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/broker"
)

// Rabbit delivers messages as oslo.messaging's driver does, on a connection of its own.
type Rabbit struct {
	Broker   broker.Config
	Exchange string   // control_exchange
	Topics   []string // each message is published to all of them
	Durable  bool     // amqp_durable_queues: what is declared outlives RabbitMQ
	Log      *slog.Logger

	conn     *amqp.Connection
	ch       *amqp.Channel
	declared map[string]bool // by routing key
}

// closeTimeout bounds how long RabbitMQ may take to answer the close of a connection.
const closeTimeout = 2 * time.Second

// Carry publishes the messages to every topic and waits for the confirms. After an error it closes
// the connection, since some messages may still be unconfirmed on it. It is for one goroutine.
func (r *Rabbit) Carry(ctx context.Context, messages []Message) error {
	err := r.carry(ctx, messages)
	if err != nil {
		r.Close()
	}
	return err
}

func (r *Rabbit) carry(ctx context.Context, messages []Message) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	var sent []*amqp.DeferredConfirmation
	for _, m := range messages {
		for _, topic := range r.Topics {
			key := topic + "." + m.Priority
			if err := r.declare(key); err != nil {
				return err
			}
			confirm, err := r.ch.PublishWithDeferredConfirmWithContext(ctx, r.Exchange, key, false, false, amqp.Publishing{
				ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Body: m.Body,
			})
			if err != nil {
				return fmt.Errorf("publish: %w", err)
			}
			sent = append(sent, confirm)
		}
	}
	for _, confirm := range sent {
		switch taken, err := confirm.WaitContext(ctx); {
		case err != nil:
			return fmt.Errorf("RabbitMQ did not confirm a notification: %w", err)
		case !taken:
			return errors.New("RabbitMQ refused a notification, or the connection was lost before it was confirmed")
		}
	}
	return nil
}

func (r *Rabbit) connect(ctx context.Context) (err error) {
	if r.conn != nil && !r.conn.IsClosed() && !r.ch.IsClosed() {
		return nil
	}
	r.Close()
	if r.conn, err = broker.Dial(ctx, r.Broker, "notifications"); err != nil {
		return fmt.Errorf("RabbitMQ cannot be reached: %w", err)
	}
	if r.ch, err = r.conn.Channel(); err != nil {
		return err
	}
	r.declared = map[string]bool{}
	if err := r.ch.Confirm(false); err != nil {
		return err
	}
	return r.exchange()
}

// Close ends the connection.
func (r *Rabbit) Close() {
	if r.conn != nil {
		_ = r.conn.CloseDeadline(time.Now().Add(closeTimeout)) // it may be broken
		r.conn, r.ch = nil, nil
	}
}

// exchange declares the exchange. One that exists with other properties, or that we may not
// declare, belongs to another service and is used as it is.
func (r *Rabbit) exchange() error {
	err := r.try(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(r.Exchange, amqp.ExchangeTopic, r.Durable, false, false, false, nil)
	})
	if !refused(err) {
		return err
	}
	passive := r.try(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(r.Exchange, amqp.ExchangeTopic, r.Durable, false, false, false, nil)
	})
	if passive != nil {
		return fmt.Errorf("the exchange %s of notifications: %w", r.Exchange, err)
	}
	return nil
}

// declare declares the queue that is named like its routing key, as oslo.messaging does, so that
// nothing is lost before the first listener exists.
func (r *Rabbit) declare(key string) error {
	if r.declared[key] {
		return nil
	}
	err := r.try(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(key, r.Durable, false, false, false, nil)
		return err
	})
	if err == nil || refused(err) {
		err = r.try(func(ch *amqp.Channel) error { return ch.QueueBind(key, key, r.Exchange, false, nil) })
	}
	if refused(err) { // its owner binds it
		r.Log.Warn(
			"RabbitMQ refuses to let this service declare or bind a queue of notifications; the listener must do so, or "+
				"messages are lost",
			"queue", key, "error", err,
		)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("the queue %s of notifications: %w", key, err)
	}
	r.declared[key] = true
	return nil
}

// try runs f on a channel of its own, because RabbitMQ closes the channel on which it refuses
// something.
func (r *Rabbit) try(f func(*amqp.Channel) error) error {
	ch, err := r.conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return f(ch)
}

// refused reports whether RabbitMQ refused a declaration or binding: the object exists with other
// properties, does not exist, or we have no permission for it.
func refused(err error) bool {
	var answer *amqp.Error
	if !errors.As(err, &answer) {
		return false
	}
	return answer.Code == amqp.PreconditionFailed || answer.Code == amqp.AccessRefused ||
		answer.Code == amqp.NotFound ||
		answer.Code == amqp.ResourceLocked
}
