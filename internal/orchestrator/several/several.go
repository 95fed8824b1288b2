// Package several makes one orchestrator of several, each of which has a cluster of its own. A
// pool's workers are divided between the clusters that its runtime may be in. A cluster that is
// lost is left within seconds: its workers are gone, and the others' are there for the calls.
// When it answers again, so are those of its workers that do.
//
// It keeps no record: which worker is where, its orchestrators show, and pools are divided anew
// each time they are set. Rearranged says when they have to be.
package several

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Member is the orchestrator of one cluster.
type Member interface {
	orchestrator.Orchestrator
	// Answers asks the cluster itself for a sign of life; an error says that there was none.
	Answers(ctx context.Context) error
}

// Cluster is one of the clusters.
type Cluster struct {
	Name     string
	Labels   map[string]string // what placements ask for
	Weight   int               // its part of each pool, in relation to the others'. 0: no new worker is made in it
	Reserved bool              // only pools whose placement asks for one of its labels are in it
	// Open connects to it. It is called again, later, after an error.
	Open func(ctx context.Context) (Member, error)
}

// Config configures the orchestrator. Clusters, Token and Probe are required; each other field says
// what its zero value means.
type Config struct {
	Clusters []Cluster
	Token    func(workerID string) string
	// Probe asks a worker for a sign of life over a new connection.
	Probe func(ctx context.Context, w faas.Worker) error

	Every    time.Duration // between two looks at a cluster. 0: 1 s
	Patience time.Duration // how long a cluster or worker may take to answer. 0: 2 s
	Grace    time.Duration // how long a start, and a pool that is set, wait for clusters that are slower than one. 0: 10 s
	Room     time.Duration // how long a worker may wait for room in one cluster while there are others. 0: 20 s
	Retry    time.Duration // after which a cluster that had no room, or could not be opened, is tried again. 0: 1 min
	Log      *slog.Logger  // nil: slog.Default
}

// Orchestrator implements orchestrator.Orchestrator and Images. It is safe for concurrent use.
type Orchestrator struct {
	*clusters
	*pools
	*claims
	*imageCalls
}

var (
	_ orchestrator.Orchestrator = (*Orchestrator)(nil)
	_ orchestrator.Images       = (*Orchestrator)(nil)
	_ orchestrator.Rearranger   = (*Orchestrator)(nil)
	_ orchestrator.NodeSeeker   = (*Orchestrator)(nil)
	_ orchestrator.Extender     = (*Orchestrator)(nil)
)

// New opens the clusters, and returns when it has all of them, or has had one for Config.Grace:
// the others follow when they can be opened. While there is none it tries until ctx ends, unless
// all refuse.
func New(ctx context.Context, cfg Config) (*Orchestrator, error) {
	cfg.Every, cfg.Patience = cmp.Or(cfg.Every, time.Second), cmp.Or(cfg.Patience, 2*time.Second)
	cfg.Grace, cfg.Room = cmp.Or(cfg.Grace, 10*time.Second), cmp.Or(cfg.Room, 20*time.Second)
	cfg.Retry, cfg.Log = cmp.Or(cfg.Retry, time.Minute), cmp.Or(cfg.Log, slog.Default())
	all := newClusters(cfg)
	divided := &room{clusters: all, limits: map[limited]limit{}}
	o := &Orchestrator{
		clusters: all, pools: &pools{room: divided}, claims: &claims{all},
		imageCalls: &imageCalls{clusters: all, running: map[string]*member{}},
	}
	if err := (&health{all}).openAll(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	all.wait.Go(divided.watchRoom)
	return o, nil
}

// Workers returns a copy of every worker known now.
func (o *Orchestrator) Workers() []faas.Worker { return o.feed.Workers() }

// Watch delivers the workers, then their changes, until ctx or the orchestrator ends.
func (o *Orchestrator) Watch(ctx context.Context) <-chan []orchestrator.Change {
	return o.feed.Watch(ctx)
}

// Events delivers what changes with workers from now until ctx or the orchestrator ends.
func (o *Orchestrator) Events(ctx context.Context) <-chan orchestrator.Event {
	return o.events.Subscribe(ctx)
}

// Rearranged says that pools have to be set again: a cluster was lost or has come back, or has no
// room.
func (o *Orchestrator) Rearranged() <-chan struct{} { return o.rearranged }

// Token returns the secret that the worker's agent demands.
func (o *Orchestrator) Token(workerID string) string { return o.cfg.Token(workerID) }

// Describe says of each limit how it is enforced, cluster by cluster.
func (o *Orchestrator) Describe() []string {
	var lines []string
	for _, m := range o.membersNow() {
		if m.inner == nil {
			lines = append(lines, m.Name+": cannot be reached yet")
			continue
		}
		for _, line := range m.inner.Describe() {
			lines = append(lines, m.Name+": "+line)
		}
	}
	return lines
}

// Close releases everything, and ends the workers that cannot outlive this process.
func (o *Orchestrator) Close() error {
	o.stop()
	o.wait.Wait()
	var all sync.WaitGroup
	members := o.membersNow()
	failures := make([]error, len(members))
	for i, m := range members {
		if m.inner == nil {
			continue
		}
		all.Go(func() {
			if err := m.inner.Close(); err != nil {
				failures[i] = fmt.Errorf("cluster %s: %w", m.Name, err)
			}
		})
	}
	all.Wait()
	o.watching.Wait() // to the end: of workers that ended with their orchestrator the feed shows that
	o.events.Close()
	o.feed.Close()
	return errors.Join(failures...)
}
