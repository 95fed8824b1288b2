package simulate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// cluster is a simulated Kubernetes: nodes with room for so many workers each, on which one that
// starts takes its time, more where others start beside it.
type cluster struct {
	nodes, perNode int
	feed           orchestrator.Feed

	mu       sync.Mutex
	random   *rand.Rand
	workers  map[string]*pod
	pools    map[string]int           // sizes
	pooled   map[string]map[*pod]bool // those that count towards the sizes
	pending  []*pod                   // for room on a node
	on       []int                    // workers of each node
	starting []int                    // of them
	serial   int
	closed   bool
	timers   map[*pod]*time.Timer
	used     use
}

// use is what workers cost.
type use struct {
	since            time.Time
	generic, claimed int           // workers now, from the start of their pods on
	genericTime      time.Duration // that they have been there, together
	claimedTime      time.Duration
	started          int
	most             int // claimed at a time
}

type pod struct {
	faas.Worker
	agent *agent
	extra bool // beside its pool's size
	node  int  // -1: none yet
	gone  bool
}

var (
	_ orchestrator.Orchestrator = (*cluster)(nil)
	_ orchestrator.Extender     = (*cluster)(nil)
)

func newCluster(seed uint64, nodes, perNode int) *cluster {
	c := &cluster{
		nodes: nodes, perNode: perNode, random: rand.New(rand.NewPCG(seed, 1)), workers: map[string]*pod{},
		pools: map[string]int{}, pooled: map[string]map[*pod]bool{},
		on: make([]int, nodes), starting: make([]int, nodes),
		timers: map[*pod]*time.Timer{},
	}
	c.used.since = time.Now()
	return c
}

// lognormal draws a time around the median.
func lognormal(r *rand.Rand, median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*r.NormFloat64()))
}

const (
	startMedian = 1500 * time.Millisecond // of a pod on a node that starts no other
	loadMedian  = 50 * time.Millisecond   // of a function's modules
)

// settle adds up what the workers have cost until now. The lock is held.
func (c *cluster) settle() {
	now := time.Now()
	passed := now.Sub(c.used.since)
	c.used.genericTime += passed * time.Duration(c.used.generic)
	c.used.claimedTime += passed * time.Duration(c.used.claimed)
	c.used.since = now
}

// spent returns what the workers have cost so far.
func (c *cluster) spent() use {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	return c.used
}

// start makes a worker. The lock is held.
func (c *cluster) start(runtimeID string, extra bool) *pod {
	c.settle()
	c.serial++
	c.used.started++
	c.used.generic++
	id := "w" + strconv.Itoa(c.serial)
	p := &pod{
		Worker: faas.Worker{
			ID: id, RuntimeID: runtimeID, Address: "sim:" + id, Slots: faas.DefaultConcurrency, StartedAt: time.Now(),
		},
		agent: &agent{
			cluster: c, slots: faas.DefaultConcurrency, state: faas.WorkerStarting, idle: time.Now(),
			loaded: lognormal(c.random, loadMedian, 0.6),
		},
		extra: extra, node: -1,
	}
	c.workers[id] = p
	if !extra {
		if c.pooled[runtimeID] == nil {
			c.pooled[runtimeID] = map[*pod]bool{}
		}
		c.pooled[runtimeID][p] = true
	}
	c.feed.Set(p.Worker)
	c.place(p)
	return p
}

// place starts a worker on the node with the most room, or has it wait for one. The lock is held.
func (c *cluster) place(p *pod) {
	best := 0
	for n := range c.nodes {
		if c.on[n]+2*c.starting[n] < c.on[best]+2*c.starting[best] {
			best = n
		}
	}
	if c.on[best] >= c.perNode {
		c.pending = append(c.pending, p)
		return
	}
	p.node = best
	p.Node = "node" + strconv.Itoa(best)
	c.on[best]++
	c.starting[best]++
	takes := lognormal(c.random, startMedian, 0.35) * time.Duration(c.starting[best])
	c.timers[p] = time.AfterFunc(takes, func() { c.started(p) })
}

func (c *cluster) started(p *pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.timers, p)
	c.starting[p.node]--
	if p.gone {
		return
	}
	p.agent.mu.Lock()
	p.agent.state, p.agent.idle = faas.WorkerGeneric, time.Now()
	p.agent.mu.Unlock()
	p.Ready = true
	c.feed.Set(p.Worker)
}

