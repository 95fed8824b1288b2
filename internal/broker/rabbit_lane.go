package broker

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// session is what one channel of one connection does. It ends with either.
type session interface {
	comparable
	ended() bool
}

// lane returns the live session of its kind, and opens another when that has ended.
type lane[S session] struct {
	link  *link
	spawn func(func()) bool
	open  func(*amqp.Connection) (S, error)
	turn  chan struct{} // of one place: who opens

	mu      sync.Mutex
	current S
}

func newLane[S session](l *link, spawn func(func()) bool, open func(*amqp.Connection) (S, error)) *lane[S] {
	return &lane[S]{link: l, spawn: spawn, open: open, turn: make(chan struct{}, 1)}
}

func (l *lane[S]) live() (S, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none S
	return l.current, l.current != none && !l.current.ended()
}

// session waits until ctx ends for a connection that RabbitMQ reads from.
func (l *lane[S]) session(ctx context.Context) (S, error) {
	for {
		if s, ok := l.live(); ok && !l.link.isHeld() {
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
			if err != nil && !conn.IsClosed() { // otherwise the next connection may do better
				return none, unavailable(err)
			}
		case <-ctx.Done():
			return none, unavailable(ctx.Err())
		}
	}
}

// reopen opens a session unless another caller did, and passes the turn on. It is nobody's who
// could grow impatient: RabbitMQ may take its time.
func (l *lane[S]) reopen(conn *amqp.Connection) error {
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
