package several

import (
	"context"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// member is one cluster and what is known of it. The orchestrator's lock guards all but Cluster.
type member struct {
	Cluster
	inner  Member                 // nil until it is open
	known  map[string]faas.Worker // its workers, also while it is lost
	silent bool                   // its API does not answer; its workers may
	lost   bool                   // and neither do its workers
	away   chan struct{}          // closed while it is silent, another when it answers again
	left   chan struct{}          // the same of lost
	// doubted are workers that were known before it was lost and have not answered since it is back.
	// They are not shown.
	doubted map[string]struct{}
}

func newMember(c Cluster) *member {
	return &member{
		Cluster: c, known: map[string]faas.Worker{}, doubted: map[string]struct{}{},
		away: make(chan struct{}), left: make(chan struct{}),
	}
}

// answers reports whether workers can be made in it; the lock is held.
func (m *member) answers() bool { return m.inner != nil && !m.silent && !m.lost }

// membersNow returns copies.
func (o *Orchestrator) membersNow() []member {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]member, 0, len(o.members))
	for _, m := range o.members {
		all = append(all, *m)
	}
	return all
}

// open connects to the cluster and shows its workers. It returns when these are shown.
func (o *Orchestrator) open(m *member) error {
	inner, err := m.Open(o.ctx)
	if err != nil {
		return err
	}
	events, changes := inner.Events(context.Background()), inner.Watch(context.Background())
	first := <-changes
	o.mu.Lock()
	m.inner = inner
	o.mu.Unlock()
	o.apply(m, first)
	o.log.Info("a cluster is in use", "cluster", m.Name, "workers", len(first))
	o.rearranged.Wake()
	o.watching.Go(func() {
		for batch := range changes {
			o.apply(m, batch)
		}
	})
	o.watching.Go(func() {
		for e := range events {
			o.passOn(m, e)
		}
	})
	return nil
}

// apply takes in changes that the cluster's orchestrator shows.
func (o *Orchestrator) apply(m *member, batch []orchestrator.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.announce()
	for _, c := range batch {
		id := c.Worker.ID
		delete(m.doubted, id) // what is news is known now
		if c.Gone {
			delete(m.known, id)
			o.end(m, id, c.Reason)
			continue
		}
		m.known[id] = c.Worker
		if !m.lost {
			o.show(m, c.Worker)
		}
	}
}

// announce wakes all who wait for the feed to show something; the lock is held.
func (o *Orchestrator) announce() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// catchUp bounds how long it is waited for the feed to show what a cluster's orchestrator has done.
const catchUp = time.Second

// await waits until the feed is as wanted, which it soon will be. wanted is called with the lock
// held.
func (o *Orchestrator) await(ctx context.Context, wanted func() bool) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		o.mu.Lock()
		changed, is := o.changed, wanted()
		o.mu.Unlock()
		if is {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// show shows the worker, or its new state; the lock is held.
func (o *Orchestrator) show(m *member, w faas.Worker) {
	was, there := o.shown[w.ID]
	if there && was.of != m {
		o.log.Error("two clusters show one worker: are they one?", "worker", w.ID,
			"cluster", was.of.Name, "other", m.Name)
		return
	}
	if w.Node != "" {
		w.Node = m.Name + "/" + w.Node
	}
	o.shown[w.ID] = shown{w, m}
	o.feed.Set(w)
	claimable := func(w faas.Worker) bool { return w.Ready && w.Generic() }
	if claimable(w) && !claimable(was.Worker) {
		o.events.Send(orchestrator.Event{Kind: orchestrator.Ready, Worker: w})
	}
}

// end shows that the worker is gone, if it was shown; the lock is held.
func (o *Orchestrator) end(m *member, workerID, reason string) {
	w, there := o.shown[workerID]
	if !there || w.of != m {
		return
	}
	delete(o.shown, workerID)
	w.Ready = false
	o.feed.End(workerID, reason)
	o.events.Send(orchestrator.Event{Kind: orchestrator.Gone, Worker: w.Worker, Reason: reason})
}

// passOn passes on that a worker ended which stays: one that is started again. All else is seen in
// what the orchestrator shows.
func (o *Orchestrator) passOn(m *member, e orchestrator.Event) {
	stays := func(w faas.Worker) bool { return w.ID == e.Worker.ID }
	if e.Kind != orchestrator.Gone || !slices.ContainsFunc(m.inner.Workers(), stays) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if w, there := o.shown[e.Worker.ID]; there && w.of == m {
		w.Ready = false
		o.events.Send(orchestrator.Event{Kind: orchestrator.Gone, Worker: w.Worker, Reason: e.Reason})
	}
}
