package broker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/tracing"
)

// queue holds messages, first in, first out.
type queue struct {
	mu       sync.Mutex
	messages []message
	ready    chan struct{} // holds a token while there may be messages
}

// message is what a queue holds.
type message struct {
	body  []byte
	trace string // that it was sent in; "" for none
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, m)
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// pop waits for a message until ctx ends.
func (q *queue) pop(ctx context.Context) (message, bool) {
	for {
		select {
		case <-ctx.Done():
			return message{}, false
		case <-q.ready:
		}
		q.mu.Lock()
		if len(q.messages) == 0 {
			q.mu.Unlock()
			continue
		}
		m := q.messages[0]
		q.messages[0] = message{}
		q.messages = q.messages[1:]
		if len(q.messages) > 0 {
			q.wake()
		}
		q.mu.Unlock()
		return m, true
	}
}

// queue returns the queue of the name, made when it is first asked for.
func (b *InProcess) queue(name string) (*queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	q := b.queues[name]
	if q == nil {
		q = newQueue()
		b.queues[name] = q
	}
	return q, nil
}

// Durable implements Broker.
func (*InProcess) Durable() bool { return false }

// Enqueue implements Broker.
func (b *InProcess) Enqueue(ctx context.Context, name string, body []byte) error {
	q, err := b.queue(name)
	if err != nil {
		return err
	}
	q.push(message{slices.Clone(body), tracing.Carried(ctx)})
	return nil
}

// Consume implements Broker.
func (b *InProcess) Consume(ctx context.Context, name string, parallel int, handle MessageHandler) (func(), error) {
	q, err := b.queue(name)
	if err != nil {
		return nil, err
	}
	if err := b.enter(); err != nil {
		return nil, err
	}
	ctx, cancel := b.until(ctx)
	done := make(chan struct{})
	go func() {
		defer b.running.Done()
		defer close(done)
		b.consume(ctx, q, parallel, handle)
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// consume takes messages while there is room for another handler, and waits for its handlers before
// it returns.
func (b *InProcess) consume(ctx context.Context, q *queue, parallel int, handle MessageHandler) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	room := make(chan struct{}, parallel)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		m, ok := q.pop(ctx)
		if !ok {
			return
		}
		handlers.Go(func() {
			defer func() { <-room }()
			if err := handle(tracing.With(ctx, m.trace), m.body); err != nil {
				b.redeliver(ctx, q, m)
			}
		})
	}
}

// redeliver puts a message back: after the pause, or at once when this consumer ends.
func (b *InProcess) redeliver(ctx context.Context, q *queue, m message) {
	if ctx.Err() != nil {
		q.push(m)
		return
	}
	time.AfterFunc(b.pause, func() { q.push(m) })
}

// subscriber hears a topic, one body after the other.
type subscriber struct{ heard *queue }

// Broadcast implements Broker.
func (b *InProcess) Broadcast(_ context.Context, topic string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	for s := range b.topics[topic] {
		s.heard.push(message{body: slices.Clone(body)})
	}
	return nil
}

// Subscribe implements Broker.
func (b *InProcess) Subscribe(ctx context.Context, topic string, hear func(body []byte)) (func(), error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	s := &subscriber{heard: newQueue()}
	b.mu.Lock()
	if b.topics[topic] == nil {
		b.topics[topic] = map[*subscriber]struct{}{}
	}
	b.topics[topic][s] = struct{}{}
	b.mu.Unlock()
	ctx, cancel := b.until(ctx)
	done := make(chan struct{})
	go func() {
		defer b.running.Done()
		defer close(done)
		defer b.unsubscribe(topic, s)
		for {
			m, ok := s.heard.pop(ctx)
			if !ok {
				return
			}
			hear(m.body)
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

func (b *InProcess) unsubscribe(topic string, s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics[topic], s)
}
