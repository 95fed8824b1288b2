package fromswift

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/swift"
)

// used is the processor's time that this process has used.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it never fails for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs looks at a container in which nothing changes, each after prepare.
func measure(b *testing.B, r *rig, prepare func()) {
	prepare()
	r.see()
	r.cloud.asked()
	b.ReportAllocs()
	bytes, cpu := r.cloud.bytes, used()
	for b.Loop() {
		prepare()
		if _, err := r.look(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	cpu = used() - cpu
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(r.cloud.bytes-bytes)/float64(b.N), "answer-B/op")
	b.ReportMetric(float64(len(r.t.State)), "state-B")
	if r.taker.came != 0 {
		b.Fatalf("%d events", r.taker.came)
	}
}

// BenchmarkIdle has containers in the real Swift in which nothing happens. What Swift itself uses
// is not in cpu-ms.
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{0, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := onReal(b, "")
			r.putMany(numbered(0, n)...)
			r.t.CreatedAt = time.Now()
			b.Run("usual", func(b *testing.B) { measure(b, r, func() {}) })
			b.Run("list", func(b *testing.B) { measure(b, r, func() { r.keeper.forget(r.t.ID) }) })
		})
	}
}

// arrivals is a Taker that says when each object's event came.
type arrivals struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (a *arrivals) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[e.Subject()] = time.Now()
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

// BenchmarkFromPutToEvent puts one object at a time into the real Swift, and measures the time from
// the beginning of the PUT to its event: the container is looked at each two seconds, and when
// somebody was told of the PUT at its end. Beside that, the floor: a PUT, and then the list.
func BenchmarkFromPutToEvent(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		r := onReal(b, "")
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			began := time.Now()
			r.put(fmt.Sprint(i), "x")
			page, err := r.mine.Page(b.Context(), r.container, swift.PageOpts{Limit: swift.MaxPageSize})
			if err != nil || len(page.Entries) != i+1 {
				b.Fatalf("%d, %v", len(page.Entries), err)
			}
			took = append(took, time.Since(began))
		}
		report(b, took)
	})
	b.Run("interval=2s", func(b *testing.B) { puts(b, false) })
	b.Run("woken", func(b *testing.B) { puts(b, true) })
}

// puts has an engine's loop keep the trigger, which a notification can wake.
func puts(b *testing.B, notified bool) {
	r := onReal(b, `, "interval": 2`)
	a := &arrivals{at: map[string]time.Time{}}
	r.keeper = New(Config{Cloud: r.cloud, Take: a})
	told, ended := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(b.Context())
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			kept, err := r.look(ctx)
			if err != nil {
				continue
			}
			select {
			case <-ctx.Done():
			case <-told:
				r.keeper.forget(r.t.ID)
			case <-time.After(kept.Again):
			}
		}
	}()
	began := map[string]time.Time{}
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprint(i)
		began[r.container+"/"+name] = time.Now()
		r.put(name, "x")
		if notified {
			told <- struct{}{}
		} else {
			time.Sleep(time.Duration(i*137%400) * time.Millisecond) // at any time between two looks
		}
	}
	for len(began) > a.count() {
		time.Sleep(10 * time.Millisecond) // what is measured has its time in itself
	}
	cancel()
	<-ended
	var took []time.Duration
	for name, at := range began {
		took = append(took, a.at[name].Sub(at))
	}
	report(b, took)
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at)
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}
