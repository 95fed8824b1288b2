// Package brokertest is what every broker must do.
package brokertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// Run holds a broker against the interface's promises. open returns a new one with nothing in its
// queues.
func Run(t *testing.T, open func(t *testing.T) broker.Broker) {
	for name, test := range map[string]func(*testing.T, broker.Broker){
		"call":                          call,
		"call carries errors":           callErrors,
		"call without a server":         callNobody,
		"call past its deadline":        callLate,
		"calls are bounded":             callBounded,
		"hints come before the answer":  hints,
		"queue keeps until consumed":    queueKeeps,
		"queue redelivers what failed":  queueRedelivers,
		"queue keeps what must wait":    queueWaits,
		"queue shares among consumers":  queueShares,
		"consumers are bounded":         queueBounded,
		"consumers are many":            queueWide,
		"a stopped consumer is no more": queueStops,
		"broadcast reaches all":         broadcast,
		"a shard has one owner":         ownInTurn,
		"shards are apart":              ownOthers,
		"a shard given up comes again":  ownAgain,
		"traces go with what is sent":   traced,
		"closed":                        closed,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() { _ = b.Close() })
			test(t, b)
		})
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(hangTimeout):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type message struct{ N int }

func serve(t *testing.T, b broker.Broker, method string, parallel int, handle broker.RequestHandler) {
	t.Helper()
	stop, err := b.Serve(t.Context(), method, parallel, handle)
	must(t, err)
	t.Cleanup(stop)
}

func call(t *testing.T, b broker.Broker) {
	serve(t, b, "double", 4, func(ctx context.Context, request json.RawMessage) (any, error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errors.New("the deadline did not travel")
		}
		var m message
		err := json.Unmarshal(request, &m)
		return message{2 * m.N}, err
	})
	var group sync.WaitGroup
	for n := range 50 {
		group.Go(func() {
			var reply message
			if err := b.Call(within(t), "double", message{n}, &reply); err != nil || reply.N != 2*n {
				t.Errorf("got %d, %v", reply.N, err)
			}
		})
	}
	group.Wait()
}

func callErrors(t *testing.T, b broker.Broker) {
	sent := map[string]error{
		"busy":  &faas.Error{Kind: faas.Busy, Message: "no room", RetryAfter: 3 * time.Second, Cause: errors.New("secret")},
		"other": fmt.Errorf("it broke"),
		"newer": faas.Errorf(faas.Outdated, "it has changed"),
	}
	serve(t, b, "fail", 1, func(_ context.Context, request json.RawMessage) (any, error) {
		var which string
		if err := json.Unmarshal(request, &which); err != nil {
			return nil, err
		}
		return nil, sent[which]
	})
	var e *faas.Error
	err := b.Call(within(t), "fail", "busy", nil)
	if !errors.As(err, &e) || e.Kind != faas.Busy || e.Message != "no room" || e.RetryAfter != 3*time.Second ||
		e.Cause != nil {
		t.Errorf("got %#v", err)
	}
	if err := b.Call(within(t), "fail", "newer", nil); faas.KindOf(err) != faas.Outdated {
		t.Errorf("got %v", err)
	}
	if err := b.Call(within(t), "fail", "other", nil); faas.KindOf(err) != faas.Internal ||
		strings.Contains(err.Error(), "it broke") {
		t.Errorf("got %v", err)
	}
}

// hints has a handler hint twice, for a caller who listens and for one who does not.
func hints(t *testing.T, b broker.Broker) {
	serve(t, b, "hint", 1, func(ctx context.Context, _ json.RawMessage) (any, error) {
		broker.Hint(ctx, message{1})
		broker.Hint(ctx, message{2})
		return message{3}, nil
	})
	var reply message
	if err := b.Call(within(t), "hint", nil, &reply); err != nil || reply.N != 3 {
		t.Errorf("one who does not listen gets %d, %v", reply.N, err)
	}
	heard := make(chan string, 3)
	ctx := broker.Hearing(within(t), func(hint json.RawMessage) { heard <- string(hint) })
	if err := b.Call(ctx, "hint", nil, &reply); err != nil || reply.N != 3 {
		t.Errorf("one who listens gets %d, %v", reply.N, err)
	}
	for _, want := range []string{`{"N":1}`, `{"N":2}`} {
		if got := receive(t, heard); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
	broker.Hint(within(t), message{4}) // outside of a handler: nobody hears it, and nothing breaks
}

func callNobody(t *testing.T, b broker.Broker) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // or a stall hides that nobody took it
	defer cancel()
	if err := b.Call(ctx, "nobody", message{}, nil); faas.KindOf(err) != faas.Unavailable ||
		!errors.Is(err, broker.ErrNotTaken) {
		t.Errorf("got %v", err)
	}
}

