package notify

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// fakeListener is a carrier that a test closes. It remembers what it took, and loses the receipt of
// the next when told to.
type fakeListener struct {
	closed  bool
	tries   int
	carried []Message
	lose    func() // is called after messages were taken; they are then not confirmed
}

func (o *fakeListener) carry(_ context.Context, messages []Message) error {
	o.tries++
	if o.closed {
		return errors.New("closed")
	}
	o.carried = append(o.carried, messages...)
	if lose := o.lose; lose != nil {
		o.lose = nil
		lose()
		return errors.New("lost before it was confirmed")
	}
	return nil
}

// ids returns the message ids of what was carried, in order.
func (o *fakeListener) ids(t *testing.T) (ids []string) {
	t.Helper()
	for _, m := range o.carried {
		ids = append(ids, opened(t, m.Body)["message_id"].(string))
	}
	return ids
}

// outboxRig is an outbox on SQLite, and a clock.
type outboxRig struct {
	*store.Store
	listener *fakeListener
	clock    time.Time
	logs     strings.Builder
	registry *prometheus.Registry
}

func newOutboxRig(t *testing.T) *outboxRig {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	rows, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	return &outboxRig{Store: rows, listener: &fakeListener{}, clock: now}
}

// publisher returns one as a process has it that has just started.
func (d *outboxRig) publisher() *Publisher {
	p := NewPublisher(PublisherConfig{
		Outbox: d.Outbox, Carry: d.listener.carry, Now: func() time.Time { return d.clock },
		Log: slog.New(slog.NewTextHandler(&d.logs, nil)),
	})
	d.registry = prometheus.NewRegistry()
	p.Register(d.registry)
	return p
}

// run records executions that end, and returns their ids.
func (d *outboxRig) run(t *testing.T, n int) (ids []string) {
	t.Helper()
	told := &Notifier{Publisher: "faas-api.host", Now: func() time.Time { return d.clock }}
	for range n {
		x := faas.Execution{ID: faas.NewID(), ProjectID: "p-1", FunctionID: "f-1", Lease: time.Minute}
		if err := d.Start(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		x.Status = faas.ExecutionSuccess
		ending := store.Ending{Status: x.Status, Result: "{}", Events: told.Ended(function(), x, time.Second)}
		if err := d.Finish(t.Context(), x.ID, ending); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	return ids
}

// gauge returns a metric of the publisher that was made last.
func (d *outboxRig) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if m := f.GetMetric(); f.GetName() == name && len(m) == 1 {
			return m[0].GetGauge().GetValue() + m[0].GetCounter().GetValue()
		}
	}
	return -1
}

// TestNothingIsLostWhileNobodyHears has more end than fits anywhere but the database while nothing
// can be reached, by processes that are gone: afterwards each is sent once.
func TestNothingIsLostWhileNobodyHears(t *testing.T) {
	d := newOutboxRig(t)
	d.listener.closed = true
	p := d.publisher()
	want := d.run(t, batchSize+10)
	for range 3 {
		p.Publish(t.Context())
	}
	if d.listener.tries != 1 {
		t.Errorf("it was tried %d times at once", d.listener.tries)
	}
	d.clock = d.clock.Add(lastPause)
	p.Publish(t.Context())
	if age := d.metric(t, "faas_notifications_oldest_seconds"); age != lastPause.Seconds() {
		t.Errorf("the oldest waits for %v s", age)
	}
	d.listener.closed = false
	p = d.publisher() // of another process
	p.Publish(t.Context())
	if got := d.listener.ids(t); !slices.Equal(got, want) {
		t.Errorf("%d were told of %d, or not in their order", len(got), len(want))
	}
	if sent, age := d.metric(t, "faas_notifications_total"), d.metric(t, "faas_notifications_oldest_seconds"); int(
		sent,
	) != len(
		want,
	) ||
		age != 0 {
		t.Errorf("%v were sent, the oldest waits for %v s", sent, age)
	}
	d.clock = d.clock.Add(time.Hour)
	p.Publish(t.Context())
	if len(d.listener.carried) != len(want) {
		t.Error("some were told twice")
	}
	if n := strings.Count(d.logs.String(), "cannot be delivered"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// TestToldTwiceIsKnownAsSuch has a process end between the delivery and its record: the next sends
// the same messages.
func TestToldTwiceIsKnownAsSuch(t *testing.T) {
	d := newOutboxRig(t)
	want := d.run(t, 3)
	ctx, die := context.WithCancel(t.Context())
	d.listener.lose = die
	d.publisher().Publish(ctx)
	d.publisher().Publish(t.Context())
	first, second := d.listener.carried[:3], d.listener.carried[3:]
	if !slices.EqualFunc(first, second, func(a, b Message) bool { return string(a.Body) == string(b.Body) }) {
		t.Error("what came twice differs")
	}
	if got := d.listener.ids(t); !slices.Equal(got, append(slices.Clone(want), want...)) {
		t.Errorf("told were %v, want %v twice", got, want)
	}
}

// TestDeletedRecordsAreTold has users delete the records of what they are billed for.
func TestDeletedRecordsAreTold(t *testing.T) {
	d := newOutboxRig(t)
	want := d.run(t, 2)
	for _, id := range want {
		if err := d.DeleteExecution(t.Context(), faas.AnyProject(), id); err != nil {
			t.Fatal(err)
		}
	}
	d.publisher().Publish(t.Context())
	if got := d.listener.ids(t); !slices.Equal(got, want) {
		t.Errorf("told were %v, want %v", got, want)
	}
}

// TestUnreadableEventsAreDropped has one that this release cannot read.
func TestUnreadableEventsAreDropped(t *testing.T) {
	d := newOutboxRig(t)
	if err := d.AddEvents(t.Context(), store.Event{ID: faas.NewID(), Body: "?"}); err != nil {
		t.Fatal(err)
	}
	want := d.run(t, 1)
	d.publisher().Publish(t.Context())
	if got := d.listener.ids(t); !slices.Equal(got, want) || !strings.Contains(d.logs.String(), "cannot be decoded") {
		t.Errorf("told were %v, want %v; the log says %s", got, want, d.logs.String())
	}
	if left, err := d.Events(t.Context(), 10); err != nil || len(left) > 0 {
		t.Errorf("there are %v, %v", left, err)
	}
}
