package quota

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// installation is processes that count calls, and owners that add them up.
type installation struct {
	clock     *clock
	processes []*Calls
	owners    []*Sums

	messages, bytes int // that were delivered, since deliveries were counted last
}

func newInstallation(processes, owners int, executions, perMinute int64) *installation {
	in := &installation{clock: newClock()}
	for range processes {
		in.processes = append(in.processes, process(in.clock, executions, perMinute))
	}
	for owner := range owners {
		sums := NewSums(in.clock.now)
		for shard := owner; shard < 64; shard += owners {
			sums.Own(shard)
		}
		in.owners = append(in.owners, sums)
	}
	in.clock.pass(learnFor)
	return in
}

// share has every process and then every owner say what there is to say, a second later.
func (in *installation) share() {
	in.clock.pass(sharePause)
	for n, c := range in.processes {
		for shard, body := range c.news(fmt.Sprint("process-", n)) {
			in.owners[shard%len(in.owners)].Hear(shard, body)
			in.delivered(body)
		}
	}
	for _, sums := range in.owners {
		body := sums.news()
		if body == nil {
			continue
		}
		for _, c := range in.processes {
			c.HearSums(body)
			in.delivered(body)
		}
	}
}

func (in *installation) delivered(body []byte) {
	in.messages++
	in.bytes += len(body)
}

// take returns what was delivered since it was asked last.
func (in *installation) take() (messages, bytes int) {
	messages, bytes = in.messages, in.bytes
	in.messages, in.bytes = 0, 0
	return messages, bytes
}

// TestProcessesCountTogether has two processes add up through an owner.
func TestProcessesCountTogether(t *testing.T) {
	ctx := t.Context()
	in := newInstallation(2, 1, 3, 10)
	one, two := in.processes[0], in.processes[1]
	ends := []func(){}
	for range 2 {
		done, err := one.Begin(ctx, "a")
		allowed(t, "here", err)
		ends = append(ends, done)
	}
	in.share()
	in.share()
	done, err := two.Begin(ctx, "a")
	allowed(t, "there", err)
	_, err = two.Begin(ctx, "a")
	refused(t, "over there", err, "Quota exceeded for concurrent_executions: limit 3, in use 3.")
	in.share()
	_, err = one.Begin(ctx, "a")
	refused(t, "and here", err, "Quota exceeded for concurrent_executions: limit 3, in use 3.")
	for _, c := range in.processes {
		if use := c.Use("a"); use[faas.ResourceExecutions] != 3 || use[faas.ResourceCalls] != 3 {
			t.Errorf("in use: %v", use)
		}
	}
	ends[0]()
	ends[1]()
	in.share()
	for range 2 {
		d, err := two.Begin(ctx, "a")
		allowed(t, "when those elsewhere have ended", err)
		ends = append(ends, d)
	}
	ends[2]()
	ends[3]()
	done()
	in.share()
	for n, c := range in.processes {
		if use := c.Use("a"); use[faas.ResourceExecutions] != 0 || use[faas.ResourceCalls] != 5 {
			t.Errorf("in use, as process %d sees it: %v", n, use)
		}
	}
}

// TestEachOfOneAfterTheOther has a project run one execution at a time, and begin the next as soon
// as that has ended: it is never refused for its own, whatever the sums still say.
func TestEachOfOneAfterTheOther(t *testing.T) {
	in := newInstallation(2, 1, 1, faas.Unlimited)
	for n := range 20 {
		done, err := in.processes[0].Begin(t.Context(), "a")
		allowed(t, fmt.Sprint("execution ", n), err)
		if n%3 == 0 {
			in.share()
		}
		done()
		if n%4 == 0 {
			in.share()
		}
	}
}

// TestWhatProcessesSayFades has a process end, and then the owner.
func TestWhatProcessesSayFades(t *testing.T) {
	in := newInstallation(2, 1, 3, faas.Unlimited)
	one, two := in.processes[0], in.processes[1]
	_, err := one.Begin(t.Context(), "a")
	allowed(t, "one that never ends", err)
	running := func(c *Calls, want int64) {
		t.Helper()
		if n := c.Use("a")[faas.ResourceExecutions]; n != want {
			t.Errorf("%d run, want %d", n, want)
		}
	}
	for range 30 { // it is repeated
		in.share()
		running(two, 1)
	}
	in.processes = []*Calls{two}
	for range 5 {
		in.share()
	}
	running(two, 1) // it may be late
	for range 5 {
		in.share()
	}
	running(two, 0)

	in.processes = []*Calls{one, two}
	in.share()
	running(two, 1)
	next := NewSums(in.clock.now) // the shard is handed over
	for shard := range 64 {
		next.Own(shard)
	}
	in.owners[0] = next
	for range 20 {
		in.share()
		running(two, 1)
	}
	in.owners[0] = NewSums(in.clock.now) // and then nobody owns it
	for range 8 {
		in.share()
	}
	running(two, 0)
	running(one, 1)
}

