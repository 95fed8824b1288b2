package ownership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is engines that share a database and a broker.
type cloud struct {
	*testing.T
	store   *store.Store
	connect func() broker.Broker
	engines []*engine
	holders []atomic.Int32 // engines that hold each shard now
	most    atomic.Int32   // of any shard at any time
	epochs  []atomic.Int64
}

// engine is one of them.
type engine struct {
	*Balancer
	name   string
	broker broker.Broker
	stop   func()
}

func newCloud(t *testing.T, url string, connect func() broker.Broker) *cloud {
	t.Helper()
	c := &cloud{T: t, connect: connect}
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
	c.must(err)
	t.Cleanup(func() { _ = s.Close() })
	c.store = s
	c.holders, c.epochs = make([]atomic.Int32, s.Shards()), make([]atomic.Int64, s.Shards())
	return c
}

func (c *cloud) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// start starts one more engine. It answers one method for each shard that it owns.
func (c *cloud) start() *engine { return c.startAs(Config{Alive: 2 * time.Second}) }

// startAs starts an engine with what the configuration says of the others.
func (c *cloud) startAs(conf Config) *engine {
	e := &engine{name: fmt.Sprint("engine-", len(c.engines)+1), broker: c.connect()}
	conf.Name, conf.Membership, conf.Broker = e.name, c.store.Membership, e.broker
	conf.Beat, conf.Log = 100*time.Millisecond, slog.New(slog.DiscardHandler)
	conf.Hold = func(ctx context.Context, o faas.Ownership) { c.hold(ctx, e, o) }
	e.Balancer = New(conf)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(ctx)
	}()
	e.stop = sync.OnceFunc(func() { cancel(); <-ended })
	c.Cleanup(e.stop)
	c.engines = append(c.engines, e)
	return e
}

// hold notes who owns, and has the method of the shard answered with its name.
func (c *cloud) hold(ctx context.Context, e *engine, o faas.Ownership) {
	n := c.holders[o.Shard].Add(1)
	defer c.holders[o.Shard].Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	if last := c.epochs[o.Shard].Swap(o.Epoch); last >= o.Epoch {
		c.Errorf("shard %d is owned in epoch %d after %d", o.Shard, o.Epoch, last)
	}
	stop, err := e.broker.Serve(
		ctx,
		faas.MethodAcquireIn(o.Shard),
		10,
		func(context.Context, json.RawMessage) (any, error) {
			return e.name, nil
		},
	)
	if err != nil {
		return
	}
	<-ctx.Done()
	stop()
}

// balanced waits until the engines own equal shares, and all shards together.
func (c *cloud) balanced(among ...*engine) {
	c.Helper()
	c.await(fmt.Sprintf("%d engines own equal shares", len(among)), func() bool {
		all, least, most := 0, int(c.store.Shards()), 0
		for _, e := range among {
			n := len(e.Owned())
			all, least, most = all+n, min(least, n), max(most, n)
		}
		return all == int(c.store.Shards()) && most-least <= 1
	})
	if most := c.most.Load(); most != 1 {
		c.Errorf("a shard was held by %d engines at once", most)
	}
}

func (c *cloud) await(what string, holds func() bool) {
	c.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			for _, e := range c.engines {
				c.Logf("%s owns %d", e.name, len(e.Owned()))
			}
			c.Fatalf("it does not come about that %s", what)
		}
	}
}

// calls asks the owners of all shards again and again, until stop; it counts the answers.
func (c *cloud) calls(b broker.Broker, failed func(error)) (answers *atomic.Int64, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	answers = new(atomic.Int64)
	for caller := range 4 {
		callers.Go(func() {
			for n := caller; ctx.Err() == nil; n++ {
				asking, done := context.WithTimeout(ctx, time.Minute)
				err := b.Call(asking, faas.MethodAcquireIn(n%int(c.store.Shards())), "", nil)
				done()
				if err == nil {
					answers.Add(1)
				} else if ctx.Err() == nil {
					failed(err)
				}
			}
		})
	}
	return answers, func() { cancel(); callers.Wait() }
}

func TestInProcess(t *testing.T) {
	b := broker.NewInProcess(broker.RedeliverAfter(10 * time.Millisecond))
	t.Cleanup(func() { _ = b.Close() })
	c := newCloud(t, "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), func() broker.Broker { return b })
	first := c.start()
	c.balanced(first)
	second := c.start()
	c.balanced(first, second)
	third := c.start()
	c.balanced(first, second, third)
	first.stop()
	c.balanced(second, third)
	if live, err := c.store.LiveEngines(t.Context(), time.Hour); err != nil || len(live) != 2 {
		t.Errorf("after one has ended: %v, %v", live, err)
	}
}

// TestAlone has an engine own all shards beside the announcements of many that were killed, which
// do not grow old while the test runs.
func TestAlone(t *testing.T) {
	b := broker.NewInProcess()
	t.Cleanup(func() { _ = b.Close() })
	c := newCloud(t, "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), func() broker.Broker { return b })
	for n := range 2 * lineLength {
		_, err := c.store.AnnounceEngine(t.Context(), store.LiveEngine{Name: fmt.Sprint("killed-", n)}, time.Hour)
		c.must(err)
	}
	c.balanced(c.startAs(Config{Alive: time.Hour, Alone: true}))
}

// TestOnRabbitMQAndMariaDB starts three engines and kills them in turn, beside callers.
func TestOnRabbitMQAndMariaDB(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	rabbit, err := testkit.StartRabbitMQ(ctx)
	if err != nil {
		t.Fatal(err)
	}
	maria, err := testkit.StartMariaDB(t.TempDir())
	if err != nil {
		t.Fatal(errors.Join(err, rabbit.Stop()))
	}
	t.Cleanup(func() {
		if err := errors.Join(rabbit.Stop(), maria.Stop()); err != nil {
			t.Error(err)
		}
	})
	connect := func() broker.Broker {
		conf, err := broker.ParseTransportURL(rabbit.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		conf.Log = slog.New(slog.DiscardHandler)
		b, err := broker.NewRabbit(ctx, conf)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	c := newCloud(t, maria.Database(t), connect)
	first := c.start()
	c.balanced(first)
	caller := connect()
	answers, stop := c.calls(caller, func(err error) { t.Errorf("while shards are handed over: %v", err) })
	second := c.start()
	c.balanced(first, second)
	third := c.start()
	c.balanced(first, second, third)
	more := answers.Load() + 100
	c.await("callers are answered", func() bool { return answers.Load() > more })
	stop()

	// A killed engine loses its connections, and is not heard of any more. Its shards are others'
	// at once, and in equal shares when its announcement is old.
	c.must(first.broker.Close())
	c.balanced(second, third)
	fourth := c.start()
	c.balanced(second, third, fourth)
	c.must(second.broker.Close())
	c.balanced(third, fourth)
	third.stop()
	c.balanced(fourth)
	c.must(caller.Close())
}
