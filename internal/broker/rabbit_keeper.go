package broker

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// session is a channel and what it is used for. It ends with the channel or its connection, and is
// not used again.
type session interface {
	comparable
	ended() bool
}

// keeper keeps one session open for all callers: a channel ends with its connection, or when
// RabbitMQ refuses something on it, and then the next caller opens another. Only one caller at a
// time opens one; the others wait for the result.
type keeper[S session] struct {
	link  *link
	spawn func(func()) bool
	open  func(*amqp.Connection) (S, error)
	turn  chan struct{} // capacity 1: held by the caller that opens a session

	mu      sync.Mutex
	current S
}

func newKeeper[S session](l *link, spawn func(func()) bool, open func(*amqp.Connection) (S, error)) *keeper[S] {
	return &keeper[S]{link: l, spawn: spawn, open: open, turn: make(chan struct{}, 1)}
}

func (l *keeper[S]) live() (S, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none S
	return l.current, l.current != none && !l.current.ended()
}

// ready returns the open session, if there is one and RabbitMQ reads from its connection.
func (l *keeper[S]) ready() (S, bool) {
	s, ok := l.live()
	return s, ok && !l.link.isBlocked()
}

// session returns the open session. It waits until ctx ends for a connection that RabbitMQ reads
// from. A session that cannot be opened is an error only while its connection lives; otherwise the
// next connection may do better.
func (l *keeper[S]) session(ctx context.Context) (S, error) {
	for {
		if s, ok := l.ready(); ok {
			return s, nil
		}
		var none S
		conn, err := l.link.connection(ctx)
		if err != nil {
			return none, err
		}
		select {
		case l.turn <- struct{}{}:
		case <-l.link.closing:
			return none, ErrClosed
		case <-ctx.Done():
			return none, unavailable(ctx.Err())
		}
		opened := make(chan error, 1)
		if !l.spawn(func() { opened <- l.reopen(conn) }) {
			<-l.turn
			return none, ErrClosed
		}
		select {
		case err := <-opened:
			if err != nil && !conn.IsClosed() {
				return none, unavailable(err)
			}
		case <-ctx.Done():
			return none, unavailable(ctx.Err())
		}
	}
}

// reopen opens a session unless another caller did, and passes the turn on. It runs on a goroutine
// of its own, because the library cannot be told to stop waiting for RabbitMQ, while callers stop
// when their contexts end.
func (l *keeper[S]) reopen(conn *amqp.Connection) error {
	defer func() { <-l.turn }()
	if _, ok := l.live(); ok {
		return nil
	}
	s, err := l.open(conn)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = s
	return nil
}
