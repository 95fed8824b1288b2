package ownership

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	defaultBeat  = 2 * time.Second
	defaultAlive = 10 * time.Second
	// handoversPerBeat bounds how many shards an owner hands over at a time: the callers that wait
	// for workers of a shard's functions ask again wherever it went.
	handoversPerBeat = 8
	// goodbyeTimeout bounds how long an engine that ends takes to say so in the database.
	goodbyeTimeout = 3 * time.Second
)

// Config is what a Balancer needs. Fields that name a default may be zero.
type Config struct {
	Name       string // of this engine: unique for each start of a process
	Membership *store.Membership
	Broker     broker.Broker
	// Hold does what the owner of a shard does until ctx ends, and then returns promptly: the next
	// owner may begin only after it has. Returning before that gives the shard up.
	Hold func(ctx context.Context, o faas.Ownership)
	// Alone says that no other engine can live, as in faas-standalone, whose broker is its own.
	// Whoever else is announced was killed, and is not waited for.
	Alone bool

	Beat  time.Duration // between two announcements: 2 s
	Alive time.Duration // an engine that was not heard of for this long counts as gone: 10 s
	Now   func() time.Time
	Log   *slog.Logger
}

func (c Config) complete() Config {
	if c.Beat == 0 {
		c.Beat = defaultBeat
	}
	if c.Alive == 0 {
		c.Alive = defaultAlive
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Balancer makes an engine own its part of the shards. Each engine announces itself in the
// database, computes from the announcements which engine should own which shard (View), and stands
// in line at the broker for its own ones. No engine decides for others: all compute the same from
// the same announcements, and differ only for as long as they have not seen the same. Make it with
// New, run it with Run; the other methods are safe for concurrent use, before and after Run too.
type Balancer struct {
	cfg    Config
	shards faas.Sharding
	tasks  sync.WaitGroup // the goroutine of each line
	news   chan struct{}  // capacity 1: holds a token when a line was attached or has ended
	stands chan struct{}  // closed when this engine has stood in all its lines for the first time
	once   sync.Once
	seenAt time.Time // when the last announcement went well; Run's goroutine alone uses it
	told   []int     // the shards that the log's last line on them named; Run's goroutine alone uses it

	mu    sync.Mutex
	view  View
	live  map[string]store.LiveEngine // by name, as they have announced themselves
	lines map[int]*line
	owned []*ownership    // by shard; nil: not ours
	left  map[int]retreat // shards that were left to their right owners
}

// line is this engine's place in the line for a shard.
type line struct {
	leave    context.CancelFunc
	leaving  bool
	attached bool
}

// ownership is a shard that this engine owns.
type ownership struct {
	faas.Ownership
	ctx   context.Context
	yield context.CancelFunc
}

// New makes a balancer that owns nothing until Run.
func New(c Config) *Balancer {
	c = c.complete()
	n := c.Membership.Shards()
	return &Balancer{
		cfg: c, shards: n, news: make(chan struct{}, 1), stands: make(chan struct{}),
		view: NewView(nil, n), lines: map[int]*line{}, owned: make([]*ownership, n), left: map[int]retreat{},
	}
}

// Shards returns the number of shards.
func (b *Balancer) Shards() faas.Sharding { return b.shards }

// Of returns the context of the ownership of the shard that an id belongs to, which ends with it;
// false when this engine does not own it.
func (b *Balancer) Of(id string) (context.Context, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.owned[b.shards.Of(id)]
	if o == nil || o.ctx.Err() != nil {
		return nil, false
	}
	return o.ctx, true
}

// Owns reports whether this engine owns the shard that an id belongs to.
func (b *Balancer) Owns(id string) bool {
	_, owned := b.Of(id)
	return owned
}

// Owned returns what this engine owns now.
func (b *Balancer) Owned() []faas.Ownership {
	b.mu.Lock()
	defer b.mu.Unlock()
	var owned []faas.Ownership
	for _, o := range b.owned {
		if o != nil && o.ctx.Err() == nil {
			owned = append(owned, o.Ownership)
		}
	}
	return owned
}

// Run stands in line for shards and owns them until ctx ends. It returns when it has given up all
// of them and removed its announcement.
func (b *Balancer) Run(ctx context.Context) {
	defer b.goodbye(context.WithoutCancel(ctx))
	defer b.report() // that none is owned any more
	defer b.tasks.Wait()
	b.seenAt = b.cfg.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			b.report()
		case <-b.news: // perhaps all lines are attached now: others wait to hear so
			if b.standsFor() == b.announced() {
				continue
			}
		}
		timer.Reset(b.beat(ctx))
	}
}

