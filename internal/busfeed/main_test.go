package busfeed

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/testkit"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// rabbit is the one server of this run, started by the first test that wants it.
var rabbit struct {
	sync.Once
	*testkit.RabbitMQ
	err error
}

// afterwards stops the server before goleak looks.
type afterwards struct{ *testing.M }

func (m afterwards) Run() int {
	defer func() {
		if rabbit.RabbitMQ != nil {
			if err := rabbit.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return m.M.Run()
}

func TestMain(m *testing.M) {
	if url := os.Getenv(victimURL); url != "" {
		victim(url)
		return
	}
	goleak.VerifyTestMain(afterwards{m})
}

func server(t testing.TB) *testkit.RabbitMQ {
	t.Helper()
	rabbit.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		rabbit.RabbitMQ, rabbit.err = testkit.StartRabbitMQ(ctx)
	})
	must(t, rabbit.err)
	return rabbit.RabbitMQ
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	return ctx
}

// parse reads a transport_url, with pauses that a test can wait for.
func parse(t testing.TB, url string) broker.Config {
	t.Helper()
	c, err := broker.ParseTransportURL(url, map[string]string{
		"heartbeat_timeout_threshold": "5", "rabbit_retry_interval": "0.05", "rabbit_retry_backoff": "0.05",
		"rabbit_interval_max": "0.5",
	})
	must(t, err)
	return c
}

// unique is a name for this run of the test alone.
func unique(t testing.TB) string { return fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano()) }

// open is a channel of somebody else's.
func open(t testing.TB) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(strings.Replace(server(t).URL(), "rabbit://", "amqp://", 1))
	must(t, err)
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	ch, err := conn.Channel()
	must(t, err)
	return ch
}

// service publishes notifications as a service of OpenStack.
type service struct {
	*amqp.Channel
	exchange string
}

// newService declares the exchange of a service.
func newService(t testing.TB, exchange string, durable bool) service {
	t.Helper()
	s := service{open(t), exchange}
	must(t, s.ExchangeDeclare(exchange, "topic", durable, false, false, false, nil))
	must(t, s.Confirm(false))
	return s
}

// say publishes messages and returns when RabbitMQ has confirmed them.
func (s service) say(t testing.TB, key string, bodies ...string) {
	t.Helper()
	var confirms []*amqp.DeferredConfirmation
	for _, body := range bodies {
		c, err := s.PublishWithDeferredConfirm(s.exchange, key, false, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: []byte(body),
		})
		must(t, err)
		confirms = append(confirms, c)
	}
	for _, c := range confirms {
		if taken, err := c.WaitContext(within(t)); err != nil || !taken {
			t.Fatalf("RabbitMQ has not confirmed: %v, %v", taken, err)
		}
	}
}

// run runs a feed until the test ends, or stop is called.
func run(t testing.TB, cfg Config) (f *Feed, stop func()) {
	t.Helper()
	f, err := New(cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return f, stop
}

// until waits for what nothing signals.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// counted returns the value of a metric of the feed.
func counted(t testing.TB, f *Feed, name string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	f.Register(registry)
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func bound(f *Feed, n int) func() bool {
	return func() bool { return f.counts.bound.Load() == int64(n) }
}

// proxy stands between a feed and RabbitMQ and breaks connections.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func startProxy(t testing.TB) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: l, target: server(t).Address()}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url(t testing.TB) string { return server(t).URLAt(p.listener.Addr().String()) }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, up)
		p.mu.Unlock()
		for _, pair := range [][2]net.Conn{{client, up}, {up, client}} {
			p.running.Go(func() {
				defer pair[0].Close()
				defer pair[1].Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := pair[0].Read(buffer)
					if _, werr := pair[1].Write(buffer[:n]); err != nil || werr != nil {
						return
					}
				}
			})
		}
	}
}

// cut breaks every connection with a reset.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
	p.conns = nil
}
