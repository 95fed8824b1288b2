package engine

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
)

// TestOutcomeOutlastsMariaDB kills the database while an execution runs, for longer than its lease.
// Nothing is lost, and nobody settles what could not be renewed.
func TestOutcomeOutlastsMariaDB(t *testing.T) {
	server := mariadb(t)
	b := broker.NewInProcess()
	t.Cleanup(func() { b.Close() })
	// An engine has one lease's time to renew after the database is back: a machine under load may
	// stall for seconds.
	const lease = 10 * time.Second
	r := newRigOn(t, server.Database(t), func() broker.Broker { return b }, func(l *Limits) { l.Lease = lease })
	r.run()
	id := r.enqueue(r.function(slow), `{"n": 1}`)
	r.await("it runs", func() bool {
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
		return err == nil && x.Status == faas.ExecutionRunning
	})
	r.must(server.Kill())
	away := time.NewTimer(2 * r.limits.Lease) // what is tested is how long it takes
	defer away.Stop()
	<-away.C
	r.must(server.Start())
	var x faas.Execution
	var err error
	r.await("it ends", func() bool {
		x, err = r.store.Execution(t.Context(), faas.AnyProject(), id)
		return err == nil && x.Status.Ended()
	})
	if x.Status != faas.ExecutionSuccess || x.Attempts != 1 {
		t.Errorf("got %+v", x)
	}
}

// rabbitmq starts a server for the test.
func rabbitmq(t *testing.T) *testkit.RabbitMQ {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
	t.Cleanup(cancel) // it ends the server, too
	server, err := testkit.StartRabbitMQ(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// connectTo returns a broker on a RabbitMQ.
func connectTo(t *testing.T, url string) broker.Broker {
	t.Helper()
	c, err := broker.ParseTransportURL(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Log = slog.New(slog.DiscardHandler)
	b, err := broker.NewRabbit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// mariadb starts a server for the test.
func mariadb(t *testing.T) *testkit.MariaDB {
	t.Helper()
	server, err := testkit.StartMariaDB(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// TestEnginesOnRabbitMQ has two engines and a caller that meet in RabbitMQ. The one that owns the
// shards loses its connection: the other takes over.
func TestEnginesOnRabbitMQ(t *testing.T) {
	server := rabbitmq(t)
	var brokers []broker.Broker
	connect := func() broker.Broker {
		b := connectTo(t, server.URL())
		brokers = append(brokers, b)
		return b
	}
	r := newRigOn(t, "sqlite:///"+t.TempDir()+"/faas.sqlite", connect, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	r.ownsAll(r.engine)
	second := r.another("engine-2")
	defer r.start(second)()
	<-second.Ready()
	api := r.api(hangTimeout)
	if _, err := r.call(api, r.function(echo), ""); err != nil {
		t.Errorf("a cold call: %v", err)
	}
	var functions []faas.Function
	for n := range 5 {
		functions = append(functions, r.functionOf(fmt.Sprint("project-", n), echo))
	}
	var ids []string
	for n := range 50 {
		ids = append(ids, r.enqueue(functions[n%5], ""))
	}
	for _, id := range ids[:10] {
		r.ended(id)
	}
	r.must(brokers[1].Close()) // the first engine's: brokers[0] is the rig's own
	r.ownsAll(second)
	if n := owned(r.engine); n != 0 {
		t.Errorf("the first still owns %d", n)
	}
	if _, err := r.call(api, r.function(echo+"# fresh\n"), ""); err != nil {
		t.Errorf("a cold call after the handover: %v", err)
	}
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess || x.Attempts != 1 {
			t.Errorf("got %+v", x)
		}
	}
}
