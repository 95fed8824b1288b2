package duework

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// longestSleep is the time between two looks when nothing is known to be due sooner. A look finds
	// what is due until the next, so that it is done when it is due. What other processes have added
	// since to be done sooner they announce (Wake), or it is found at the next look.
	longestSleep = faas.WorkLook
	// shortestSleep is the time between two looks at least, so that many items that end one after
	// the other do not cause a look each.
	shortestSleep = 20 * time.Millisecond
	// recordTimeout bounds how long it may take to record how an item went.
	recordTimeout = 10 * time.Second
)

// Items is where a Runner has its work from: a *store.DueWork.
type Items interface {
	EnsureDue(ctx context.Context, kind, ref string) error
	DueItems(ctx context.Context, q store.DueQuery) ([]store.DueItem, error)
	TakeDue(
		ctx context.Context, o faas.Ownership, items []store.DueItem, hold func(kind string) time.Duration,
	) ([]store.DueItem, error)
	HandOverDue(ctx context.Context, o faas.Ownership, kind string, within time.Duration) (int, error)

	DueDone(ctx context.Context, i store.DueItem) error
	DueAgain(ctx context.Context, i store.DueItem, after time.Duration) error
	DueFailed(ctx context.Context, i store.DueItem, after time.Duration, why string) error
	DueDead(ctx context.Context, i store.DueItem, why string) error
}

// Config is what a Runner needs.
type Config struct {
	Store Items
	Owned func() []faas.Ownership // the shards whose work is this engine's, at the moment
	Kinds []Kind
	Log   *slog.Logger // nil: slog.Default()
}

// Runner does the due work of the shards that an engine owns. It takes an item by a conditional
// update that names the epoch of the ownership, and records how it went under the condition that
// the item is still in hand. So when a shard changes hands in between, one of two engines loses,
// and no item is done by both at once. Make it with New, run it with Run; the other methods are
// safe for concurrent use.
type Runner struct {
	cfg     Config
	kinds   map[string]Kind
	metrics metrics
	wake    chan struct{} // capacity 1: holds a token when the loop is to look at once
	running sync.WaitGroup

	mu     sync.Mutex
	inHand map[string]int // items by kind
}

// New makes a runner that does nothing until Run.
func New(c Config) *Runner {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &Runner{
		cfg:     c,
		kinds:   map[string]Kind{},
		metrics: newMetrics(),
		wake:    make(chan struct{}, 1),
		inHand:  map[string]int{},
	}
	for _, k := range c.Kinds {
		r.kinds[k.Name] = k.complete()
	}
	return r
}

// Wake makes the runner look at once: due work was added, or this engine has become the owner of a
// shard.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// TakenOver has what the owner before has in hand still of a shard, which is this engine's now,
// done at once where the kind allows that, and the runner look.
func (r *Runner) TakenOver(ctx context.Context, o faas.Ownership) {
	for _, k := range r.kinds {
		if !k.Handover {
			continue
		}
		n, err := r.cfg.Store.HandOverDue(ctx, o, k.Name, k.hold())
		switch {
		case err != nil && ctx.Err() == nil:
			r.cfg.Log.Warn("what another engine had in hand is done only when its time is over", "kind", k.Name,
				"shard", o.Shard, "error", err)
		case n > 0:
			r.cfg.Log.Info("work that another engine had in hand is taken over", "kind", k.Name, "shard", o.Shard, "items", n)
		}
	}
	r.Wake()
}

// Run works until ctx ends, and returns when no item is in hand any more. The contexts of items
// under way end with ctx; those that were not done are due again at once.
func (r *Runner) Run(ctx context.Context) {
	defer r.running.Wait()
	ensured := false
	for ctx.Err() == nil {
		sleep := longestSleep
		if !ensured {
			ensured = r.ensureRecurring(ctx)
		}
		if ensured {
			sleep = r.look(ctx)
		}
		if !r.sleep(ctx, sleep) {
			return
		}
	}
}

// sleep waits, for shortestSleep at least; false when ctx has ended.
func (r *Runner) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, shortestSleep))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-r.wake:
	}
	timer.Reset(shortestSleep)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ensureRecurring makes the items of the kinds that recur, wherever they are missing.
func (r *Runner) ensureRecurring(ctx context.Context) bool {
	for _, k := range r.kinds {
		if k.Every == 0 {
			continue
		}
		if err := r.cfg.Store.EnsureDue(ctx, k.Name, ""); err != nil {
			if ctx.Err() == nil {
				r.cfg.Log.Warn("recurring work could not be recorded yet; it is tried again", "kind", k.Name, "error", err)
			}
			return false
		}
	}
	return true
}

