package introduction

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	// parallel is how many workers are introduced at a time, and perRuntime those of one runtime:
	// an image whose agents do not answer delays no other's workers.
	parallel, perRuntime = 16, 4
	// retriesPerLook is how many that have failed are tried again in each look, so that many do not
	// take Kubernetes' time from the others.
	retriesPerLook = 2
	// firstPause is that after a first failure; it doubles up to lastPause. A new pod may not be
	// reachable yet when it is ready.
	firstPause, lastPause = 250 * time.Millisecond, time.Minute
	// hopelessAfter is how many failures that are a worker's own have its owner replace it, after two
	// to three minutes.
	hopelessAfter = 10
	// ownerWait and ownerSpread are how long others than its owner leave a worker alone: the
	// former, and a part of the latter that depends on the engine.
	ownerWait, ownerSpread = 3 * time.Second, 5 * time.Second
)

// newWorker is a worker that is to be introduced.
type newWorker struct {
	worker faas.Worker
	since  time.Time // since when it is known to be
	failed int       // attempts
	faults int       // those of them that failed by its own fault
	due    time.Time // for the next attempt, once one has failed
	queued bool
	begun  bool // an attempt is under way
}

// newWorkers are the workers that are to be introduced. It is safe for concurrent use.
type newWorkers struct {
	engine string
	owns   func(runtimeID string) bool

	mu       sync.Mutex
	of       map[string]*newWorker   // by worker
	queue    map[string][]*newWorker // by runtime: those whose turn it is
	underWay map[string]int          // attempts, by runtime
	all      int                     // attempts
}

func workersOf(engine string, owns func(string) bool) *newWorkers {
	return &newWorkers{
		engine: engine, owns: owns, of: map[string]*newWorker{}, queue: map[string][]*newWorker{}, underWay: map[string]int{},
	}
}

// take takes in a change of a worker. One of this engine's runtimes is introduced at once.
func (n *newWorkers) take(c orchestrator.Change, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := c.Worker
	known := n.of[w.ID]
	switch {
	case c.Gone || !w.Generic() || w.TLS == faas.TLSNever:
		delete(n.of, w.ID)
	case w.Unintroduced && known == nil:
		known = &newWorker{worker: w, since: now}
		n.of[w.ID] = known
		if n.owns(w.RuntimeID) {
			n.enqueue(known)
		}
	case w.Unintroduced:
		known.worker = w
	case known != nil && known.failed == 0 && !known.begun:
		delete(n.of, w.ID) // another engine was first
	}
}

// look has those be tried whose time has come. It looks at all of them.
func (n *newWorkers) look(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	retries := 0
	for _, k := range n.of {
		switch {
		case k.queued || k.begun:
		case k.failed == 0:
			if n.owns(k.worker.RuntimeID) || now.Sub(k.since) >= n.othersWait(k.worker.ID) {
				n.enqueue(k)
			}
		case retries < retriesPerLook && !now.Before(k.due):
			retries++
			n.enqueue(k)
		}
	}
}

func (n *newWorkers) enqueue(k *newWorker) {
	k.queued = true
	n.queue[k.worker.RuntimeID] = append(n.queue[k.worker.RuntimeID], k)
}

// othersWait returns how long this engine leaves a worker to its owner.
func (n *newWorkers) othersWait(workerID string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.engine + "\x00" + workerID)) // never fails
	return ownerWait + ownerSpread*time.Duration(h.Sum32()%1024)/1024
}

// next returns the workers to be introduced now. end is to be called after each.
func (n *newWorkers) next() (begun []faas.Worker) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for runtime, queue := range n.queue {
		for len(queue) > 0 && n.all < parallel && n.underWay[runtime] < perRuntime {
			k := queue[0]
			queue = queue[1:]
			k.queued = false
			if n.of[k.worker.ID] != k {
				continue // it is to be introduced no more
			}
			k.begun = true
			n.underWay[runtime]++
			n.all++
			begun = append(begun, k.worker)
		}
		if n.queue[runtime] = queue; len(queue) == 0 {
			delete(n.queue, runtime)
		}
	}
	return begun
}

// end takes down how the introduction of a worker went. It reports whether this engine is to
// replace the worker.
func (n *newWorkers) end(w faas.Worker, err error, now time.Time) (hopeless bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all--
	if n.underWay[w.RuntimeID]--; n.underWay[w.RuntimeID] == 0 {
		delete(n.underWay, w.RuntimeID)
	}
	k := n.of[w.ID]
	if k == nil {
		return false
	}
	k.begun = false
	if err == nil {
		delete(n.of, w.ID)
		return false
	}
	k.due = now.Add(min(firstPause<<min(k.failed, 20), lastPause))
	k.failed++
	if itsOwn(err) {
		k.faults++
	}
	return k.faults >= hopelessAfter && n.owns(w.RuntimeID)
}
