package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// through returns a broker whose connections go through a proxy.
func through(t *testing.T, c broker.Config) (*broker.Rabbit, *proxy) {
	t.Helper()
	p := startProxy(t, server(t).Address())
	c.Hosts = []broker.Host{{Address: p.address(), User: c.Hosts[0].User, Password: c.Hosts[0].Password}}
	return connect(t, c), p
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

// eventually calls until the answer is nil. Each try waits for the connection within its context.
func eventually(t *testing.T, try func(ctx context.Context) error) {
	t.Helper()
	for ctx := within(t); ; {
		err := try(ctx)
		if err == nil {
			return
		}
		wantUnavailable(t, err)
		if ctx.Err() != nil {
			t.Fatal("it never worked again")
		}
	}
}

// load enqueues numbers from several goroutines until told to stop, and remembers which were
// confirmed.
type load struct {
	confirmed sync.Map
	count     atomic.Int64
	next      atomic.Int64
	group     sync.WaitGroup
	stop      context.CancelFunc
}

func startLoad(t *testing.T, b broker.Broker) *load {
	l := &load{}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for range 8 {
		l.group.Go(func() {
			for ctx.Err() == nil {
				n := fmt.Sprint(l.next.Add(1))
				if err := b.Enqueue(within(t), "load", []byte(n)); err == nil {
					l.confirmed.Store(n, true)
					l.count.Add(1)
				} else if faas.KindOf(err) != faas.Unavailable {
					t.Errorf("enqueue: %v", err)
				}
			}
		})
	}
	return l
}

// more waits until so many more messages have been confirmed.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	until := l.count.Load() + n
	poll(t, "the load goes on", func() bool { return l.count.Load() >= until })
}

// poll waits until a condition that nothing signals is true.
func poll(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); !condition(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// TestKilledServer kills RabbitMQ with a power cut's manners, twice, under load. What was confirmed
// is delivered; consumers, servers, subscriptions and owners are there again.
func TestKilledServer(t *testing.T) {
	c := config(t, server(t).URL())
	b := connect(t, c)
	var delivered sync.Map
	stop, err := b.Consume(t.Context(), "load", 16, func(_ context.Context, body []byte) error {
		delivered.Store(string(body), true)
		return nil
	})
	must(t, err)
	defer stop()
	defer serveEcho(t, b)()
	heard := make(chan struct{}, 100)
	unsubscribe, err := b.Subscribe(t.Context(), "news", func([]byte) { heard <- struct{}{} })
	must(t, err)
	defer unsubscribe()
	owns, lost := make(chan struct{}, 10), make(chan struct{}, 10)
	leave, err := b.Own(t.Context(), "shard", func(ctx context.Context) {
		owns <- struct{}{}
		<-ctx.Done()
		lost <- struct{}{}
	})
	must(t, err)
	defer leave()
	receive(t, owns)

	for _, queue := range []string{".work.load", ".work.load.waiting", ".work.load.dead", ".shard.shard"} {
		must(t, server(t).Registered(within(t), c.Prefix+queue))
	}
	l := startLoad(t, b)
	for range 2 {
		l.more(t, 500)
		server(t).Kill()
		receive(t, lost)
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		wantUnavailable(t, b.Call(short, "echo", 1, nil))
		wantUnavailable(t, b.Enqueue(short, "load", nil))
		cancel()
		must(t, server(t).Start(within(t)))
		l.more(t, 500)
		receive(t, owns)
		eventually(t, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return b.Call(ctx, "echo", 1, nil)
		})
		news(t, b, heard)
	}
	l.stop()
	l.group.Wait()
	allDelivered(t, l, &delivered)
}

func serveEcho(t *testing.T, b broker.Broker) (stop func()) {
	t.Helper()
	stop, err := b.Serve(t.Context(), "echo", 4, func(_ context.Context, r json.RawMessage) (any, error) { return r, nil })
	must(t, err)
	return stop
}

// news broadcasts until it is received: a subscription that is being attached again misses some.
func news(t *testing.T, b broker.Broker, heard <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); ; {
		must(t, b.Broadcast(ctx, "news", []byte("x")))
		select {
		case <-heard:
			return
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no news was heard")
		}
	}
}

func allDelivered(t *testing.T, l *load, delivered *sync.Map) {
	t.Helper()
	poll(t, "every confirmed message is delivered", func() bool {
		all := true
		l.confirmed.Range(func(body, _ any) bool {
			_, all = delivered.Load(body)
			return all
		})
		return all
	})
	t.Logf("%d messages confirmed, none lost", l.count.Load())
}

// TestCutBeforeConfirm breaks the connection after a message has gone out and before its confirm
// has come in.
func TestCutBeforeConfirm(t *testing.T) {
	b, p := through(t, config(t, server(t).URL()))
	must(t, b.Enqueue(within(t), "q", []byte("before")))
	p.freeze(false)
	outcome := make(chan error, 1)
	go func() { outcome <- b.Enqueue(within(t), "q", []byte("between")) }()
	p.waitSent(len("between"))
	p.cut()
	wantUnavailable(t, receive(t, outcome))
	must(t, b.Enqueue(within(t), "q", []byte("after")))
	got := make(chan string, 10)
	stop, err := b.Consume(t.Context(), "q", 1, func(_ context.Context, body []byte) error {
		got <- string(body)
		return nil
	})
	must(t, err)
	defer stop()
	for last := ""; last != "after"; {
		last = receive(t, got) // what was not confirmed may be there or not
	}
}

