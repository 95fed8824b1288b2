package kubernetes

import (
	"time"
)

// sweepEvery is the interval between two sweeps for what has been left behind or is stuck.
const sweepEvery = 20 * time.Second

// stuckTimes is how many times Config.Progress a generic worker may take to become ready. One in a
// full cluster waits that long for nothing; those that replace it wait on.
const stuckTimes = 2

// sweeper ends the pods that nobody else would.
type sweeper struct {
	*cluster
	state    *state
	calls    *callPods
	removals *removals
	nodes    *nodeSeeker
}

// sweepPods deletes the pods that nobody else would, and says which wait for a node.
func (s *sweeper) sweepPods(now time.Time) {
	s.nodes.tellOfNodeless(now)
	for _, pod := range s.calls.abandoned(now) {
		s.log.Warn("the pod of a call was left behind", "pod", pod.Name, "function_id", pod.Labels[labelFunction])
		s.removals.remove(pod.Name, pod.UID, "its engine is gone")
	}
	for _, w := range s.stuckServers(now) {
		s.log.Warn("a function's server did not come up, and nobody waits for it",
			"worker", w.ID, "function_id", w.Key.FunctionID)
		s.removals.remove(w.ID, w.pod.UID, "it did not come up in time")
	}
	for _, w := range s.stuckGeneric(now) {
		s.log.Warn("a generic worker did not become ready and is replaced",
			"worker", w.ID, "runtime_id", w.RuntimeID, "reason", ending(w.pod))
		s.removals.remove(w.ID, w.pod.UID, "it did not become ready in time")
	}
}

// stuckServers returns the workers that should have come up long ago.
func (s *sweeper) stuckServers(now time.Time) []worker {
	return s.state.workersThat(func(w *worker) bool {
		return isServer(w.pod) && w.health == starting && now.Sub(w.StartedAt) > s.cfg.Progress+endGrace
	})
}

// stuckGeneric returns the generic workers that should have become ready long ago. Kubernetes
// leaves them as they are, and their ReplicaSet makes no others while it has them.
func (s *sweeper) stuckGeneric(now time.Time) []worker {
	return s.state.workersThat(func(w *worker) bool {
		return w.Generic() && !isServer(w.pod) && !w.since.IsZero() && now.Sub(w.since) > stuckTimes*s.cfg.Progress
	})
}
