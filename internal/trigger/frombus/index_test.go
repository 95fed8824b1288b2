package frombus

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hangTimeout ends a test that hangs.
const hangTimeout = 2 * time.Minute

var _ Triggers = (*store.Store)(nil)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// records are triggers in a database.
type records struct {
	*store.Store
	function faas.Function
}

func newRecords(t *testing.T) *records {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	f, err := s.CreateFunction(t.Context(), faas.Function{
		ProjectID: owner, Name: "f", Code: faas.Code{Source: faas.SourceImage, Image: "registry.example.org/f"},
	}, nil)
	must(t, err)
	return &records{s, f}
}

func (r *records) make(t *testing.T, eventType string) faas.Trigger {
	t.Helper()
	g, err := r.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: owner, Name: "n", Calls: faas.FunctionRef{FunctionID: r.function.ID},
		Source:   faas.TriggerNotification,
		Settings: `{"event_type":"` + eventType + `"}`, Status: faas.TriggerActive,
	}, nil)
	must(t, err)
	return g
}

func (r *records) change(t *testing.T, id string, change func(*faas.Trigger)) {
	t.Helper()
	_, err := r.UpdateTrigger(t.Context(), faas.AnyProject(), id, func(g *faas.Trigger) error {
		change(g)
		return nil
	})
	must(t, err)
}

// keep keeps the index until the test ends, and returns when every trigger has been read.
func keep(t *testing.T, x *Index) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { x.Keep(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	select {
	case <-x.Loaded():
	case <-time.After(hangTimeout):
		t.Fatal("the triggers were never read")
	}
}

// wanted returns how many triggers of the owner want an event type.
func wanted(x *Index, eventType string) (n int) {
	for _, e := range x.of([]byte(owner)) {
		if e.wants(&notification{eventType: []byte(eventType)}) {
			n++
		}
	}
	return n
}

// eventually waits until as many want the event type: the index reads what it hears of on a
// goroutine of its own.
func eventually(t *testing.T, x *Index, eventType string, want int) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(hangTimeout); wanted(x, eventType) != want; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d triggers want %s, want %d", wanted(x, eventType), eventType, want)
		}
	}
}

// TestIndexFollows has the index hear of each change of a trigger's life.
func TestIndexFollows(t *testing.T) {
	r := newRecords(t)
	first := r.make(t, "a.*")
	x := NewIndex(IndexConfig{Triggers: r, Every: time.Hour})
	keep(t, x)
	eventually(t, x, "a.x", 1)
	second := r.make(t, "a.x")
	x.Changed(second.ID)
	eventually(t, x, "a.x", 2)
	r.change(t, first.ID, func(g *faas.Trigger) { g.Settings = `{"event_type":"b"}` })
	x.Changed(first.ID)
	eventually(t, x, "a.x", 1)
	eventually(t, x, "b", 1)
	r.change(t, second.ID, func(g *faas.Trigger) { g.Status = faas.TriggerPaused })
	x.Changed(second.ID, "one that never was")
	eventually(t, x, "a.x", 0)
	r.change(t, second.ID, func(g *faas.Trigger) { g.Status = faas.TriggerActive })
	x.Changed(second.ID)
	eventually(t, x, "a.x", 1)
	_, err := r.DeleteTrigger(t.Context(), faas.AnyProject(), second.ID)
	must(t, err)
	x.Changed(second.ID)
	eventually(t, x, "a.x", 0)
	if n := x.Len(); n != 1 {
		t.Errorf("it knows %d triggers", n)
	}
}

// TestIndexWithoutNews has lost news be made good, and more pages than one be read.
func TestIndexWithoutNews(t *testing.T) {
	r := newRecords(t)
	const page = 3
	for range 2*page + 1 {
		r.make(t, "many")
	}
	gone := r.make(t, "gone")
	x := NewIndex(IndexConfig{Triggers: r, Every: 20 * time.Millisecond, page: page})
	keep(t, x)
	eventually(t, x, "many", 2*page+1)
	r.make(t, "late")
	_, err := r.DeleteTrigger(t.Context(), faas.AnyProject(), gone.ID)
	must(t, err)
	eventually(t, x, "late", 1)
	eventually(t, x, "gone", 0)
}

// TestMuchNews has so many triggers change that they are not remembered one by one.
func TestMuchNews(t *testing.T) {
	r := newRecords(t)
	x := NewIndex(IndexConfig{Triggers: r, Every: time.Hour})
	keep(t, x)
	r.make(t, "a")
	var ids []string
	for i := range 3 * mostNews {
		ids = append(ids, fmt.Sprint("none ", i))
	}
	x.Changed(ids...)
	eventually(t, x, "a", 1)
}

// flaky has no database for a while.
type flaky struct {
	Triggers
	away  atomic.Bool
	asked atomic.Int64
}

func (f *flaky) TriggersOf(ctx context.Context, s faas.TriggerSource, after string, limit int) ([]faas.Trigger,
	error) {
	f.asked.Add(1)
	if f.away.Load() {
		return nil, errors.New("no database")
	}
	return []faas.Trigger{{ID: "t", ProjectID: owner, Source: s, Status: faas.TriggerActive,
		Settings: `{"event_type":"a"}`}}, ctx.Err()
}

func (f *flaky) Trigger(context.Context, faas.Scope, string) (faas.Trigger, error) {
	return faas.Trigger{}, errors.New("no database")
}

// TestIndexWithoutDatabase has the index forget nothing while the database is away, and nobody told
// that it is loaded before it is.
func TestIndexWithoutDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{}
		f.away.Store(true)
		x := NewIndex(IndexConfig{Triggers: f})
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go x.Keep(ctx)
		time.Sleep(10 * time.Second)
		select {
		case <-x.Loaded():
			t.Error("it is loaded without a database")
		default:
		}
		f.away.Store(false)
		time.Sleep(2 * time.Second)
		<-x.Loaded()
		f.away.Store(true)
		x.Changed("t")
		time.Sleep(5 * time.Minute)
		if wanted(x, "a") != 1 {
			t.Error("it has forgotten a trigger")
		}
		if n := f.asked.Load(); n > 400 { // once a second at most
			t.Errorf("the database was asked %d times", n)
		}
	})
}

// TestUnfitTriggers has what is not active, of another source or unreadable want nothing.
func TestUnfitTriggers(t *testing.T) {
	all := triggersOf(owner, `{"event_type":"*"}`, `{"event_type":"*"}`, `{}`, `{"event_type":"*"}`)
	all[0].Status, all[1].Source, all[3].ProjectID = faas.TriggerPending, faas.TriggerWebhook, ""
	x := NewIndex(IndexConfig{})
	x.know(all)
	if n := x.Len(); n != 0 {
		t.Errorf("%d triggers want something", n)
	}
}
