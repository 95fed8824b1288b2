package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// ErrClosed is what the methods of a broker return after Close.
var ErrClosed = errors.New("the broker is closed")

// redeliverAfter is the default pause before a message whose handler failed is delivered again.
const redeliverAfter = time.Second

// Option changes how a new in-process broker behaves.
type Option func(*InProcess)

// RedeliverAfter sets the pause before a message whose handler failed is delivered again; the
// default is one second.
func RedeliverAfter(pause time.Duration) Option { return func(b *InProcess) { b.pause = pause } }

// InProcess is a broker within one process. Its messages end with the process. Nothing is lost by
// that: the next process finds the rows that they were about in the database.
type InProcess struct {
	pause time.Duration

	mu       sync.Mutex
	closed   bool
	services map[string][]*service
	queues   map[string]*queue
	topics   map[string]map[*subscriber]struct{}
	shards   map[string]chan struct{} // capacity 1: the owner of the shard has put in a token
	running  sync.WaitGroup           // handlers and consumers
	end      context.CancelFunc
	ctx      context.Context
}

var _ Broker = (*InProcess)(nil)

// NewInProcess makes a broker.
func NewInProcess(options ...Option) *InProcess {
	ctx, end := context.WithCancel(context.Background())
	b := &InProcess{
		pause: redeliverAfter, ctx: ctx, end: end,
		services: map[string][]*service{}, queues: map[string]*queue{}, topics: map[string]map[*subscriber]struct{}{},
		shards: map[string]chan struct{}{},
	}
	for _, set := range options {
		set(b)
	}
	return b
}

// Close implements Broker. It ends the handlers' contexts and waits for them.
func (b *InProcess) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.running.Wait()
	return nil
}

// enter counts a goroutine in, unless the broker is closed.
func (b *InProcess) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.running.Add(1)
	return nil
}

// Connected implements Broker.
func (b *InProcess) Connected() bool { return b.ctx.Err() == nil }

// until returns a context that ends with the caller's and with the broker.
func (b *InProcess) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// service is one server of a method.
type service struct {
	method string
	ctx    context.Context
	room   chan struct{} // holds a token for each request under way
	handle RequestHandler
	under  sync.WaitGroup
}

// Serve implements Broker.
func (b *InProcess) Serve(ctx context.Context, method string, parallel int, handle RequestHandler) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	ctx, cancel := b.until(ctx)
	s := &service{method: method, ctx: ctx, room: make(chan struct{}, parallel), handle: handle}
	b.services[method] = append(b.services[method], s)
	context.AfterFunc(ctx, func() { b.forget(method, s) })
	return func() {
		b.forget(method, s)
		s.under.Wait()
		cancel()
	}, nil
}

func (b *InProcess) forget(method string, s *service) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []*service
	for _, other := range b.services[method] {
		if other != s {
			left = append(left, other)
		}
	}
	b.services[method] = left
}

// choose returns a server of the method, each in turn, and counts the request in.
func (b *InProcess) choose(method string) (*service, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	all := b.services[method]
	if len(all) == 0 {
		return nil, faas.Errorf(faas.Unavailable, "No engine serves %s now; try again later.", method).WithCause(ErrNotTaken)
	}
	s := all[0]
	copy(all, all[1:])
	all[len(all)-1] = s
	s.under.Add(1)
	b.running.Add(1)
	return s, nil
}

// Call implements Broker. It returns at once when nobody serves the method.
func (b *InProcess) Call(ctx context.Context, method string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("request for %s: %w", method, err)
	}
	s, err := b.choose(method)
	if err != nil {
		return err
	}
	answered := make(chan result, 1)
	go func() {
		defer b.running.Done()
		defer s.under.Done()
		answered <- s.answer(ctx, body)
	}()
	select {
	case r := <-answered:
		if r.err != nil || reply == nil {
			return r.err
		}
		return json.Unmarshal(r.body, reply)
	case <-ctx.Done():
		return faas.Errorf(faas.Unavailable, "%s was not answered in time.", method).WithCause(ctx.Err())
	}
}

type result struct {
	body []byte
	err  error
}

// answer runs the handler once there is room. It has the caller's deadline but not its
// cancellation, which RabbitMQ would not transmit either.
func (s *service) answer(caller context.Context, body []byte) result {
	ctx := s.ctx
	if deadline, ok := caller.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	case <-ctx.Done():
		return result{
			err: faas.Errorf(
				faas.Unavailable, "The request was not handled in time: the engine is busy.",
			).WithCause(errors.Join(ErrNotTaken, ctx.Err())),
		}
	}
	if hear := hearing(caller); hear != nil {
		ctx = hinting(ctx, hear)
	}
	reply, err := s.handle(tracing.Within(ctx, caller), body)
	if err != nil {
		logUnknown(slog.Default(), s.method, err)
		return result{err: carried(err)}
	}
	b, err := json.Marshal(reply)
	return result{b, err}
}

// logUnknown logs an error whose text carried leaves out.
func logUnknown(log *slog.Logger, method string, err error) {
	var f *faas.Error
	if err != nil && !errors.As(err, &f) {
		log.Error("a request failed", "method", method, "error", err)
	}
}

// carried returns an error as the caller in another process sees it: with kind, message and when to
// try again, but without cause. The text of an error without a kind is not meant for callers.
func carried(err error) error {
	var f *faas.Error
	if !errors.As(err, &f) {
		return faas.Errorf(faas.Internal, "The engine failed; its log says why.")
	}
	return &faas.Error{Kind: f.Kind, Message: f.Message, RetryAfter: f.RetryAfter}
}
