package several

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// clusters is what is known of the clusters, and what is shown of their workers.
type clusters struct {
	cfg Config
	log *slog.Logger

	events     orchestrator.Fanout
	feed       orchestrator.Feed
	rearranged background.Signal

	mu      sync.Mutex
	members []*member
	shown   map[string]shown // by worker id: what the feed shows
	changed chan struct{}    // closed, and replaced, with every change of shown

	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	wait     sync.WaitGroup // for everything that ends with ctx
	watching sync.WaitGroup // for the watches, which end with the members
}

// shown is a worker that the feed shows, and whose it is.
type shown struct {
	faas.Worker
	of *member
}

func newClusters(cfg Config) *clusters {
	c := &clusters{
		cfg: cfg, log: cfg.Log, rearranged: background.NewSignal(),
		shown: map[string]shown{}, changed: make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for _, one := range cfg.Clusters {
		c.members = append(c.members, newMember(one))
	}
	return c
}

// membersNow returns copies.
func (c *clusters) membersNow() []member {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]member, 0, len(c.members))
	for _, m := range c.members {
		all = append(all, *m)
	}
	return all
}

// answering returns the clusters that answer.
func (c *clusters) answering() (all []*member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.answers() {
			all = append(all, m)
		}
	}
	return all
}

func (c *clusters) isAway(m *member) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !m.answers()
}

func errNotThere(workerID string) error {
	return faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
}

// find returns the cluster that the worker is shown in.
func (c *clusters) find(workerID string) (*member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, there := c.shown[workerID]
	if !there {
		return nil, errNotThere(workerID)
	}
	return w.of, nil
}

// apply takes in changes that the cluster's orchestrator shows.
func (c *clusters) apply(m *member, batch []orchestrator.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.announce()
	for _, change := range batch {
		id := change.Worker.ID
		delete(m.doubted, id) // what is news is known now
		if change.Gone {
			delete(m.known, id)
			c.end(m, id, change.Reason)
			continue
		}
		m.known[id] = change.Worker
		if !m.lost {
			c.show(m, change.Worker)
		}
	}
}

// announce wakes all who wait for the feed to show something; the lock is held.
func (c *clusters) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// catchUp bounds how long it is waited for the feed to show what a cluster's orchestrator has done.
const catchUp = time.Second

// await waits until the feed is as wanted, which it soon will be. wanted is called with the lock
// held.
func (c *clusters) await(ctx context.Context, wanted func() bool) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		c.mu.Lock()
		changed, is := c.changed, wanted()
		c.mu.Unlock()
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
func (c *clusters) show(m *member, w faas.Worker) {
	was, there := c.shown[w.ID]
	if there && was.of != m {
		c.log.Error("two clusters show one worker: are they one?", "worker", w.ID,
			"cluster", was.of.Name, "other", m.Name)
		return
	}
	if w.Node != "" {
		w.Node = m.Name + "/" + w.Node
	}
	c.shown[w.ID] = shown{w, m}
	c.feed.Set(w)
	claimable := func(w faas.Worker) bool { return w.Ready && w.Generic() }
	if claimable(w) && !claimable(was.Worker) {
		c.events.Send(orchestrator.Event{Kind: orchestrator.Ready, Worker: w})
	}
}

// end shows that the worker is gone, if it was shown; the lock is held.
func (c *clusters) end(m *member, workerID, reason string) {
	w, there := c.shown[workerID]
	if !there || w.of != m {
		return
	}
	delete(c.shown, workerID)
	w.Ready = false
	c.feed.End(workerID, reason)
	c.events.Send(orchestrator.Event{Kind: orchestrator.Gone, Worker: w.Worker, Reason: reason})
}

// passOn passes on that a worker ended which stays: one that is started again. All else is seen in
// what the orchestrator shows.
func (c *clusters) passOn(m *member, e orchestrator.Event) {
	stays := func(w faas.Worker) bool { return w.ID == e.Worker.ID }
	if e.Kind != orchestrator.Gone || !slices.ContainsFunc(m.inner.Workers(), stays) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, there := c.shown[e.Worker.ID]; there && w.of == m {
		w.Ready = false
		c.events.Send(orchestrator.Event{Kind: orchestrator.Gone, Worker: w.Worker, Reason: e.Reason})
	}
}

// removeTimeout bounds how long the removal of a worker that nobody waits for may take.
const removeTimeout = 30 * time.Second

func (c *clusters) removeInBackground(m *member, workerID string) {
	c.wait.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, removeTimeout)
		defer cancel()
		if err := m.inner.Remove(ctx, workerID); err != nil && !c.closed() {
			c.log.Warn("a worker could not be removed yet", "cluster", m.Name, "worker", workerID, "error", err)
		}
	})
}

// until returns a context that ends with ctx, with the orchestrator, or when the channel is closed.
func (c *clusters) until(
	ctx context.Context, over <-chan struct{},
) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-over:
		case <-c.ctx.Done():
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

func (c *clusters) closed() bool { return c.ctx.Err() != nil }

func errClosed() error { return faas.Errorf(faas.Unavailable, "The service is stopping.") }
