package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// server is the one RabbitMQ of this run, started by the first test that wants it.
var server struct {
	sync.Once
	*testkit.RabbitMQ
	err error
}

// stopping stops the server before goleak looks.
type stopping struct{ *testing.M }

func (m stopping) Run() int {
	defer func() {
		if server.RabbitMQ != nil {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return m.M.Run()
}

func rabbit(t *testing.T) *testkit.RabbitMQ {
	t.Helper()
	server.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		server.RabbitMQ, server.err = testkit.StartRabbitMQ(ctx)
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.RabbitMQ
}

// rabbitRig publishes the events of an outbox to RabbitMQ.
type rabbitRig struct {
	*Notifier
	*Publisher
	outboxRig *outboxRig
}

// newRabbitRig returns one with an exchange and topics that are the test's own.
func newRabbitRig(t *testing.T, name string, durable bool) *rabbitRig {
	t.Helper()
	config, err := broker.ParseTransportURL(rabbit(t).URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r := &Rabbit{Broker: config, Exchange: name, Topics: []string{name + "-a", name + "-b"}, Durable: durable, Log: log}
	t.Cleanup(r.Close)
	d := newOutboxRig(t)
	publisher := NewPublisher(PublisherConfig{
		Outbox: d.Outbox, Carry: r.Carry, Now: func() time.Time { return d.clock }, Log: log,
	})
	return &rabbitRig{&Notifier{Publisher: "faas-test.host"}, publisher, d}
}

// keep puts events into the outbox.
func (n *rabbitRig) keep(t *testing.T, events ...[]store.Event) {
	t.Helper()
	if err := n.outboxRig.AddEvents(t.Context(), slices.Concat(events...)...); err != nil {
		t.Fatal(err)
	}
}

// tell keeps events and publishes.
func (n *rabbitRig) tell(t *testing.T, events ...[]store.Event) {
	t.Helper()
	n.keep(t, events...)
	n.Publish(t.Context())
}

// channel is a connection of a listener's.
func channel(t *testing.T) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(strings.Replace(rabbit(t).URL(), "rabbit://", "amqp://", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// get takes the next message of a queue, and waits for both to be there.
func get(t *testing.T, queue string) amqp.Delivery {
	t.Helper()
	conn, err := amqp.Dial(strings.Replace(rabbit(t).URL(), "rabbit://", "amqp://", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseDeadline(time.Now().Add(time.Second))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(hangTimeout); time.Now().Before(deadline); <-tick.C {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		m, ok, err := ch.Get(queue, true)
		if err == nil && ok {
			return m
		}
		_ = ch.Close() // a queue that is not there yet has closed it
	}
	t.Fatalf("nothing comes to %s", queue)
	return amqp.Delivery{}
}

// TestRealRabbit has no listener while notifications are sent: the queues are those that one of
// oslo.messaging's would declare.
func TestRealRabbit(t *testing.T) {
	n := newRabbitRig(t, "real", false)
	n.tell(
		t, n.Function(FunctionCreate, "u-1", "req-1", function()),
		n.Ended(function(), execution(faas.ExecutionError), time.Second),
	)
	for _, topic := range []string{"real-a", "real-b"} {
		for priority, kind := range map[string]string{"info": FunctionCreate, "error": ExecutionError} {
			m := get(t, topic+"."+priority)
			if m.ContentType != "application/json" || m.ContentEncoding != "utf-8" || m.DeliveryMode != amqp.Persistent ||
				m.Exchange != "real" {
				t.Errorf("got %+v", m)
			}
			if got := opened(t, m.Body)["event_type"]; got != kind {
				t.Errorf("%s.%s has %v, want %s", topic, priority, got, kind)
			}
		}
	}
	ch := channel(t) // declaring again is no error only with the same properties
	if err := ch.ExchangeDeclare("real", "topic", false, false, false, false, nil); err != nil {
		t.Errorf("the exchange is not as oslo.messaging makes it: %v", err)
	}
	if _, err := ch.QueueDeclare("real-a.info", false, false, false, false, nil); err != nil {
		t.Errorf("the queue is not as oslo.messaging makes it: %v", err)
	}
}

// TestExchangeOfAnother has services that made exchange and queue with other properties before.
func TestExchangeOfAnother(t *testing.T) {
	ch := channel(t)
	if err := ch.ExchangeDeclare("other", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	quorum := amqp.Table{"x-queue-type": "quorum"}
	if _, err := ch.QueueDeclare("other-a.info", true, false, false, false, quorum); err != nil {
		t.Fatal(err)
	}
	n := newRabbitRig(t, "other", false)
	n.tell(t, n.Function(FunctionCreate, "u-1", "req-1", function()))
	for _, queue := range []string{"other-a.info", "other-b.info"} {
		if got := opened(t, get(t, queue).Body)["event_type"]; got != FunctionCreate {
			t.Errorf("%s has %v", queue, got)
		}
	}
}

// TestServerAway kills RabbitMQ and starts it again: what is published meanwhile comes after.
func TestServerAway(t *testing.T) {
	n := newRabbitRig(t, "away", true)
	n.tell(t, n.Function(FunctionCreate, "u-1", "before", function()))
	get(t, "away-a.info")
	rabbit(t).Kill()
	for i := range 300 {
		n.keep(t, n.Function(FunctionUpdate, "u-1", fmt.Sprint(i), function()))
	}
	n.Publish(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	if err := rabbit(t).Start(ctx); err != nil {
		t.Fatal(err)
	}
	n.outboxRig.clock = n.outboxRig.clock.Add(lastPause)
	n.Publish(t.Context())
	seen, ids := map[any]bool{}, map[any]bool{}
	messages, err := channel(t).ConsumeWithContext(ctx, waitFor(t, "away-a.info"), "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for len(seen) < 300 {
		select {
		case m, ok := <-messages:
			if !ok {
				t.Fatal("the listener's connection broke")
			}
			got := opened(t, m.Body)
			if got["event_type"] == FunctionUpdate {
				seen[got["_context_request_id"]], ids[got["_unique_id"]] = true, true
			}
		case <-ctx.Done():
			t.Fatalf("%d of 300 came", len(seen))
		}
	}
	if len(ids) != 300 {
		t.Errorf("300 messages have %d ids", len(ids))
	}
}

// waitFor waits until there is the queue.
func waitFor(t *testing.T, queue string) string {
	t.Helper()
	conn, err := amqp.Dial(strings.Replace(rabbit(t).URL(), "rabbit://", "amqp://", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseDeadline(time.Now().Add(time.Second))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(hangTimeout); time.Now().Before(deadline); <-tick.C {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		_ = ch.Close()
		if err == nil {
			return queue
		}
	}
	t.Fatalf("there is no queue %s", queue)
	return ""
}

// python is Debian's, which has oslo.messaging.
const python = "/usr/bin/python3"

// TestOsloListener has oslo.messaging itself listen, as Ceilometer does, and print what it hears.
func TestOsloListener(t *testing.T) {
	if exec.CommandContext(t.Context(), python, "-c", "import oslo_messaging").Run() != nil {
		t.Skip("python3-oslo.messaging is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	listener := exec.CommandContext(ctx, python, "testdata/listener.py", "oslo", "oslo-a", "2")
	listener.Env = append(os.Environ(), "TRANSPORT_URL="+rabbit(t).URL())
	var complaints strings.Builder
	listener.Stderr = &complaints
	out, err := listener.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	n := newRabbitRig(t, "oslo", false)
	n.tell(t, n.Ended(function(), execution(faas.ExecutionSuccess), 1500*time.Millisecond),
		n.Ended(function(), executionOf("x-2", faas.ExecutionError), 0))
	heard := map[string]struct {
		Publisher string         `json:"publisher_id"`
		EventType string         `json:"event_type"`
		Context   map[string]any `json:"context"`
		Payload   map[string]any `json:"payload"`
		Metadata  map[string]any `json:"metadata"`
	}{}
	if err := json.NewDecoder(out).Decode(&heard); err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	if err := listener.Wait(); err != nil {
		t.Errorf("%v\n%s", err, complaints.String())
	}
	info := heard["info"]
	if info.Publisher != "faas-test.host" || info.EventType != ExecutionEnd ||
		info.Payload["gb_seconds"] != 0.375 || info.Context["project_id"] != "p-1" ||
		info.Context["request_id"] != "req-1" || info.Metadata["message_id"] == nil ||
		info.Metadata["timestamp"] == nil {
		t.Errorf("heard %+v", info)
	}
	if heard["error"].EventType != ExecutionError {
		t.Errorf("heard %+v", heard["error"])
	}
}
