package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	amqp "github.com/rabbitmq/amqp091-go"
)

// raw returns a channel as anybody with access to RabbitMQ has it.
func raw(t testing.TB) *amqp.Channel {
	t.Helper()
	u, err := url.Parse(server(t).URL())
	must(t, err)
	u.Scheme = "amqp"
	conn, err := amqp.Dial(u.String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	must(t, err)
	return ch
}

// take waits for one message of a queue.
func take(t *testing.T, queue string) amqp.Delivery {
	t.Helper()
	ch := raw(t)
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	must(t, err)
	d := receive(t, deliveries)
	must(t, d.Ack(false))
	return d
}

// TestPoison is a message whose handler always fails: those behind it do not wait for it, and in
// the end it is put aside.
func TestPoison(t *testing.T) {
	c := config(t, server(t).URL())
	c.Attempts = 3
	b := connect(t, c)
	var poisoned atomic.Int32
	good := make(chan string, 10)
	for _, body := range []string{"poison", "1", "2", "3"} {
		must(t, b.Enqueue(within(t), "q", []byte(body)))
	}
	stop, err := b.Consume(t.Context(), "q", 1, func(_ context.Context, body []byte) error {
		if string(body) == "poison" {
			poisoned.Add(1)
			return errors.New("it cannot be done")
		}
		good <- fmt.Sprint(string(body), " after ", poisoned.Load())
		return nil
	})
	must(t, err)
	defer stop()
	for n := range 3 {
		if got := receive(t, good); got != fmt.Sprint(n+1, " after 1") {
			t.Errorf("got %s", got)
		}
	}
	d := take(t, c.Prefix+".work.q.dead")
	if string(d.Body) != "poison" || poisoned.Load() != 3 {
		t.Errorf("%q is dead after %d attempts", d.Body, poisoned.Load())
	}
}

// TestCrashingConsumers is a message that takes every consumer's connection with it.
func TestCrashingConsumers(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	must(t, b.Enqueue(within(t), "q", []byte("deadly")))
	for range 21 { // the first delivery and twenty more
		ch := raw(t)
		deliveries, err := ch.Consume(c.Prefix+".work.q", "", false, false, false, false, nil)
		must(t, err)
		receive(t, deliveries)
		must(t, ch.Close())
	}
	if d := take(t, c.Prefix+".work.q.dead"); string(d.Body) != "deadly" {
		t.Errorf("%q is dead", d.Body)
	}
}

// TestDeletedQueue is an operator's slip: the queue is made again.
func TestDeletedQueue(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	must(t, b.Enqueue(within(t), "q", []byte("gone")))
	_, err := raw(t).QueueDelete(c.Prefix+".work.q", false, false, false)
	must(t, err)
	must(t, b.Enqueue(within(t), "q", []byte("kept")))
	if d := take(t, c.Prefix+".work.q"); string(d.Body) != "kept" {
		t.Errorf("got %q", d.Body)
	}
}

// TestLateRequest waits in the queue longer than its caller does: nobody works on it.
func TestLateRequest(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	begun, release := make(chan string, 10), make(chan struct{})
	stop, err := b.Serve(t.Context(), "m", 1, func(_ context.Context, r json.RawMessage) (any, error) {
		begun <- string(r)
		<-release
		return nil, nil
	})
	must(t, err)
	defer stop()
	first := make(chan error, 1)
	go func() { first <- b.Call(within(t), "m", 1, nil) }()
	receive(t, begun)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantUnavailable(t, b.Call(ctx, "m", 2, nil))
	awaitDepth(t, c.Prefix+".call.m", 0) // RabbitMQ drops the request by its own clock
	close(release)
	must(t, receive(t, first))
	must(t, b.Call(within(t), "m", 3, nil))
	if got := receive(t, begun); got != "3" {
		t.Errorf("request %s was worked on after its caller had left", got)
	}
}

// awaitDepth waits until so many messages of the queue are with no consumer.
func awaitDepth(t *testing.T, queue string, want int) {
	t.Helper()
	ch, tick := raw(t), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); ; {
		q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		must(t, err)
		if q.Messages == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d messages wait in %s, want %d", q.Messages, queue, want)
		}
	}
}

// TestServersThatEnd has servers follow one another while callers call: what a server had received
// and not begun is done by the next, and every request is done once.
func TestServersThatEnd(t *testing.T) {
	b := connect(t, config(t, server(t).URL()))
	const callers, servers = 8, 30
	var done [callers]atomic.Int64
	var served atomic.Int64
	progress := make(chan struct{}, callers)
	serve := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		stop, err := b.Serve(ctx, "m", callers, func(_ context.Context, r json.RawMessage) (any, error) {
			served.Add(1)
			select {
			case progress <- struct{}{}:
			default:
			}
			return r, nil
		})
		must(t, err)
		return func() { cancel(); stop() }
	}
	end := serve()
	ctx, enough := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for ctx.Err() == nil {
				var got int
				if err := b.Call(within(t), "m", caller, &got); err != nil || got != caller {
					t.Errorf("caller %d: answered %d, %v", caller, got, err)
				}
				done[caller].Add(1)
			}
		})
	}
	for range servers {
		for range 2 * callers { // half of them at most are from before
			receive(t, progress)
		}
		end()
		end = serve()
	}
	enough()
	calling.Wait()
	end()
	all := int64(0)
	for caller := range callers {
		all += done[caller].Load()
	}
	if all != served.Load() {
		t.Errorf("%d calls were served %d times", all, served.Load())
	}
}

