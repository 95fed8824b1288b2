package local

import (
	"context"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// pool maintains one runtime's generic workers. Only its loop starts and retires them. Others
// change the fields that the loop reads, under the roster's lock, and wake it with poke.
type pool struct {
	in        *roster
	runtimeID string
	stop      context.CancelFunc
	ctx       context.Context
	done      chan struct{} // closed when the loop has ended
	wake      chan struct{}

	// Guarded by the roster's lock.
	size     int
	extra    int // workers beside the size that were not claimed yet
	language *language
	failures int           // starts in a row that came to nothing
	lastErr  error         // of the last of them
	failed   bool          // since the loop looked last
	changed  chan struct{} // closed, and replaced, with every change that a waiter may wait for
}

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// givenUpAfter is how many starts must fail in a row before SetPool says that the pool cannot
	// have a worker.
	givenUpAfter = 3
	// provenAfter is how long a worker must live for its end not to count as a failed start.
	provenAfter = 10 * time.Second
)

func newPool(in *roster, runtimeID string) *pool {
	p := &pool{
		in: in, runtimeID: runtimeID,
		done: make(chan struct{}), wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancel(in.ctx)
	return p
}

// poke makes the loop look again.
func (p *pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// announce wakes everyone who waits for the pool; the lock is held.
func (p *pool) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
	p.poke()
}

// set changes the pool's specification and forgets its failures: whoever sets it may have fixed
// their cause.
func (p *pool) set(spec orchestrator.Pool, language *language) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.language != language {
		p.extra = 0
	}
	p.size, p.language = spec.Size, language
	p.failures, p.lastErr, p.failed = 0, nil, false
	p.announce()
}

// extend has the pool start n workers more, and returns the ids of those that it starts.
func (p *pool) extend(n int) (ids []string) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.extra += n
	return p.fill()
}

// lost says that a worker beside the pool's size is not the pool's any more. The lock is held.
func (p *pool) lost(w *worker) {
	if w.extra {
		p.extra = max(p.extra-1, 0)
	}
}

// reduce ends what is more than the pool's size.
func (p *pool) reduce() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.extra = 0
	p.poke()
}

// awaitReady returns when the pool has a ready worker, unless its size is 0, and none of another
// language.
func (p *pool) awaitReady(ctx context.Context) error {
	for {
		settled, changed, err := p.settled()
		if settled || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-p.done:
			return faas.Errorf(faas.Conflict, "The pool was deleted meanwhile.")
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "No worker was ready in time.").WithCause(ctx.Err())
		}
	}
}

func (p *pool) settled() (settled bool, changed <-chan struct{}, err error) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	ready, others := 0, 0
	for _, w := range p.in.workers {
		switch {
		case w.pool != p:
		case w.language != p.language:
			others++
		case w.phase == phaseReady:
			ready++
		}
	}
	if ready == 0 && p.failures >= givenUpAfter {
		err = faas.Errorf(faas.Unavailable, "No worker could be started: %v", p.lastErr)
	}
	return others == 0 && (ready > 0 || p.size == 0), p.changed, err
}

// end stops the loop and retires every generic worker.
func (p *pool) end(ctx context.Context) error {
	p.stop()
	<-p.done
	p.in.mu.Lock()
	p.size, p.extra = 0, 0
	surplus := p.surplus("its pool was deleted")
	var leaving []*worker // those too that were on their way out before
	for _, w := range p.in.workers {
		if w.pool == p {
			leaving = append(leaving, w)
		}
	}
	p.in.mu.Unlock()
	for _, w := range surplus {
		p.in.retire(w)
	}
	for _, w := range leaving {
		select {
		case <-w.gone:
		case <-w.kept:
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "The pool's workers did not end in time.").WithCause(ctx.Err())
		}
	}
	return nil
}

// loop keeps the pool at its size until it is stopped. After a failure it starts nothing until a
// pause has passed.
func (p *pool) loop() {
	defer close(p.done)
	var pause <-chan time.Time
	for {
		if backoff := p.takeFailure(); backoff > 0 {
			pause = time.After(backoff)
		}
		p.retireSurplus()
		if pause == nil {
			p.in.mu.Lock()
			p.fill()
			p.in.mu.Unlock()
		}
		select {
		case <-p.wake:
		case <-pause:
			pause = nil
		case <-p.ctx.Done():
			return
		}
	}
}

// takeFailure returns how long to pause if a start has failed since the last call; 0 if none has.
func (p *pool) takeFailure() time.Duration {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if !p.failed {
		return 0
	}
	p.failed = false
	return min(firstBackoff<<min(p.failures-1, 20), maxBackoff)
}

// fill starts the missing workers. While starts fail it starts one at a time, to see whether they
// still do. It returns the ids of those beside its size. The lock is held.
func (p *pool) fill() (ids []string) {
	missing, extra := p.size, p.extra
	for _, w := range p.in.workers {
		switch {
		case w.pool != p || w.language != p.language || w.retiring != "":
		case w.extra:
			extra--
		default:
			missing--
		}
	}
	if p.failures > 0 {
		missing = min(missing, 1)
		extra = min(extra, 1-max(missing, 0))
	}
	for n := range max(missing, 0) + max(extra, 0) {
		if p.in.closed {
			break
		}
		if id := p.in.begin(p, n >= missing); n >= missing {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *pool) retireSurplus() {
	p.in.mu.Lock()
	surplus := p.surplus("its pool became smaller")
	p.in.mu.Unlock()
	for _, w := range surplus {
		p.in.retire(w)
	}
}

// surplus marks workers as retiring and returns them: those of another language and those beyond
// the pool's size or beside it, the ones that have not started first. The lock is held.
func (p *pool) surplus(reason string) []*worker {
	var out []*worker
	var starting, ready [2][]*worker // of the pool's size, and beside it
	for _, w := range p.in.workers {
		kind := 0
		if w.extra {
			kind = 1
		}
		switch {
		case w.pool != p || w.retiring != "":
		case w.language != p.language:
			w.retiring = "its runtime's image was changed"
			out = append(out, w)
		case w.phase == phaseStarting:
			starting[kind] = append(starting[kind], w)
		default:
			ready[kind] = append(ready[kind], w)
		}
	}
	for kind, most := range [...]int{p.size, p.extra} {
		kept := slices.Concat(ready[kind], starting[kind])
		for _, w := range kept[min(most, len(kept)):] {
			w.retiring = reason
			out = append(out, w)
		}
	}
	for _, w := range out {
		w.Ready = false // so that nobody tries to claim it
		p.in.feed.Set(w.Worker)
	}
	return out
}

// failure counts a failed start; the lock is held.
func (p *pool) failure(w *worker, err error) {
	p.failures = max(p.failures, w.failuresBefore+1)
	p.lastErr, p.failed = err, true
	p.announce()
}