// look takes due items and starts them. It returns the time until the next look. When there was no
// room for more items of a kind, an item that ends wakes the loop earlier.
func (r *Runner) look(ctx context.Context) time.Duration {
	owned := r.cfg.Owned()
	if len(owned) == 0 {
		return longestSleep
	}
	query := store.DueQuery{Room: r.room(), Within: longestSleep}
	for _, o := range owned {
		query.Shards = append(query.Shards, o.Shard)
	}
	items, err := r.cfg.Store.DueItems(ctx, query)
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.Log.Warn("due work cannot be read from the database; it is tried again", "error", err)
		}
		return longestSleep
	}
	due := map[int][]store.DueItem{} // by shard
	sleep, found := longestSleep, map[string]int{}
	for _, i := range items {
		if i.In > 0 {
			sleep = min(sleep, i.In)
			continue
		}
		found[i.Kind]++
		due[i.Shard] = append(due[i.Shard], i)
	}
	// The shards at once, so that their items are taken in one commit and not in one for each.
	var taking sync.WaitGroup
	for _, o := range owned {
		if len(due[o.Shard]) > 0 {
			taking.Go(func() { r.takeAndRun(ctx, o, due[o.Shard]) })
		}
	}
	taking.Wait()
	for kind, room := range query.Room { // the query was filled with what is due: there may be more
		if room > 0 && found[kind] == room && r.has(kind) < r.kinds[kind].Parallel {
			sleep = 0
		}
	}
	return sleep
}

// room returns how many more items of each kind may be in hand.
func (r *Runner) room() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := make(map[string]int, len(r.kinds))
	for name, k := range r.kinds {
		room[name] = k.Parallel - r.inHand[name]
	}
	return room
}

func (r *Runner) has(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inHand[kind]
}

// takeAndRun takes items of one shard in hand and runs each in a goroutine. The items stay in hand
// for their timeout and holdMargin; when this engine dies, they are due again after that.
func (r *Runner) takeAndRun(ctx context.Context, o faas.Ownership, items []store.DueItem) {
	taken, err := r.cfg.Store.TakeDue(
		ctx,
		o,
		items,
		func(kind string) time.Duration { return r.kinds[kind].hold() },
	)
	switch {
	case errors.Is(err, store.ErrNotOwner):
		r.cfg.Log.Info("a shard's work is another engine's now", "shard", o.Shard)
		return
	case err != nil: // if it was committed all the same, the items are due again after their time in hand
		if ctx.Err() == nil {
			r.cfg.Log.Warn("due work of a shard cannot be taken; it is tried again", "shard", o.Shard, "error", err)
		}
		return
	}
	for _, i := range taken {
		k := r.kinds[i.Kind]
		r.mu.Lock()
		r.inHand[i.Kind]++
		r.mu.Unlock()
		r.metrics.began(i)
		r.running.Go(func() {
			defer r.ended(k)
			r.run(ctx, k, i)
		})
	}
}

// ended makes room for another item. It wakes the loop when half of the room is free, so that one
// look finds work for all of it instead of one look for each item.
func (r *Runner) ended(k Kind) {
	r.mu.Lock()
	r.inHand[k.Name]--
	wake := r.inHand[k.Name] <= k.Parallel/2
	r.mu.Unlock()
	r.metrics.ended(k.Name)
	if wake {
		r.Wake()
	}
}

// run does one item and records how it went.
func (r *Runner) run(ctx context.Context, k Kind, i store.DueItem) {
	running, cancel := context.WithTimeout(ctx, k.Timeout)
	next, err := k.Run(running, i)
	cancel()
	next = k.recurring(next)
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	outcome, failure := r.record(recording, k, i, next, err, ctx.Err() != nil)
	switch {
	case k.Withdrawn && errors.Is(failure, store.ErrNotInHand):
		outcome = "done"
	case failure != nil:
		outcome = "lost"
		r.cfg.Log.Warn(
			"the outcome of due work could not be recorded; the work may be done again", "kind", i.Kind, "ref", i.Ref, "error",
			failure,
		)
	}
	r.metrics.count(i.Kind, outcome)
}

// record returns what an item is counted as, and why it could not be recorded.
func (r *Runner) record(
	ctx context.Context, k Kind, i store.DueItem, next Next, err error, stopping bool,
) (string, error) {
	log := r.cfg.Log.With("kind", i.Kind, "ref", i.Ref, "attempts", i.Attempts)
	switch {
	case errors.Is(err, store.ErrNotInHand): // found by the transaction of the work itself
		return "lost", nil
	case err == nil && next.recorded:
		return "done", nil
	case err == nil && next.again:
		return "again", r.cfg.Store.DueAgain(ctx, i, next.after)
	case err == nil:
		return "done", r.cfg.Store.DueDone(ctx, i)
	case stopping:
		return "stopped", r.cfg.Store.DueFailed(ctx, i, 0, "the engine stopped meanwhile")
	case k.dies(i.Attempts, err):
		log.Error("due work failed too often and is not tried again; faas-manage due dead lists it", "error", err)
		return "dead", r.cfg.Store.DueDead(ctx, i, err.Error())
	}
	again := k.retryAfter(i.Attempts)
	log.Warn("due work failed and is tried again", "after", again, "error", err)
	return "failed", r.cfg.Store.DueFailed(ctx, i, again, err.Error())
}