// TestCallerCut breaks the caller's connection while its request is worked on.
func TestCallerCut(t *testing.T) {
	c := config(t, server(t).URL())
	caller, p := through(t, c)
	begun, release := make(chan struct{}, 10), make(chan struct{})
	serving := connect(t, c)
	stop, err := serving.Serve(t.Context(), "slow", 1, func(context.Context, json.RawMessage) (any, error) {
		begun <- struct{}{}
		<-release
		return 1, nil
	})
	must(t, err)
	defer stop()
	outcome := make(chan error, 1)
	go func() { outcome <- caller.Call(within(t), "slow", 1, nil) }()
	receive(t, begun)
	p.cut()
	wantUnavailable(t, receive(t, outcome))
	close(release)
	must(t, caller.Call(within(t), "slow", 1, nil))
}

// TestServerCut breaks the connection of the one that works on a request. Another is told that it
// may have been carried out, and does not carry it out again.
func TestServerCut(t *testing.T) {
	c := config(t, server(t).URL())
	serving, p := through(t, c)
	caller := connect(t, c)
	begun, release := make(chan struct{}, 10), make(chan struct{})
	stop, err := serving.Serve(t.Context(), "slow", 1, func(context.Context, json.RawMessage) (any, error) {
		begun <- struct{}{}
		<-release
		return 1, nil
	})
	must(t, err)
	defer stop()
	outcome := make(chan error, 1)
	go func() { outcome <- caller.Call(within(t), "slow", 1, nil) }()
	receive(t, begun)
	stopOther, err := caller.Serve(t.Context(), "slow", 1, func(context.Context, json.RawMessage) (any, error) {
		begun <- struct{}{}
		return 2, nil
	})
	must(t, err)
	defer stopOther()
	p.cut()
	wantUnavailable(t, receive(t, outcome))
	close(release)
	if len(begun) != 0 {
		t.Error("the request was carried out twice")
	}
	must(t, caller.Call(within(t), "slow", 1, nil))
}

// TestOwnerCut lets an owner's connection die, first with a reset and then in silence, as a cable
// does that is pulled. The other takes over; in silence, only after the first has noticed.
func TestOwnerCut(t *testing.T) {
	c := config(t, server(t).URL())
	c.Heartbeat = 3 * time.Second
	left, p := through(t, c)
	right := connect(t, c)
	events := make(chan string, 100)
	next := func(want ...string) {
		t.Helper()
		if got := receive(t, events); !slices.Contains(want, got) {
			t.Fatalf("%s, want: %s", got, want)
		}
	}
	own(t, left, "left", events)
	next("left owns")
	own(t, right, "right", events)
	p.cut()
	next("left ends", "right owns") // RabbitMQ may hear of a reset first
	next("left ends", "right owns")

	must(t, right.Close())
	next("right ends")
	next("left owns")
	own(t, connect(t, c), "other", events)
	p.freeze(true)
	next("left ends")
	next("other owns")
}

// own stands in line for the shard and reports what happens, in order.
func own(t *testing.T, b broker.Broker, name string, events chan<- string) {
	t.Helper()
	stop, err := b.Own(t.Context(), "shard", func(ctx context.Context) {
		events <- name + " owns"
		<-ctx.Done()
		events <- name + " ends"
	})
	must(t, err)
	t.Cleanup(stop)
}

// TestMemoryAlarm is a RabbitMQ that has no room. Callers leave when they wish, consumers go on,
// and a message that must wait is neither lost nor dead.
func TestMemoryAlarm(t *testing.T) {
	c := config(t, server(t).URL())
	c.Heartbeat = time.Minute // what would end a wait that does not end with its context
	b := connect(t, c)
	for _, body := range []string{"must wait", "2", "3"} {
		must(t, b.Enqueue(within(t), "q", []byte(body)))
	}
	must(t, server(t).Alarm(within(t), true))
	defer func() { _ = server(t).Alarm(within(t), false) }()
	brief := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	poll(t, "the broker knows of it", func() bool { // RabbitMQ returns when it is sent something
		err := b.Enqueue(brief(), "q", []byte("4"))
		return err != nil && strings.Contains(err.Error(), "has blocked the connection")
	})
	big := make([]byte, 1<<20)
	for range 20 { // more than a socket holds
		begun := time.Now()
		wantUnavailable(t, b.Enqueue(brief(), "other", big))
		wantUnavailable(t, b.Call(brief(), "nobody", big, nil))
		if waited := time.Since(begun); waited > c.Heartbeat {
			t.Fatalf("callers that would wait for 0.1 s waited for %s", waited)
		}
	}
	got, alarmed := make(chan string, 100), atomic.Bool{}
	alarmed.Store(true)
	stop, err := b.Consume(t.Context(), "q", 1, func(_ context.Context, body []byte) error {
		if string(body) == "must wait" && alarmed.Load() {
			got <- "refused"
			return faas.Errorf(faas.Busy, "no room")
		}
		got <- string(body)
		return nil
	})
	must(t, err)
	defer stop()
	if first := receive(t, got); first != "refused" {
		t.Errorf("got %s", first)
	}
	alarmed.Store(false)
	must(t, server(t).Alarm(within(t), false))
	for left := map[string]bool{"must wait": true, "2": true, "3": true}; len(left) > 0; {
		delete(left, receive(t, got))
	}
	must(t, b.Enqueue(within(t), "q", []byte("5")))
}

// TestNobodyThere is a broker that cannot connect at all, and one of whose hosts is down.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	down := l.Addr().String()
	l.Close()
	c := config(t, server(t).URL())
	live := c.Hosts[0]
	c.Hosts = []broker.Host{{Address: down, User: live.User, Password: live.Password}}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = broker.NewRabbit(ctx, c)
	wantUnavailable(t, err)

	c.Hosts = append(c.Hosts, live, c.Hosts[0])
	must(t, connect(t, c).Enqueue(within(t), "q", nil))
}
