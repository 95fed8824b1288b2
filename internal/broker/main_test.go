package broker_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/broker/brokertest"
	"github.com/openstack-faas/faas/internal/testkit"
	"go.uber.org/goleak"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// rabbitServer is the one server of this run, started by the first test that wants it.
var rabbitServer struct {
	sync.Once
	*testkit.RabbitMQ
	err error
}

// afterwards stops the server before goleak looks.
type afterwards struct{ *testing.M }

func (m afterwards) Run() int {
	defer func() {
		if rabbitServer.RabbitMQ != nil {
			if err := rabbitServer.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return m.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(afterwards{m}) }

func server(t testing.TB) *testkit.RabbitMQ {
	t.Helper()
	rabbitServer.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		rabbitServer.RabbitMQ, rabbitServer.err = testkit.StartRabbitMQ(ctx)
	})
	if rabbitServer.err != nil {
		t.Fatal(rabbitServer.err)
	}
	return rabbitServer.RabbitMQ
}

// config is for a broker whose queues are this test's alone.
func config(t testing.TB, url string) broker.Config {
	t.Helper()
	c, err := broker.ParseTransportURL(url, map[string]string{
		"heartbeat_timeout_threshold": "5", "rabbit_retry_interval": "0.05", "rabbit_retry_backoff": "0.05", "rabbit_interval_max": "0.5",
	})
	must(t, err)
	c.Prefix = fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	c.RedeliverAfter = 100 * time.Millisecond
	return c
}

func connect(t testing.TB, c broker.Config) *broker.Rabbit {
	t.Helper()
	b, err := broker.NewRabbit(within(t), c)
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestInProcess(t *testing.T) {
	brokertest.Run(t, func(*testing.T) broker.Broker {
		return broker.NewInProcess(broker.RedeliverAfter(10 * time.Millisecond))
	})
}

func TestRabbit(t *testing.T) {
	url := server(t).URL()
	brokertest.Run(t, func(t *testing.T) broker.Broker {
		c := config(t, url)
		c.RedeliverAfter = 20 * time.Millisecond
		return connect(t, c)
	})
}

func TestRabbitOverTLS(t *testing.T) {
	b := connect(t, config(t, server(t).TLSURL()))
	must(t, b.Enqueue(within(t), "q", []byte("x")))
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(hangTimeout):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
