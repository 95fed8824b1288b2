package duework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a database, and engines that own parts of its shards.
type bench struct {
	*testing.T
	store *store.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	b := &bench{T: t}
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
	b.must(err)
	t.Cleanup(func() { _ = s.Close() })
	b.store = s
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// own takes the shards for which mine says so.
func (b *bench) own(name string, mine func(shard int) bool) []faas.Ownership {
	b.Helper()
	var owned []faas.Ownership
	for shard := range int(b.store.Shards()) {
		if !mine(shard) {
			continue
		}
		o, err := b.store.TakeShard(b.Context(), shard, name)
		b.must(err)
		owned = append(owned, o)
	}
	return owned
}

func everything(int) bool { return true }

// start runs a runner until stop.
func (b *bench) start(owned []faas.Ownership, kinds ...duework.Kind) (r *duework.Runner, stop func()) {
	r = duework.New(duework.Config{
		Store: b.store, Owned: func() []faas.Ownership { return owned }, Kinds: kinds, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	b.Cleanup(stop)
	return r, stop
}

func (b *bench) add(kind, ref string) {
	b.Helper()
	b.must(b.store.AddDue(b.Context(), kind, ref, 0))
}

func receive[T any](b *bench, from <-chan T) T {
	b.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		b.Fatal("nothing comes")
		panic("unreachable")
	}
}

// left waits until there is nothing of a kind any more.
func (b *bench) left(kind string, want int) {
	b.Helper()
	all := make([]int, b.store.Shards())
	for shard := range all {
		all[shard] = shard
	}
	tick, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		items, err := b.store.DueItems(
			b.Context(), store.DueQuery{Shards: all, Room: map[string]int{kind: 1000}, Within: 100 * time.Hour},
		)
		b.must(err)
		if len(items) == want {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			b.Fatalf("of %s %d are left, want %d", kind, len(items), want)
		}
	}
}

// TestEachItemIsDoneOnce has two engines do what there is between them.
func TestEachItemIsDoneOnce(t *testing.T) {
	b := newBench(t)
	const items = 200
	var mu sync.Mutex
	done := map[string]int{}
	by := [2]atomic.Int32{}
	for n := range items {
		b.add("k", fmt.Sprint("ref-", n))
	}
	for n := range 2 {
		owned := b.own(fmt.Sprint("engine-", n), func(shard int) bool { return shard%2 == n })
		b.start(
			owned,
			duework.Kind{Name: "k", Parallel: 8, Run: func(_ context.Context, i store.DueItem) (duework.Next, error) {
				mu.Lock()
				defer mu.Unlock()
				done[i.Ref]++
				by[n].Add(1)
				return duework.Done(), nil
			}},
		)
	}
	b.left("k", 0)
	mu.Lock()
	defer mu.Unlock()
	if len(done) != items || by[0].Load()+by[1].Load() != items || by[0].Load() == 0 || by[1].Load() == 0 {
		t.Errorf("%d of %d items were done, %d and %d times by each engine", len(done), items, by[0].Load(), by[1].Load())
	}
}

// TestFailuresAndDeath has an item fail until it is dead, and an operator revive it.
func TestFailuresAndDeath(t *testing.T) {
	b := newBench(t)
	attempts := make(chan int, 10)
	var works atomic.Bool
	registry := prometheus.NewRegistry()
	r, stop := b.start(b.own("engine", everything), duework.Kind{
		Name: "k", Attempts: 3, FirstRetry: time.Microsecond, Run: func(
			_ context.Context, i store.DueItem,
		) (duework.Next, error) {
			attempts <- i.Attempts
			if works.Load() {
				return duework.Done(), nil
			}
			return duework.Done(), errors.New("not today")
		},
	})
	r.Register(registry)
	b.add("k", "a")
	r.Wake()
	for want := 1; want <= 3; want++ {
		if got := receive(b, attempts); got != want {
			t.Fatalf("attempt %d, want %d", got, want)
		}
	}
	b.left("k", 0)
	dead, err := b.store.DeadItems(t.Context(), []string{"k"}, 10)
	if err != nil || len(dead) != 1 || dead[0].LastError != "not today" || dead[0].Attempts != 3 {
		t.Fatalf("dead are %+v, %v", dead, err)
	}
	works.Store(true)
	if n, err := b.store.RetryDue(t.Context(), "k", "a"); err != nil || n != 1 {
		t.Fatalf("revived are %d, %v", n, err)
	}
	r.Wake()
	receive(b, attempts)
	b.left("k", 0)
	if dead, err := b.store.DeadItems(t.Context(), []string{"k"}, 10); err != nil || len(dead) != 0 {
		t.Errorf("dead are %+v, %v", dead, err)
	}
	stop()
	counted := map[string]float64{}
	families, err := registry.Gather()
	b.must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == "faas_due_work_runs_total" && label.GetName() == "result" {
					counted[label.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	if want := map[string]float64{"failed": 2, "dead": 1, "done": 1}; !maps.Equal(counted, want) {
		t.Errorf("counted are %v, want %v", counted, want)
	}
}

// TestRecurring has one item of a kind come again and again, also after errors, on whatever engine.
func TestRecurring(t *testing.T) {
	b := newBench(t)
	runs := make(chan string, 100)
	var n atomic.Int32
	kind := func(engine string) duework.Kind {
		return duework.Kind{
			Name: "chore", Every: time.Millisecond, Attempts: 1, FirstRetry: time.Millisecond,
			Run: func(ctx context.Context, i store.DueItem) (duework.Next, error) {
				select {
				case runs <- engine:
				case <-ctx.Done():
				}
				if n.Add(1)%2 == 0 {
					return duework.Done(), errors.New("every other time")
				}
				return duework.Done(), nil
			},
		}
	}
	_, stop := b.start(b.own("one", everything), kind("one"))
	for range 5 {
		receive(b, runs)
	}
	stop()
	for len(runs) > 0 {
		<-runs
	}
	_, stop = b.start(b.own("two", everything), kind("two"))
	for range 3 {
		if engine := receive(b, runs); engine != "two" {
			t.Errorf("done by %s", engine)
		}
	}
	stop()
	b.left("chore", 1)
}

// TestOneKindKeepsNoOtherWaiting has all hands of a kind busy, with much more of it due.
func TestOneKindKeepsNoOtherWaiting(t *testing.T) {
	b := newBench(t)
	held, done := make(chan struct{}), make(chan string, 1)
	hold := duework.Kind{Name: "slow", Parallel: 2, Run: func(ctx context.Context, _ store.DueItem) (duework.Next, error) {
		select {
		case held <- struct{}{}:
		case <-ctx.Done():
		}
		<-ctx.Done()
		return duework.Done(), ctx.Err()
	}}
	quick := duework.Kind{Name: "quick", Run: func(_ context.Context, i store.DueItem) (duework.Next, error) {
		done <- i.Ref
		return duework.Done(), nil
	}}
	for n := range 50 {
		b.add("slow", fmt.Sprint(n))
	}
	r, stop := b.start(b.own("engine", everything), hold, quick)
	receive(b, held)
	receive(b, held)
	b.add("quick", "a")
	r.Wake()
	receive(b, done)
	stop()
	b.left("slow", 50)
}

// TestStopsInTheMiddle has an engine stop while an item is in hand: another has it at once.
func TestStopsInTheMiddle(t *testing.T) {
	b := newBench(t)
	begun := make(chan int, 2)
	b.add("k", "a")
	_, stop := b.start(
		b.own("one", everything),
		duework.Kind{Name: "k", Run: func(ctx context.Context, i store.DueItem) (duework.Next, error) {
			begun <- i.Attempts
			<-ctx.Done()
			return duework.Done(), ctx.Err()
		}},
	)
	receive(b, begun)
	stop()
	b.start(
		b.own("two", everything),
		duework.Kind{Name: "k", Run: func(_ context.Context, i store.DueItem) (duework.Next, error) {
			begun <- i.Attempts
			return duework.Done(), nil
		}},
	)
	if attempt := receive(b, begun); attempt != 2 {
		t.Errorf("it is attempt %d", attempt)
	}
	b.left("k", 0)
}

// TestWhoLostAShardDoesNothing has an engine that does not know yet that another has its shards.
func TestWhoLostAShardDoesNothing(t *testing.T) {
	b := newBench(t)
	before := b.own("frozen", everything)
	after := b.own("new", everything)
	b.add("k", "a")
	wrong, right := make(chan struct{}, 1), make(chan struct{}, 1)
	kind := func(done chan struct{}) duework.Kind {
		return duework.Kind{Name: "k", Run: func(context.Context, store.DueItem) (duework.Next, error) {
			done <- struct{}{}
			return duework.Again(time.Nanosecond), nil
		}}
	}
	b.start(before, kind(wrong))
	b.start(after, kind(right))
	for range 10 {
		receive(b, right)
	}
	if len(wrong) != 0 {
		t.Error("who had lost the shard did its work")
	}
}

// TestOutcomeInTheSameTransaction is for kinds that record what they did together with its end.
func TestOutcomeInTheSameTransaction(t *testing.T) {
	b := newBench(t)
	b.add("k", "a")
	recorded := make(chan error, 1)
	b.start(
		b.own("engine", everything),
		duework.Kind{Name: "k", Run: func(ctx context.Context, i store.DueItem) (duework.Next, error) {
			recorded <- b.store.DueDone(ctx, i)
			return duework.Recorded(), nil
		}},
	)
	if err := receive(b, recorded); err != nil {
		t.Error(err)
	}
	b.left("k", 0)
}

// TestWithdrawnMeanwhile has what a run sets off take its item out. For a kind of which that is
// known it is a good end, for another an outcome that was lost.
func TestWithdrawnMeanwhile(t *testing.T) {
	b := newBench(t)
	ran := make(chan struct{}, 2)
	kind := func(name string, withdrawn bool) duework.Kind {
		run := func(ctx context.Context, i store.DueItem) (duework.Next, error) {
			defer func() { ran <- struct{}{} }()
			return duework.Again(time.Hour), b.store.WithdrawDue(ctx, name, i.Ref)
		}
		return duework.Kind{Name: name, Withdrawn: withdrawn, Run: run}
	}
	b.add("withdrawn", "a")
	b.add("other", "a")
	r, stop := b.start(b.own("engine", everything), kind("withdrawn", true), kind("other", false))
	receive(b, ran)
	receive(b, ran)
	stop()
	registry := prometheus.NewRegistry()
	r.Register(registry)
	families, err := registry.Gather()
	b.must(err)
	results := map[string]string{}
	for _, family := range families {
		if family.GetName() != "faas_due_work_runs_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			results[m.GetLabel()[0].GetValue()] += m.GetLabel()[1].GetValue()
		}
	}
	if want := map[string]string{"withdrawn": "done", "other": "lost"}; !maps.Equal(results, want) {
		t.Errorf("the results are %v, want %v", results, want)
	}
}