func callLate(t *testing.T, b broker.Broker) {
	release := make(chan struct{})
	defer close(release)
	serve(t, b, "slow", 1, func(context.Context, json.RawMessage) (any, error) {
		<-release
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Call(ctx, "slow", message{}, nil); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

// gauge counts how many are in at a time.
type gauge struct{ now, most atomic.Int32 }

func (g *gauge) in() func() {
	n := g.now.Add(1)
	for {
		most := g.most.Load()
		if n <= most || g.most.CompareAndSwap(most, n) {
			return func() { g.now.Add(-1) }
		}
	}
}

func callBounded(t *testing.T, b broker.Broker) {
	var g gauge
	both := make(chan struct{}, 2)
	serve(t, b, "bounded", 2, func(context.Context, json.RawMessage) (any, error) {
		defer g.in()()
		both <- struct{}{} // the third would block here for ever if it came in beside two
		<-both
		return nil, nil
	})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := b.Call(within(t), "bounded", message{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if g.most.Load() > 2 {
		t.Errorf("%d ran at a time, want two at most", g.most.Load())
	}
}

func consume(t *testing.T, b broker.Broker, queue string, parallel int, handle broker.MessageHandler) (stop func()) {
	t.Helper()
	stop, err := b.Consume(t.Context(), queue, parallel, handle)
	must(t, err)
	return sync.OnceFunc(stop)
}

func queueKeeps(t *testing.T, b broker.Broker) {
	for n := range 100 {
		must(t, b.Enqueue(within(t), "kept", fmt.Appendf(nil, "%d", n)))
	}
	got := make(chan string, 100)
	defer consume(t, b, "kept", 1, func(_ context.Context, body []byte) error {
		got <- string(body)
		return nil
	})()
	for n := range 100 {
		if body := receive(t, got); body != fmt.Sprint(n) {
			t.Fatalf("message %d is %q", n, body)
		}
	}
}

func queueRedelivers(t *testing.T, b broker.Broker) {
	var times atomic.Int32
	done := make(chan struct{})
	defer consume(t, b, "failing", 1, func(context.Context, []byte) error {
		if times.Add(1) < 3 {
			return errors.New("not yet")
		}
		close(done)
		return nil
	})()
	must(t, b.Enqueue(within(t), "failing", []byte("x")))
	receive(t, done)
	if times.Load() != 3 {
		t.Errorf("delivered %d times", times.Load())
	}
}

// queueWaits is a message for which there is no room, or whose function changes, for longer than
// one that fails would be tried.
func queueWaits(t *testing.T, b broker.Broker) {
	const refusals = 25
	var times atomic.Int32
	done := make(chan struct{})
	defer consume(t, b, "waiting", 1, func(context.Context, []byte) error {
		switch n := times.Add(1); {
		case n > refusals:
			close(done)
			return nil
		case n%3 == 0:
			return fmt.Errorf("no worker: %w", faas.Errorf(faas.Busy, "no room"))
		case n%3 == 1:
			return fmt.Errorf("call: %w", faas.Errorf(faas.Outdated, "it has changed"))
		default:
			return faas.Errorf(faas.Unavailable, "the database is away")
		}
	})()
	must(t, b.Enqueue(within(t), "waiting", []byte("x")))
	receive(t, done)
	if times.Load() != refusals+1 {
		t.Errorf("delivered %d times", times.Load())
	}
}

func queueShares(t *testing.T, b broker.Broker) {
	got := make(chan string, 200)
	for range 3 {
		defer consume(t, b, "shared", 2, func(_ context.Context, body []byte) error {
			got <- string(body)
			return nil
		})()
	}
	for n := range 200 {
		must(t, b.Enqueue(within(t), "shared", fmt.Appendf(nil, "%d", n)))
	}
	seen := map[string]int{}
	for range 200 {
		seen[receive(t, got)]++
	}
	if len(seen) != 200 {
		t.Errorf("%d different messages came, want 200", len(seen))
	}
}

func queueBounded(t *testing.T, b broker.Broker) {
	var g gauge
	got := make(chan struct{}, 50)
	defer consume(t, b, "narrow", 3, func(context.Context, []byte) error {
		defer g.in()()
		got <- struct{}{}
		return nil
	})()
	for range 50 {
		must(t, b.Enqueue(within(t), "narrow", []byte("x")))
	}
	for range 50 {
		receive(t, got)
	}
	if g.most.Load() > 3 {
		t.Errorf("%d handlers ran at a time, want three at most", g.most.Load())
	}
}

// queueWide is a consumer that has a thousand messages in hand at a time. Each handler waits for as
// many others.
func queueWide(t *testing.T, b broker.Broker) {
	const parallel, all = 1024, 2 * 1024
	var g gauge
	var begun atomic.Int32
	full, got := make(chan struct{}), make(chan string, all)
	defer consume(t, b, "wide", parallel, func(_ context.Context, body []byte) error {
		defer g.in()()
		if begun.Add(1) == parallel {
			close(full)
		}
		<-full
		got <- string(body)
		return nil
	})()
	var group sync.WaitGroup
	for first := range 16 {
		group.Go(func() {
			for n := first; n < all; n += 16 {
				if err := b.Enqueue(within(t), "wide", fmt.Appendf(nil, "%d", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]int{}
	for range all {
		seen[receive(t, got)]++
	}
	if len(seen) != all || g.most.Load() != parallel {
		t.Errorf("%d different messages came, want %d; %d at a time, want %d", len(seen), all, g.most.Load(), parallel)
	}
}

// queueStops is a consumer that ends while a message is in its hands: it waits for the handler,
// takes no more, and what it did not settle goes to the next.
func queueStops(t *testing.T, b broker.Broker) {
	begun := make(chan struct{})
	stop := consume(t, b, "stopped", 1, func(ctx context.Context, _ []byte) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	})
	must(t, b.Enqueue(within(t), "stopped", []byte("x")))
	receive(t, begun)
	stop()
	got := make(chan struct{})
	defer consume(t, b, "stopped", 1, func(context.Context, []byte) error {
		close(got)
		return nil
	})()
	receive(t, got)
}

func broadcast(t *testing.T, b broker.Broker) {
	heard := make(chan string, 10)
	for n := range 3 {
		stop, err := b.Subscribe(t.Context(), "news", func(body []byte) { heard <- fmt.Sprintf("%d %s", n, body) })
		must(t, err)
		defer stop()
	}
	must(t, b.Broadcast(within(t), "news", []byte("x")))
	must(t, b.Broadcast(within(t), "other", []byte("y")))
	seen := map[string]bool{}
	for range 3 {
		seen[receive(t, heard)] = true
	}
	if !seen["0 x"] || !seen["1 x"] || !seen["2 x"] {
		t.Errorf("heard %v", seen)
	}
}

func closed(t *testing.T, b broker.Broker) {
	ended := make(chan struct{})
	_, err := b.Consume(t.Context(), "q", 1, func(ctx context.Context, _ []byte) error {
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	must(t, err)
	must(t, b.Enqueue(within(t), "q", nil))
	must(t, b.Close())
	select {
	case <-ended: // Close waited for the handler, if it had begun
	default:
	}
	_, ownErr := b.Own(t.Context(), "s", nil)
	_, serveErr := b.Serve(t.Context(), "m", 1, nil)
	_, consumeErr := b.Consume(t.Context(), "q", 1, nil)
	_, subscribeErr := b.Subscribe(t.Context(), "t", nil)
	for what, err := range map[string]error{
		"call": b.Call(within(t), "m", nil, nil), "enqueue": b.Enqueue(within(t), "q", nil), "broadcast": b.Broadcast(within(t), "t", nil),
		"serve": serveErr, "consume": consumeErr, "subscribe": subscribeErr, "own": ownErr,
	} {
		if !errors.Is(err, broker.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
