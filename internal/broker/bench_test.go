package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	amqp "github.com/rabbitmq/amqp091-go"
)

// publishers are how many benchmarks publish or ask at a time.
var publishers = map[string]int{"1": 1, "20": 20}

// many runs one operation b.N times from several goroutines.
func many(b *testing.B, at int, one func() error) {
	b.Helper()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range at {
		group.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				begun := time.Now()
				if err := one(); err != nil {
					b.Error(err)
					return
				}
				took[n-1] = time.Since(begun)
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

func quiet(b *testing.B) broker.Config {
	c := config(b, server(b).URL())
	c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	return c
}

func echo(_ context.Context, r json.RawMessage) (any, error) { return r, nil }

// BenchmarkCall is a request and its answer: in process, by RabbitMQ, and the floor, two bare
// channels that do the same by direct reply-to.
func BenchmarkCall(b *testing.B) {
	for name, at := range publishers {
		b.Run("in-process/"+name, func(b *testing.B) { benchmarkCall(b, broker.NewInProcess(), at) })
		b.Run("rabbit/"+name, func(b *testing.B) { benchmarkCall(b, connect(b, quiet(b)), at) })
	}
	b.Run("floor/1", floorCall)
}

func benchmarkCall(b *testing.B, bus broker.Broker, at int) {
	defer bus.Close()
	stop, err := bus.Serve(b.Context(), "echo", 20, echo)
	must(b, err)
	defer stop()
	ctx := within(b)
	many(b, at, func() error {
		var reply map[string]int
		return bus.Call(ctx, "echo", map[string]int{"n": 1}, &reply)
	})
}

func floorCall(b *testing.B) {
	ask, serve := raw(b), raw(b)
	q, err := serve.QueueDeclare("", false, true, true, false, nil)
	must(b, err)
	requests, err := serve.Consume(q.Name, "", true, false, false, false, nil)
	must(b, err)
	replies, err := ask.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	must(b, err)
	go func() {
		for d := range requests {
			_ = serve.Publish("", d.ReplyTo, false, false, amqp.Publishing{Body: d.Body})
		}
	}()
	many(b, 1, func() error {
		err := ask.Publish(
			"",
			q.Name,
			false,
			false,
			amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to", Body: []byte(`{"n":1}`)},
		)
		receive(b, replies)
		return err
	})
}

// BenchmarkEnqueue is a message in a quorum queue, confirmed; the floor is a bare channel with
// confirms, one for each publisher.
func BenchmarkEnqueue(b *testing.B) {
	body := []byte("0b4aafc3-54a2-4f3c-9a0e-0f6b1bb0f5a6")
	for name, at := range publishers {
		b.Run("rabbit/"+name, func(b *testing.B) {
			bus, ctx := connect(b, quiet(b)), within(b)
			must(b, bus.Enqueue(ctx, "q", body))
			many(b, at, func() error { return bus.Enqueue(ctx, "q", body) })
		})
		b.Run("floor/"+name, func(b *testing.B) { floorEnqueue(b, at, body) })
	}
}

func floorEnqueue(b *testing.B, at int, body []byte) {
	queue := quiet(b).Prefix
	_, err := raw(b).QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	must(b, err)
	channels := make(chan *amqp.Channel, at)
	for range at {
		ch := raw(b)
		must(b, ch.Confirm(false))
		channels <- ch
	}
	many(b, at, func() error {
		ch := <-channels
		defer func() { channels <- ch }()
		confirm, err := ch.PublishWithDeferredConfirm(
			"", queue, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body},
		)
		if err == nil {
			confirm.Wait()
		}
		return err
	})
}

// BenchmarkConsume drains a queue, with as many messages in hand at a time.
func BenchmarkConsume(b *testing.B) {
	for _, parallel := range []int{1, 32, 1024} {
		b.Run(fmt.Sprint("rabbit/", parallel), func(b *testing.B) {
			bus, ctx := connect(b, quiet(b)), within(b)
			for range b.N {
				must(b, bus.Enqueue(ctx, "q", []byte("0b4aafc3-54a2-4f3c-9a0e-0f6b1bb0f5a6")))
			}
			b.ResetTimer()
			var left sync.WaitGroup
			left.Add(b.N)
			stop, err := bus.Consume(ctx, "q", parallel, func(context.Context, []byte) error {
				left.Done()
				return nil
			})
			must(b, err)
			left.Wait()
			stop()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
		})
	}
}