func TestMemoryOfWorkersIsAddedUp(t *testing.T) {
	in := newInstallation(2, 1, faas.Unlimited, faas.Unlimited)
	one, two := in.processes[0], in.processes[1]
	one.CountMemory(func() map[string]int64 { return map[string]int64{"a": 5, "b": 7} })
	two.CountMemory(func() map[string]int64 { return map[string]int64{"a": 2} })
	in.share()
	for project, want := range map[string]int64{"a": 7, "b": 7, "c": 0} {
		for n, c := range in.processes {
			if got := c.Use(project)[faas.ResourceMemory]; got != want {
				t.Errorf("the workers of %s have %d, want %d, as process %d sees it", project, got, want, n)
			}
		}
	}
	one.CountMemory(nil)
	two.CountMemory(nil)
	two.HearSums([]byte("nonsense"))
	in.owners[0].Hear(3, []byte("nonsense"))
	in.share()
	in.clock.pass(2 * time.Minute)
	in.share()
	if len(two.own) != 0 || len(two.sums) != 0 || len(in.owners[0].shards[two.shards.Of("a")].projects) != 0 {
		t.Errorf("remembered: %d projects, %d sums", len(two.own), len(two.sums))
	}
	in.owners[0].Drop(two.shards.Of("a"))
	in.owners[0].Hear(two.shards.Of("a"), []byte(`{"process":"p","projects":{"a":{"running":1}}}`))
	if len(in.owners[0].shards) != 63 {
		t.Error("a shard that was dropped is added up")
	}
}

// TestMessagesOfALargeInstallation counts what is delivered among fifty APIs, fifty engines and a
// thousand projects, in a second in which all projects are busy everywhere, and when nothing
// changes. (Were every process to tell every other all that it counts, that would be 10,000
// messages a second with a thousand projects each.)
func TestMessagesOfALargeInstallation(t *testing.T) {
	const processes, projects = 100, 1000
	in := newInstallation(processes, 50, faas.Unlimited, faas.Unlimited)
	ids := make([]string, projects)
	for i := range ids {
		ids[i] = fmt.Sprintf("%032x", i)
	}
	for _, c := range in.processes {
		for _, id := range ids {
			allowed(t, "without limits", c.Ask(t.Context(), id))
		}
	}
	in.share()
	messages, bytes := in.take()
	t.Logf("all busy: %d deliveries, %.1f MB a second", messages, float64(bytes)/1e6)
	// A message for each process and shard, and one for each owner and process.
	if most := processes*64 + processes*50; messages > most {
		t.Errorf("%d messages were delivered, want at most %d", messages, most)
	}
	// Each number goes to one owner, each sum to each process.
	if most := 2 * processes * projects * 100; bytes > most {
		t.Errorf("%d bytes were delivered, want at most %d", bytes, most)
	}
	if n := in.processes[0].Use(ids[0])[faas.ResourceCalls]; n != processes {
		t.Errorf("%d were asked for together, want %d", n, processes)
	}
	in.share()
	if messages, _ := in.take(); messages != 0 {
		t.Errorf("%d messages were delivered of nothing new", messages)
	}
	done, err := in.processes[7].Begin(t.Context(), ids[3])
	allowed(t, "one", err)
	done()
	in.share()
	if messages, _ = in.take(); messages != 1+processes {
		t.Errorf("%d messages were delivered of one project's call, want one to its owner and one to each process", messages)
	}
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := NewCalls(New(Config{Driver: Unified{Ask: (&kept{}).Ask}, Defaults: faas.Amounts{}}), 64, nil)
		sums := NewSums(nil)
		shard := calls.shards.Of("a")
		sums.Own(shard)
		ctx, cancel := context.WithCancel(t.Context())
		var said, summed atomic.Int64
		var failing atomic.Bool
		failing.Store(true)
		away := func() error {
			if failing.Load() {
				return errors.New("away")
			}
			return nil
		}
		var sharing sync.WaitGroup
		log := slog.New(slog.DiscardHandler)
		sharing.Go(func() {
			calls.Share(ctx, "one", func(_ context.Context, at int, body []byte) error {
				said.Add(1)
				if at != shard {
					t.Errorf("said to shard %d, want %d", at, shard)
				}
				sums.Hear(at, body)
				return away()
			}, log)
		})
		sharing.Go(func() {
			sums.Share(ctx, func(context.Context, []byte) error {
				summed.Add(1)
				return away()
			}, log)
		})
		time.Sleep(10 * time.Second)
		if said.Load() != 0 || summed.Load() != 0 {
			t.Errorf("said %d and %d times that there is nothing", said.Load(), summed.Load())
		}
		done, err := calls.Begin(ctx, "a")
		allowed(t, "without limits", err)
		time.Sleep(10 * time.Second)
		failing.Store(false)
		done()
		time.Sleep(10 * time.Second)
		for what, n := range map[string]int64{"counts": said.Load(), "sums": summed.Load()} {
			if n < 4 || n > 6 { // its beginning, a repetition every three seconds, its end
				t.Errorf("%s were said %d times", what, n)
			}
		}
		cancel()
		sharing.Wait()
	})
}