// fill brings a pool to its size. The lock is held.
func (c *cluster) fill(runtimeID string) {
	for len(c.pooled[runtimeID]) < c.pools[runtimeID] {
		c.start(runtimeID, false)
	}
	for p := range c.pooled[runtimeID] {
		if len(c.pooled[runtimeID]) <= c.pools[runtimeID] {
			return
		}
		c.end(p, "the pool is smaller")
	}
}

// end removes a worker. The lock is held.
func (c *cluster) end(p *pod, why string) {
	if p.gone {
		return
	}
	c.settle()
	p.gone = true
	delete(c.workers, p.ID)
	delete(c.pooled[p.RuntimeID], p)
	if p.Generic() {
		c.used.generic--
	} else {
		c.used.claimed--
	}
	p.agent.mu.Lock()
	p.agent.state = faas.WorkerDraining
	p.agent.mu.Unlock()
	c.feed.End(p.ID, why)
	if p.node >= 0 {
		c.on[p.node]--
		for len(c.pending) > 0 && !c.closed {
			next := c.pending[0]
			c.pending = c.pending[1:]
			if !next.gone {
				c.place(next)
				break
			}
		}
	}
}

// SetPool implements orchestrator.Orchestrator. It does not wait: the simulation begins later.
func (c *cluster) SetPool(_ context.Context, pool orchestrator.Pool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pools[pool.RuntimeID] = pool.Size
	c.fill(pool.RuntimeID)
	return nil
}

// DeletePool implements orchestrator.Orchestrator.
func (c *cluster) DeletePool(_ context.Context, runtimeID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pools[runtimeID] = 0
	c.fill(runtimeID)
	return nil
}

// Extend implements orchestrator.Extender.
func (c *cluster) Extend(_ context.Context, pool orchestrator.Pool, n int) (ids []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		ids = append(ids, c.start(pool.RuntimeID, true).ID)
	}
	return ids, nil
}

// Reduce implements orchestrator.Extender.
func (c *cluster) Reduce(_ context.Context, runtimeID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.workers {
		if p.RuntimeID == runtimeID && p.extra && p.Generic() {
			c.end(p, "nobody waits for it")
		}
	}
	return nil
}

// Workers implements orchestrator.Orchestrator.
func (c *cluster) Workers() []faas.Worker { return c.feed.Workers() }

// Watch implements orchestrator.Orchestrator.
func (c *cluster) Watch(ctx context.Context) <-chan []orchestrator.Change { return c.feed.Watch(ctx) }

// Events implements orchestrator.Orchestrator.
func (c *cluster) Events(ctx context.Context) <-chan orchestrator.Event {
	events := make(chan orchestrator.Event)
	context.AfterFunc(ctx, func() { close(events) })
	return events
}

// Prepare implements orchestrator.Orchestrator.
func (c *cluster) Prepare(_ context.Context, workerID string, _ faas.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.workers[workerID] == nil {
		return faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
	}
	return nil
}

// Claimed implements orchestrator.Orchestrator.
func (c *cluster) Claimed(_ context.Context, workerID string, claim orchestrator.Claim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.workers[workerID]
	if p == nil || !p.Generic() {
		return nil
	}
	c.settle()
	delete(c.pooled[p.RuntimeID], p)
	c.used.generic--
	c.used.claimed++
	c.used.most = max(c.used.most, c.used.claimed)
	p.Key, p.ProjectID = claim.Target.Key, claim.Target.ProjectID
	c.feed.Set(p.Worker)
	c.fill(p.RuntimeID)
	return nil
}

// Remove implements orchestrator.Orchestrator.
func (c *cluster) Remove(_ context.Context, workerID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.workers[workerID]; p != nil {
		c.end(p, "removed")
		c.fill(p.RuntimeID)
	}
	return nil
}

// Token implements orchestrator.Orchestrator.
func (c *cluster) Token(string) string { return "token" }

// Describe implements orchestrator.Orchestrator.
func (c *cluster) Describe() []string { return nil }

// Close implements orchestrator.Orchestrator.
func (c *cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, t := range c.timers {
		t.Stop()
	}
	c.feed.Close()
	return nil
}

// dial connects to a worker's agent.
func (c *cluster) dial(_ context.Context, address string) (net.Conn, error) {
	c.mu.Lock()
	p := c.workers[strings.TrimPrefix(address, "sim:")]
	c.mu.Unlock()
	if p == nil {
		return nil, errors.New("nobody listens at " + address)
	}
	here, there := net.Pipe()
	go p.agent.serve(there)
	return here, nil
}
