package kubernetes

import (
	"time"
)

// sweepEvery is the interval between two sweeps for what has been left behind or is stuck.
const sweepEvery = 20 * time.Second

// stuckTimes is how many times Config.Progress a generic worker may take to become ready. One in a
// full cluster waits that long for nothing; those that replace it wait on.
const stuckTimes = 2

// every calls sweep again and again until the orchestrator is closed, after a pause each time.
func (o *Orchestrator) every(pause time.Duration, sweep func(now time.Time)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-o.ctx.Done():
			return
		case now := <-tick.C:
			sweep(now)
		}
	}
}

// sweepPods deletes the pods that nobody else would, and says which wait for a node.
func (o *Orchestrator) sweepPods(now time.Time) {
	o.tellOfNodeless(now)
	for _, pod := range o.calls.abandoned(now) {
		o.log.Warn("the pod of a call was left behind", "pod", pod.Name, "function_id", pod.Labels[labelFunction])
		o.remove(pod.Name, pod.UID, "its engine is gone")
	}
	for _, w := range o.stuckServers(now) {
		o.log.Warn("a function's server did not come up, and nobody waits for it",
			"worker", w.ID, "function_id", w.Key.FunctionID)
		o.remove(w.ID, w.pod.UID, "it did not come up in time")
	}
	for _, w := range o.stuckGeneric(now) {
		o.log.Warn("a generic worker did not become ready and is replaced",
			"worker", w.ID, "runtime_id", w.RuntimeID, "reason", ending(w.pod))
		o.remove(w.ID, w.pod.UID, "it did not become ready in time")
	}
}

// stuckServers returns the workers that should have come up long ago.
func (o *Orchestrator) stuckServers(now time.Time) []worker {
	return o.workersThat(func(w *worker) bool {
		return isServer(w.pod) && w.health == starting && now.Sub(w.StartedAt) > o.cfg.Progress+endGrace
	})
}

// stuckGeneric returns the generic workers that should have become ready long ago. Kubernetes
// leaves them as they are, and their ReplicaSet makes no others while it has them.
func (o *Orchestrator) stuckGeneric(now time.Time) []worker {
	return o.workersThat(func(w *worker) bool {
		return w.Generic() && !isServer(w.pod) && !w.since.IsZero() && now.Sub(w.since) > stuckTimes*o.cfg.Progress
	})
}

// workersThat returns copies of the workers that are not gone and for which is holds.
func (o *Orchestrator) workersThat(is func(*worker) bool) (found []worker) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.workers {
		if !w.gone && is(w) {
			found = append(found, *w)
		}
	}
	return found
}
