package several

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// settings are the pools that are still being set in some clusters although SetPool has returned.
type settings struct {
	mu    sync.Mutex
	after map[string]*func() // by runtime: ends what goes on
}

// begin ends what went on of the pool's last setting; keep has what goes on from now on ended
// likewise.
func (s *settings) begin(runtimeID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stop := s.after[runtimeID]; stop != nil {
		(*stop)()
		delete(s.after, runtimeID)
	}
}

func (s *settings) keep(runtimeID string, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after == nil {
		s.after = map[string]*func(){}
	}
	if last := s.after[runtimeID]; last != nil {
		(*last)()
	}
	s.after[runtimeID] = &stop
}

// setting is how a pool is set in one cluster.
type setting struct {
	share
	err error
}

// pools sets pools, each in the clusters that it may be in.
type pools struct {
	*room

	settings settings
}

// SetPool divides the pool between the clusters that it may be in and that answer, and sets each
// part. It returns when each has come to its end, or one has its workers and the others have taken
// Config.Grace longer. The part of a cluster that cannot have it goes to the others; there is an
// error only if none can.
func (p *pools) SetPool(ctx context.Context, pool orchestrator.Pool) error {
	p.settings.begin(pool.RuntimeID)
	refused := map[*member]error{}
	for {
		if p.closed() {
			return errClosed()
		}
		shares, err := p.divide(pool, refused)
		if err != nil {
			return err
		}
		failed := p.setAll(ctx, pool, shares)
		if ctx.Err() != nil {
			return faas.Errorf(faas.Unavailable, "The pool was not set in time.").WithCause(context.Cause(ctx))
		}
		again := false
		for _, s := range failed {
			switch {
			case s.size == 0:
				p.log.Warn("a cluster keeps workers of a pool that should have none there", "cluster", s.m.Name,
					"runtime_id", pool.RuntimeID, "error", s.err)
				continue
			case faas.KindOf(s.err) == faas.Conflict: // it is another pool by now, or none
				return s.err
			case !p.isAway(s.m):
				refused[s.m] = s.err
				p.bound(pool.RuntimeID, s.m, 0, s.err.Error())
			}
			again = true
		}
		if !again {
			return nil
		}
	}
}

// worst returns the error that says most about the pool: that it has an old image again, before any
// other.
func worst(refused map[*member]error) (some error) {
	for _, err := range refused {
		var back *orchestrator.WentBackError
		if some = err; errors.As(err, &back) {
			return err
		}
	}
	return some
}

// setAll sets the shares and returns those that failed. Those that take too long go on.
func (p *pools) setAll(ctx context.Context, pool orchestrator.Pool, shares []share) (failed []setting) {
	results := make(chan setting, len(shares))
	life, stop := context.WithCancel(p.ctx)
	var all sync.WaitGroup
	for _, s := range shares {
		all.Go(func() { results <- setting{s, p.setOne(life, pool, s)} })
	}
	p.wait.Go(func() {
		all.Wait()
		stop()
	})
	// A caller that goes ends all of it; who has what he came for does not.
	called := context.AfterFunc(ctx, stop)
	defer called()
	var enough <-chan time.Time
	for left := len(shares); left > 0; left-- {
		select {
		case one := <-results:
			if one.err != nil {
				failed = append(failed, one)
			} else if one.size > 0 && enough == nil {
				enough = time.After(p.cfg.Grace)
			}
		case <-enough:
			p.settings.keep(pool.RuntimeID, stop)
			p.wait.Go(func() { p.seeThrough(life, pool, results, left) })
			return failed
		case <-ctx.Done():
			return failed
		case <-p.ctx.Done():
			return failed
		}
	}
	return failed
}

// seeThrough waits for the clusters that were slower than SetPool. A part that failed is divided
// anew.
func (p *pools) seeThrough(
	life context.Context, pool orchestrator.Pool, results <-chan setting, left int,
) {
	for range left {
		select {
		case one := <-results:
			if one.err != nil && faas.KindOf(one.err) != faas.Conflict && life.Err() == nil && !p.isAway(one.m) {
				p.bound(pool.RuntimeID, one.m, 0, one.err.Error())
				p.rearranged.Wake()
			}
		case <-life.Done():
			return
		}
	}
}

