package several

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// silences is how many looks in a row a cluster must leave without an answer to be silent.
const silences = 2

// follow looks after an open cluster until the orchestrator is closed.
func (o *Orchestrator) follow(m *member) {
	tick := time.NewTicker(o.cfg.Every)
	defer tick.Stop()
	for failures := 0; ; {
		select {
		case <-o.ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(o.ctx, o.cfg.Patience)
		err := m.inner.Answers(asking)
		cancel()
		switch {
		case o.closed():
			return
		case err == nil:
			failures = 0
			o.isBack(m)
			o.askDoubted(m)
		default:
			if failures++; failures >= silences {
				o.isSilent(m, err)
			}
		}
	}
}

// isBack records that the cluster answers. Its workers of before are doubted: they may be other
// than the cluster knows yet.
func (o *Orchestrator) isBack(m *member) {
	o.mu.Lock()
	defer o.mu.Unlock()
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
				o.show(m, w)
			}
		}
	}
	o.log.Info("a cluster answers again", "cluster", m.Name, "workers", len(m.known))
	o.rearranged.Wake()
}

// isSilent records that the cluster's API does not answer. The cluster is lost if its workers do
// not answer either: one of both alone may be an upgrade of the API, or a network policy. Nor is
// the last one left ever lost: there is nothing to go to, and it may be our own network that is
// gone.
func (o *Orchestrator) isSilent(m *member, cause error) {
	o.mu.Lock()
	if !m.silent {
		m.silent = true
		close(m.away)
		o.log.Warn("the API of a cluster does not answer", "cluster", m.Name, "error", cause)
		o.rearranged.Wake()
	}
	others := slices.ContainsFunc(o.members, func(other *member) bool { return other != m && other.answers() })
	some := o.someReady(m)
	lost := m.lost
	o.mu.Unlock()
	if lost || !others || o.anyAnswers(some) || o.closed() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	m.lost = true
	close(m.left)
	clear(m.doubted)
	defer o.announce()
	gone := 0
	for id, w := range o.shown {
		if w.of == m {
			o.end(m, id, "its cluster "+m.Name+" is lost")
			gone++
		}
	}
	o.log.Error("a cluster is lost: neither its API nor any of its workers that were asked answers",
		"cluster", m.Name, "workers", gone, "asked", len(some))
	o.rearranged.Wake()
}

// asked is how many of a silent cluster's workers are asked for a sign of life.
const asked = 8

// someReady returns some of the cluster's workers that should answer; the lock is held.
func (o *Orchestrator) someReady(m *member) (some []faas.Worker) {
	for _, w := range o.shown {
		if w.of == m && w.Ready {
			some = append(some, w.Worker)
		}
	}
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:min(len(some), asked)]
}

func (o *Orchestrator) anyAnswers(workers []faas.Worker) bool {
	return len(o.probe(workers)) > 0
}

// probe returns the workers that answer.
func (o *Orchestrator) probe(workers []faas.Worker) (alive []faas.Worker) {
	ctx, cancel := context.WithTimeout(o.ctx, o.cfg.Patience)
	defer cancel()
	var mu sync.Mutex
	var probes sync.WaitGroup
	room := make(chan struct{}, 64)
	for _, w := range workers {
		probes.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if o.cfg.Probe(ctx, w) == nil {
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
func (o *Orchestrator) askDoubted(m *member) {
	o.mu.Lock()
	var doubted []faas.Worker
	for id := range m.doubted {
		doubted = append(doubted, m.known[id])
	}
	o.mu.Unlock()
	if len(doubted) == 0 {
		return
	}
	alive := map[string]bool{}
	for _, w := range o.probe(doubted) {
		alive[w.ID] = true
	}
	o.mu.Lock()
	var dead []string
	for _, w := range doubted {
		if _, still := m.doubted[w.ID]; !still || m.lost || o.closed() {
			continue // there was news of it meanwhile
		}
		delete(m.doubted, w.ID)
		if alive[w.ID] {
			o.show(m, m.known[w.ID])
		} else {
			dead = append(dead, w.ID)
		}
	}
	o.mu.Unlock()
	o.log.Info("of a cluster that is back, workers were asked", "cluster", m.Name,
		"answered", len(alive), "removed", len(dead))
	for _, id := range dead {
		o.removeInBackground(m, id)
	}
}
