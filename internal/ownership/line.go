package ownership

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// takePause is the time between two attempts to take a shard in the database.
	takePause = 250 * time.Millisecond
	// The pauses before a shard is handed over again that came back: the engine that should own it
	// announces that it stands in line, and does not take it.
	firstRetreat = 5 * time.Second
	lastRetreat  = 5 * time.Minute
)

// stand joins the lines that the view assigns to this engine and leaves the others. It does not
// leave the line of a shard that it owns: that shard goes to its right owner by handOver, once that
// one stands in line, so that the shard is never without an owner in between.
func (b *Balancer) stand(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := map[int]bool{}
	for _, shard := range b.view.StandsFor(b.cfg.Name) {
		wanted[shard] = true
		if b.lines[shard] == nil {
			b.join(ctx, shard)
		}
	}
	for shard, l := range b.lines {
		if !wanted[shard] && b.owned[shard] == nil {
			l.quit()
		}
	}
}

// join gets in line for a shard, on a goroutine, because that may take as long as the broker is
// away.
func (b *Balancer) join(ctx context.Context, shard int) {
	ctx, leave := context.WithCancel(ctx)
	l := &line{leave: leave}
	b.lines[shard] = l
	b.tasks.Go(func() {
		defer leave()
		defer b.ended(shard)
		stop, err := b.cfg.Broker.Own(ctx, faas.ShardName(shard), func(ctx context.Context) { b.hold(ctx, shard) })
		if err != nil {
			if ctx.Err() == nil {
				b.cfg.Log.Warn("this engine cannot get in line for a shard; it tries again", "shard", shard, "error", err)
			}
			return
		}
		b.attached(l)
		<-ctx.Done()
		stop()
	})
}

func (b *Balancer) attached(l *line) {
	b.mu.Lock()
	l.attached = true
	b.mu.Unlock()
	b.tell()
}

func (b *Balancer) ended(shard int) {
	b.mu.Lock()
	delete(b.lines, shard)
	b.mu.Unlock()
	b.tell()
}

func (b *Balancer) tell() {
	select {
	case b.news <- struct{}{}:
	default: // the loop will look anyway
	}
}

// hold is called by the broker when this engine has become the owner of the shard. ctx ends with
// that ownership; returning passes the shard on to the next in line.
func (b *Balancer) hold(ctx context.Context, shard int) {
	taken, ok := b.take(ctx, shard)
	if !ok {
		return
	}
	ctx, yield := context.WithCancel(ctx)
	defer yield()
	b.set(shard, &ownership{taken, ctx, yield})
	defer b.set(shard, nil)
	b.cfg.Log.Debug("owns a shard", "shard", shard, "epoch", taken.Epoch)
	b.cfg.Hold(ctx, taken)
	b.cfg.Log.Debug("owns a shard no longer", "shard", shard, "epoch", taken.Epoch)
}

func (b *Balancer) set(shard int, o *ownership) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owned[shard] = o
}

// take begins a new epoch of the shard in the database. The broker alone could let two engines own
// a shard, as when one is frozen and does not notice. The higher epoch settles that: writes of the
// lower one fail. While the database is away take goes on trying; the loop ends ctx when that takes
// too long.
func (b *Balancer) take(ctx context.Context, shard int) (faas.Ownership, bool) {
	for ctx.Err() == nil {
		o, err := b.cfg.Membership.TakeShard(ctx, shard, b.cfg.Name)
		if err == nil {
			return o, ctx.Err() == nil
		}
		if ctx.Err() == nil {
			b.cfg.Log.Warn("the ownership of a shard could not be recorded yet; it is tried again", "shard", shard, "error", err)
		}
		timer := time.NewTimer(takePause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return faas.Ownership{}, false
}

// handOver gives up shards whose right owner stands in line for them, a few at a time, and returns
// how many. When another engine is before that one in line and becomes the owner, it hands the
// shard over in the same way.
func (b *Balancer) handOver(owners []store.ShardOwner) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range owners {
		o := b.owned[row.Shard]
		if o == nil || o.ctx.Err() != nil || row.Epoch != o.Epoch || !b.retreats(row) {
			continue
		}
		o.yield()
		if n++; n == handoversPerBeat {
			break
		}
	}
	return n
}

// retreat is how often a shard was left to its right owner, and when it was last.
type retreat struct {
	at    time.Time
	times int
}

// retreats decides whether to leave a shard of this engine's to the engine that should own it, and
// counts it if so. It does when that engine has said, after this one took the shard, that it stands
// in line for the same set of engines as are seen here: it is alive then, and nobody else needs to
// be told. Should the shard come back all the same, it is kept for longer each time. The caller
// holds the lock.
func (b *Balancer) retreats(row store.ShardOwner) bool {
	target := b.live[b.view.Target(row.Shard)]
	if target.Name == "" || target.Name == b.cfg.Name || target.Standing != b.view.ID() ||
		!target.SeenAt.After(row.OwnedAt) {
		return false
	}
	now, before := b.cfg.Now(), b.left[row.Shard]
	if before.times > 0 && now.Sub(before.at) < min(lastRetreat, firstRetreat<<min(before.times-1, 10)) {
		return false
	}
	b.left[row.Shard] = retreat{now, before.times + 1}
	return true
}

// dropOvertaken gives up the shards that another engine has taken in the database. The broker has
// one owner at a time. So this happens only when a transaction of TakeShard that seemed lost is
// committed late.
func (b *Balancer) dropOvertaken(owners []store.ShardOwner) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range owners {
		if row.Shard >= len(b.owned) {
			continue
		}
		if o := b.owned[row.Shard]; o != nil && row.Epoch > o.Epoch {
			b.cfg.Log.Warn(
				"another engine has taken a shard that this one owned; it is given up",
				"shard", row.Shard, "epoch", o.Epoch, "owner", row.Owner,
			)
			o.yield()
		}
	}
}