// setOne sets one cluster's part. A cluster that the pool may not be in has none of it.
func (p *pools) setOne(ctx context.Context, pool orchestrator.Pool, s share) error {
	p.mu.Lock()
	away := s.m.away
	p.mu.Unlock()
	ctx, cancel := p.until(ctx, away)
	defer cancel()
	if s.none {
		return s.m.inner.DeletePool(ctx, pool.RuntimeID)
	}
	pool.Size, pool.Placement = s.size, ""
	if err := s.m.inner.SetPool(ctx, pool); err != nil || pool.Size == 0 {
		return err
	}
	p.await(ctx, func() bool {
		for _, w := range p.shown {
			if w.of == s.m && w.Ready && w.Generic() && w.RuntimeID == pool.RuntimeID {
				return true
			}
		}
		return false
	})
	return nil
}

// Extend divides the workers between the clusters as it does those of the pool.
func (p *pools) Extend(ctx context.Context, pool orchestrator.Pool, n int) (ids []string, err error) {
	pool.Size = n
	shares, err := p.divide(pool, nil)
	if err != nil {
		return nil, err
	}
	pool.Placement = ""
	var mu sync.Mutex
	err = p.inEach(ctx, shares, func(ctx context.Context, in orchestrator.Extender, s share) error {
		if s.size == 0 {
			return nil
		}
		made, err := in.Extend(ctx, pool, s.size)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, made...)
		return err
	})
	return ids, err
}

// Reduce ends the workers beside the pool in all clusters that answer.
func (p *pools) Reduce(ctx context.Context, runtimeID string) error {
	var all []share
	for _, m := range p.answering() {
		all = append(all, share{m: m})
	}
	return p.inEach(ctx, all, func(ctx context.Context, in orchestrator.Extender, _ share) error {
		return in.Reduce(ctx, runtimeID)
	})
}

// inEach does something in each of the shares' clusters at once, and returns why it failed.
func (p *pools) inEach(
	ctx context.Context, shares []share, do func(context.Context, orchestrator.Extender, share) error,
) error {
	failures := make([]error, len(shares))
	var all sync.WaitGroup
	for i, s := range shares {
		p.mu.Lock()
		in, is := s.m.inner.(orchestrator.Extender)
		away := s.m.away
		p.mu.Unlock()
		if !is {
			continue
		}
		all.Go(func() {
			ctx, cancel := p.until(ctx, away)
			defer cancel()
			failures[i] = do(ctx, in, s)
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// DeletePool ends the pool in all clusters that answer. In others it is found later by whoever
// looks for workers of runtimes that are no more.
func (p *pools) DeletePool(ctx context.Context, runtimeID string) error {
	if p.closed() {
		return errClosed()
	}
	p.settings.begin(runtimeID)
	p.forget(runtimeID)
	var all sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for _, m := range p.answering() {
		all.Go(func() {
			err := p.setOne(ctx, orchestrator.Pool{RuntimeID: runtimeID}, share{m: m, none: true})
			if err != nil && !p.isAway(m) {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		})
	}
	all.Wait()
	if len(failures) > 0 {
		return failures[0]
	}
	return nil
}

// NoNode says why workers of the runtime can be on no node of a cluster, and of which.
func (p *pools) NoNode(runtimeID string) string {
	for _, m := range p.answering() {
		seeker, seeks := m.inner.(orchestrator.NodeSeeker)
		if !seeks {
			continue
		}
		if said := seeker.NoNode(runtimeID); said != "" {
			return "cluster " + m.Name + ": " + said
		}
	}
	return ""
}

// errNowhere says why no cluster can have the pool.
func errNowhere(placement faas.Placement, fits bool) error {
	switch {
	case fits:
		return faas.Errorf(faas.Unavailable, "None of the clusters that the runtime may be in answers.")
	case placement == "":
		return faas.Errorf(faas.Invalid, "No cluster takes runtimes without placement: each is reserved or has weight 0.")
	}
	return faas.Errorf(faas.Invalid, "No cluster that takes workers has the labels %s.",
		strings.ReplaceAll(string(placement), ",", ", "))
}
