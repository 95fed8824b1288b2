package several

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
)

// silences is how many looks in a row a cluster must leave without an answer to be silent.
const silences = 2

// health opens the clusters and looks after them.
type health struct{ *clusters }

// openAll starts to open every cluster and waits for them as New says.
func (h *health) openAll(ctx context.Context) error {
	type opened struct {
		m   *member
		err error
	}
	results := make(chan opened, len(h.members)) // of each one's first attempt
	for _, m := range h.members {
		h.wait.Go(func() {
			err := h.open(m)
			results <- opened{m, err}
			for ; err != nil && h.ctx.Err() == nil; err = h.open(m) {
				background.Sleep(h.ctx, h.cfg.Retry)
			}
			if err == nil {
				h.follow(m)
			}
		})
	}
	var refusals []error
	var enough <-chan time.Time
	for range h.members {
		select {
		case r := <-results:
			if r.err != nil {
				h.log.Error("a cluster cannot be used yet", "cluster", r.m.Name, "error", r.err)
				refusals = append(refusals, fmt.Errorf("cluster %s: %w", r.m.Name, r.err))
			} else if enough == nil {
				enough = time.After(h.cfg.Grace)
			}
		case <-enough:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if len(refusals) == len(h.members) {
		return errors.Join(refusals...)
	}
	return nil
}

// open connects to the cluster and shows its workers. It returns when these are shown.
func (h *health) open(m *member) error {
	inner, err := m.Open(h.ctx)
	if err != nil {
		return err
	}
	events, changes := inner.Events(context.Background()), inner.Watch(context.Background())
	first := <-changes
	h.mu.Lock()
	m.inner = inner
	h.mu.Unlock()
	h.apply(m, first)
	h.log.Info("a cluster is in use", "cluster", m.Name, "workers", len(first))
	h.rearranged.Wake()
	h.watching.Go(func() {
		for batch := range changes {
			h.apply(m, batch)
		}
	})
	h.watching.Go(func() {
		for e := range events {
			h.passOn(m, e)
		}
	})
	return nil
}

// follow looks after an open cluster until the orchestrator is closed.
func (h *health) follow(m *member) {
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	for failures := 0; ; {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(h.ctx, h.cfg.Patience)
		err := m.inner.Answers(asking)
		cancel()
		switch {
		case h.closed():
			return
		case err == nil:
			failures = 0
			h.isBack(m)
			h.askDoubted(m)
		default:
			if failures++; failures >= silences {
				h.isSilent(m, err)
			}
		}
	}
}

// isBack records that the cluster answers. Its workers of before are doubted: they may be other
// than the cluster knows yet.
func (h *health) isBack(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !m.silent {
		return
	}
	m.silent, m.away = false, make(chan struct{})
	if m.lost {
		m.lost, m.left = false, make(chan struct{})
		for id, w := range m.known {
			if w.Ready {
				m.doubted[id] = struct{}{}
			} else {
				h.show(m, w)
			}
		}
	}
	h.log.Info("a cluster answers again", "cluster", m.Name, "workers", len(m.known))
	h.rearranged.Wake()
}

// isSilent records that the cluster's API does not answer. The cluster is lost if its workers do
// not answer either: one of both alone may be an upgrade of the API, or a network policy. Nor is
// the last one left ever lost: there is nothing to go to, and it may be our own network that is
// gone.
func (h *health) isSilent(m *member, cause error) {
	h.mu.Lock()
	if !m.silent {
		m.silent = true
		close(m.away)
		h.log.Warn("the API of a cluster does not answer", "cluster", m.Name, "error", cause)
		h.rearranged.Wake()
	}
	others := slices.ContainsFunc(h.members, func(other *member) bool {
		return other != m && other.answers()
	})
	some := h.someReady(m)
	lost := m.lost
	h.mu.Unlock()
	if lost || !others || h.anyAnswers(some) || h.closed() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m.lost = true
	close(m.left)
	clear(m.doubted)
	defer h.announce()
	gone := 0
	for id, w := range h.shown {
		if w.of == m {
			h.end(m, id, "its cluster "+m.Name+" is lost")
			gone++
		}
	}
	h.log.Error("a cluster is lost: neither its API nor any of its workers that were asked answers",
		"cluster", m.Name, "workers", gone, "asked", len(some))
	h.rearranged.Wake()
}

// asked is how many of a silent cluster's workers are asked for a sign of life.
const asked = 8

// someReady returns some of the cluster's workers that should answer; the lock is held.
func (h *health) someReady(m *member) (some []faas.Worker) {
	for _, w := range h.shown {
		if w.of == m && w.Ready {
			some = append(some, w.Worker)
		}
	}
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:min(len(some), asked)]
}

func (h *health) anyAnswers(workers []faas.Worker) bool {
	return len(h.probe(workers)) > 0
}

// probe returns the workers that answer.
func (h *health) probe(workers []faas.Worker) (alive []faas.Worker) {
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.Patience)
	defer cancel()
	var mu sync.Mutex
	var probes sync.WaitGroup
	room := make(chan struct{}, 64)
	for _, w := range workers {
		probes.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if h.cfg.Probe(ctx, w) == nil {
				mu.Lock()
				defer mu.Unlock()
				alive = append(alive, w)
			}
		})
	}
	probes.Wait()
	return alive
}

// askDoubted shows the workers that answer again, and removes those that do not although their
// cluster takes them for ready.
func (h *health) askDoubted(m *member) {
	h.mu.Lock()
	var doubted []faas.Worker
	for id := range m.doubted {
		doubted = append(doubted, m.known[id])
	}
	h.mu.Unlock()
	if len(doubted) == 0 {
		return
	}
	alive := map[string]bool{}
	for _, w := range h.probe(doubted) {
		alive[w.ID] = true
	}
	h.mu.Lock()
	var dead []string
	for _, w := range doubted {
		if _, still := m.doubted[w.ID]; !still || m.lost || h.closed() {
			continue // there was news of it meanwhile
		}
		delete(m.doubted, w.ID)
		if alive[w.ID] {
			h.show(m, m.known[w.ID])
		} else {
			dead = append(dead, w.ID)
		}
	}
	h.mu.Unlock()
	h.log.Info("of a cluster that is back, workers were asked", "cluster", m.Name,
		"answered", len(alive), "removed", len(dead))
	for _, id := range dead {
		h.removeInBackground(m, id)
	}
}