// beat announces this engine, reads which others there are, and joins, leaves and hands over shards
// accordingly. It returns the pause before the next beat.
func (b *Balancer) beat(ctx context.Context) time.Duration {
	if !b.cfg.Broker.Connected() {
		// Without the broker this engine cannot own shards. So it lets its announcement expire, unless
		// the connection comes back soon.
		return b.cfg.Beat
	}
	self := store.LiveEngine{Name: b.cfg.Name, Standing: b.standsFor()}
	live, err := b.cfg.Membership.AnnounceEngine(ctx, self, b.cfg.Alive)
	var owners []store.ShardOwner
	if err == nil {
		owners, err = b.cfg.Membership.ShardOwners(ctx)
	}
	if err != nil {
		b.unseen(ctx, err)
		return b.cfg.Beat
	}
	b.seenAt = b.cfg.Now()
	if b.cfg.Alone {
		live = slices.DeleteFunc(live, func(e store.LiveEngine) bool { return e.Name != b.cfg.Name })
	}
	b.see(live)
	b.dropOvertaken(owners)
	b.stand(ctx)
	if b.handOver(owners) > 0 {
		return b.cfg.Beat / 4
	}
	return b.cfg.Beat
}

// unseen leaves all lines when the announcement has expired, so that the other engines count this
// one as gone. It cannot write to the database, so it could not do an owner's work either. It
// stands in line again once it can.
func (b *Balancer) unseen(ctx context.Context, err error) {
	if ctx.Err() != nil || b.cfg.Now().Sub(b.seenAt) < b.cfg.Alive {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) > 0 {
		b.cfg.Log.Warn(
			"this engine cannot announce itself in the database; it gives up its shards until it can", "error", err,
		)
	}
	for _, l := range b.lines {
		l.quit()
	}
	b.view, b.live = NewView(nil, b.shards), nil
}

func (l *line) quit() {
	l.leaving = true
	l.leave()
}

// see updates the view with the engines that there are.
func (b *Balancer) see(live []store.LiveEngine) {
	var engines []string
	byName := make(map[string]store.LiveEngine, len(live))
	for _, e := range live {
		engines = append(engines, e.Name)
		byName[e.Name] = e
	}
	view := NewView(engines, b.shards)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live = byName
	if view.ID() == b.view.ID() {
		return
	}
	b.view = view
	clear(b.left) // they were about engines of another set
	b.cfg.Log.Info("the engines among which the shards are divided have changed", "engines", len(engines))
}

// announced returns the set that the others have last heard this engine to stand for.
func (b *Balancer) announced() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live[b.cfg.Name].Standing
}

// standsFor returns the set of engines for which this one stands in all its lines, "" when it does
// not yet.
func (b *Balancer) standsFor() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.view.engines) == 0 {
		return ""
	}
	for _, shard := range b.view.StandsFor(b.cfg.Name) {
		if l := b.lines[shard]; l == nil || !l.attached || l.leaving {
			return ""
		}
	}
	b.once.Do(func() { close(b.stands) })
	return b.view.ID()
}

// Standing is closed when this engine stands in line for its part of the shards. It owns those that
// nobody else does soon after.
func (b *Balancer) Standing() <-chan struct{} { return b.stands }

// goodbye removes the announcement, so that the other engines take the shards over at once and not
// only after Alive.
func (b *Balancer) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	if err := b.cfg.Membership.RemoveEngine(ctx, b.cfg.Name); err != nil {
		b.cfg.Log.Info("this engine's announcement could not be removed; it expires by itself", "error", err)
	}
}
