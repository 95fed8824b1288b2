package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Dial makes one connection to the first of the hosts that answers, beginning at a random one, for
// packages that use AMQP in their own way. purpose names the connection for operators. No error
// contains a user or a password.
func Dial(ctx context.Context, c Config, purpose string) (*amqp.Connection, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	if _, err := c.tls(); err != nil {
		return nil, err
	}
	l := newLink(purpose, c, nil)
	var errs []error
	for i, first := 0, rand.IntN(len(c.Hosts)); i < len(c.Hosts) && ctx.Err() == nil; i++ {
		host := c.Hosts[(first+i)%len(c.Hosts)]
		conn, err := l.dial(ctx, host)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", host.Address, err))
	}
	return nil, errors.Join(append(errs, ctx.Err())...)
}

// RetryPause returns how long to wait before another round of connecting, for those who use Dial.
// Rounds count from 0.
func RetryPause(c Config, round int) time.Duration {
	c, err := c.complete()
	if err != nil {
		return defaultRetryMax
	}
	return c.retryPause(round)
}
