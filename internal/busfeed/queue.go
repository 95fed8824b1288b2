package busfeed

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// priorities are the ends of the routing keys that are listened to. "debug" and "sample" are not:
// nobody waits for the one, and the other is meters.
var priorities = []string{"audit", "info", "warn", "error", "critical"}

// declare declares the queue. One that is there with other bounds stays as it is: an operator may
// have changed them, and the other engines consume it.
func (f *Feed) declare(conn *amqp.Connection) error {
	err := try(conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(f.cfg.Queue, true, false, false, false, f.arguments())
		return err
	})
	if code(err) == amqp.PreconditionFailed {
		f.cfg.Log.Warn("the queue of notifications is there with other bounds and is used as it is; delete it "+
			"to have it made anew",
			"queue", f.cfg.Queue, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("the queue %s of notifications: %w", f.cfg.Queue, err)
	}
	return nil
}

func (f *Feed) arguments() amqp.Table {
	return amqp.Table{
		"x-queue-type": "classic", "x-max-length-bytes": f.cfg.MaxBytes, "x-overflow": "drop-head",
		"x-expires": f.cfg.Expires.Milliseconds(),
		// Messages are on disk and not in RabbitMQ's memory while they wait; newer releases do this
		// anyway.
		"x-queue-mode": "lazy",
	}
}

// keepBound binds the queue again and again: an exchange appears with the service that declares it,
// and one that is not durable is gone, its bindings with it, when RabbitMQ was started again.
func (f *Feed) keepBound(ctx context.Context, conn *amqp.Connection) {
	tick := time.NewTicker(f.cfg.Rebind)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if conn.IsClosed() {
				return
			}
			f.bind(conn)
			f.measure(conn)
		}
	}
}

// bind binds the queue to each of the exchanges that are there, whatever their properties.
func (f *Feed) bind(conn *amqp.Connection) {
	bound := 0
	for _, exchange := range f.cfg.Exchanges {
		err := try(conn, func(ch *amqp.Channel) error {
			for _, topic := range f.cfg.Topics {
				for _, priority := range priorities {
					if err := ch.QueueBind(f.cfg.Queue, topic+"."+priority, exchange, false, nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err == nil {
			bound++
		}
		f.refusals.note(f.cfg.Log, exchange, err)
	}
	f.counts.bound.Store(int64(bound))
}

// measure looks how many messages wait.
func (f *Feed) measure(conn *amqp.Connection) {
	_ = try(conn, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(f.cfg.Queue, true, false, false, false, nil)
		if err == nil {
			f.counts.waiting.Store(int64(q.Messages))
		}
		return err
	})
}

// try runs f on a channel of its own, because RabbitMQ closes the channel on which it refuses
// something.
func try(conn *amqp.Connection, f func(*amqp.Channel) error) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return f(ch)
}

// code returns the code of RabbitMQ's answer; 0 when the error is none.
func code(err error) int {
	var answer *amqp.Error
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.Code
}