// TestClocksApart has callers whose clocks are a minute ahead of the server's, or behind: both are
// served, within the time that they wait. What is sent holds no time of day that a server could
// take for its own.
func TestClocksApart(t *testing.T) {
	c := config(t, server(t).URL())
	b, ch := connect(t, c), raw(t)
	_, err := ch.QueueDeclare(c.Prefix+".call.m", false, false, false, false, amqp.Table{"x-expires": 10_000})
	must(t, err)
	const wait = 50 * time.Second
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		_ = b.Call(ctx, "m", 1, nil) // nobody answers it
	}()
	deliveries, err := ch.Consume(c.Prefix+".call.m", "first", true, false, false, false, nil)
	must(t, err)
	sent := receive(t, deliveries)
	must(t, ch.Cancel("first", false))
	left, ok := sent.Headers["faas-time-left"].(int64)
	if !ok || left <= 0 || left > wait.Microseconds() || !sent.Timestamp.IsZero() || len(sent.Headers) != 1 {
		t.Errorf("a request says %v, %v of its caller's time", sent.Headers, sent.Timestamp)
	}
	got := make(chan time.Duration, 1)
	stop, err := b.Serve(t.Context(), "m", 1, func(ctx context.Context, _ json.RawMessage) (any, error) {
		deadline, _ := ctx.Deadline()
		got <- time.Until(deadline)
		return nil, nil
	})
	must(t, err)
	defer stop()
	for _, shift := range []time.Duration{-time.Minute, 0, time.Minute} {
		request := amqp.Publishing{
			Body: sent.Body, ReplyTo: "nowhere", Headers: sent.Headers, Timestamp: time.Now().Add(shift),
		}
		must(t, ch.Publish("", c.Prefix+".call.m", true, false, request))
		if d := receive(t, got); d <= 0 || d > wait {
			t.Errorf("with a clock %v apart a caller that waits for %v is served for %v", shift, wait, d)
		}
	}
}

// TestRubbishRequests puts what no caller sends into the queues.
func TestRubbishRequests(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	defer serveEcho(t, b)()
	got := make(chan string, 10)
	stop, err := b.Consume(t.Context(), "q", 2, func(_ context.Context, body []byte) error {
		got <- string(body)
		return nil
	})
	must(t, err)
	defer stop()
	ch := raw(t)
	for _, m := range []amqp.Publishing{
		{},
		{Body: []byte("{"), ReplyTo: "nowhere"},
		{Body: []byte("1"), ReplyTo: "amq.rabbitmq.reply-to.rubbish"},
		{Body: []byte("1"), ReplyTo: "nowhere", Headers: amqp.Table{"faas-time-left": "soon"}},
		{Body: []byte("1"), ReplyTo: "nowhere", Headers: amqp.Table{"faas-time-left": int64(-1 << 63)}},
		{Body: []byte("1"), ReplyTo: "nowhere", Headers: amqp.Table{"faas-time-left": int64(1<<63 - 1)}},
	} {
		must(t, ch.Publish("", c.Prefix+".call.echo", true, false, m))
	}
	for _, attempts := range []any{"many", int64(-1 << 63), int32(5), nil} {
		must(
			t,
			ch.Publish(
				"", c.Prefix+".work.q", true, false,
				amqp.Publishing{Body: []byte("x"), Headers: amqp.Table{"faas-attempts": attempts}},
			),
		)
		receive(t, got)
	}
	must(t, b.Call(within(t), "echo", 1, nil))
}

// TestRubbishReplies is a server that answers nonsense: each caller has an error, and the next its
// answer.
func TestRubbishReplies(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	ch := raw(t)
	_, err := ch.QueueDeclare(c.Prefix+".call.m", false, false, false, false, amqp.Table{"x-expires": 10_000})
	must(t, err)
	requests, err := ch.Consume(c.Prefix+".call.m", "", true, false, false, false, nil)
	must(t, err)
	answers := []string{
		"",
		"{",
		`"text"`,
		"{}",
		`{"reply":"text"}`,
		`{"error":{"kind":"owner","message":"x","retry_after":-5}}`,
	}
	go func() {
		for n := 0; ; n++ {
			d, ok := <-requests
			if !ok {
				return
			}
			body := `{"reply":7}`
			if n < len(answers) {
				body = answers[n]
			}
			for _, m := range []amqp.Publishing{{Body: []byte("x")}, {CorrelationId: "999", Body: []byte("x")}, {CorrelationId: d.CorrelationId, Body: []byte(body)}} {
				_ = ch.Publish("", d.ReplyTo, false, false, m)
			}
		}
	}()
	for _, body := range answers {
		var reply int
		var e *faas.Error
		if err := b.Call(within(t), "m", 1, &reply); !errors.As(err, &e) || e.Kind != faas.Internal || e.RetryAfter != 0 {
			t.Errorf("%q: got %v", body, err)
		}
	}
	var reply int
	if err := b.Call(within(t), "m", 1, &reply); err != nil || reply != 7 {
		t.Errorf("got %d, %v", reply, err)
	}
}

// TestSharedServing has two brokers serve a method. One stops amid the calls, and none of them
// fails.
func TestSharedServing(t *testing.T) {
	c := config(t, server(t).URL())
	caller := connect(t, c)
	defer serveEcho(t, connect(t, c))()
	stop := serveEcho(t, connect(t, c))
	outcomes := make(chan error, 400)
	for n := range 4 {
		go func() {
			for range 100 {
				var reply int
				outcomes <- caller.Call(within(t), "echo", n, &reply)
			}
		}()
	}
	for n := range cap(outcomes) {
		if n == 100 {
			stop()
		}
		must(t, receive(t, outcomes))
	}
}
