package kubernetes

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// state is the last known state of the cluster, from informers and from the answers to our own
// requests. Whoever waits for a change takes the channel of changes() before looking, so that no
// change is missed in between.
type state struct {
	mu      sync.Mutex
	workers map[string]*worker            // by pod name
	pools   map[string]*appsv1.Deployment // by runtime id
	faults  map[string]string             // by runtime id: why a generic worker was lost, if none came up since
	changed chan struct{}                 // closed, and replaced, with every change
	events  orchestrator.Fanout
	feed    orchestrator.Feed // of the workers that are not gone; it is changed under mu
	// gateways are the ways in to workers, of which none may be known yet. nil: workers are reached
	// directly.
	gateways []string
}

// worker is the last known state of a pod. The pod is shared with the informer and must not be
// changed.
type worker struct {
	faas.Worker
	pod        *corev1.Pod
	health     health
	restarts   int       // when it was last shown as ready
	introduced string    // as annotationIntroduced, by this process: Kubernetes may not have recorded it yet
	since      time.Time // since when this process has seen it start; zero while it does not
	gone       bool      // it is not shown any more; the pod may still exist
	removed    string    // why this process deletes it, "" if it does not
}

func newState() *state {
	return &state{
		workers: map[string]*worker{}, pools: map[string]*appsv1.Deployment{}, faults: map[string]string{},
		changed: make(chan struct{}),
	}
}

// changes returns a channel that is closed with the next change.
func (s *state) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// announce wakes all who wait; the lock is held.
func (s *state) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// find returns a copy of what is known of a worker that is not gone.
func (s *state) find(workerID string) (worker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[workerID]
	if w == nil || w.gone {
		return worker{}, false
	}
	return *w, true
}

// lastKnown returns the last known state of a worker, gone or not.
func (s *state) lastKnown(workerID string, uid types.UID) (worker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[workerID]
	if w == nil || w.pod.UID != uid {
		return worker{}, false
	}
	return *w, true
}

// observe records the state of a pod, from an informer or from the answer to a request, and shows
// the change to others. must reports that the worker is lost and must be deleted; reason says why.
//
// The two sources may arrive in any order, so an older version of the pod is ignored. A worker that
// has ended stays in s.workers, marked gone, until its pod is deleted: a later version of the pod
// must not bring it back.
func (s *state) observe(pod *corev1.Pod) (must bool, reason string) {
	health, reason := examine(pod)
	view, err := workerOf(pod, health)
	if err != nil { // somebody has put labels on it that are not ours
		health, reason = lost, "its labels do not say whose it is: "+err.Error()
		view = faas.Worker{ID: pod.Name, RuntimeID: pod.Labels[labelRuntime]}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.announce()
	view.Address = s.reached(view.Address, view.ID)
	w := s.workers[pod.Name]
	if w != nil && older(pod, w.pod) {
		return false, ""
	}
	if w == nil || w.pod.UID != pod.UID {
		if w != nil {
			s.end(w, "it was replaced by another of its name")
		}
		w = &worker{}
		s.workers[pod.Name] = w
	}
	wasReady := w.Ready
	restarts, _ := restartsOf(pod)
	if view.Unintroduced && w.introduced == strconv.Itoa(restarts) {
		view.Unintroduced, view.Ready = false, true
	}
	w.Worker, w.pod, w.health = view, pod, health
	switch {
	case health != starting:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = time.Now()
	}
	switch {
	case w.gone:
	case health == leaving || health == lost:
		s.end(w, reason)
		if health == lost && view.Generic() {
			s.faults[view.RuntimeID] = reason
		}
	case wasReady && (!view.Ready || restarts != w.restarts) && view.Generic():
		s.send(orchestrator.Gone, w, ending(pod)) // and it may come back
		wasReady = false
	}
	if !w.gone {
		s.feed.Set(w.Worker)
	}
	if view.Ready && !w.gone {
		w.restarts = restarts
		if !wasReady && view.Generic() {
			delete(s.faults, view.RuntimeID)
			s.send(orchestrator.Ready, w, "")
		}
	}
	return health == lost, reason
}

// forget records that a pod does not exist any more.
func (s *state) forget(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[pod.Name]
	if w == nil || w.pod.UID != pod.UID {
		return
	}
	s.end(w, "it was deleted from Kubernetes")
	delete(s.workers, pod.Name)
	s.announce()
}

// older reports whether the version of an object that was seen is older than the known one: the
// answer to a request may overtake an informer. Versions that are not numbers cannot be compared.
func older(seen, known metav1.Object) bool {
	a, errA := strconv.ParseUint(seen.GetResourceVersion(), 10, 64)
	b, errB := strconv.ParseUint(known.GetResourceVersion(), 10, 64)
	return errA == nil && errB == nil && a < b
}

// because records why the pod is deleted, for the report of its end.
func (s *state) because(workerID string, uid types.UID, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[workerID]; w != nil && w.pod.UID == uid {
		w.removed = reason
	}
}

// deleted records that the API server has deleted the pod. The informer reports that too, later.
func (s *state) deleted(workerID string, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[workerID]; w != nil && w.pod.UID == uid {
		s.end(w, w.removed)
		s.announce()
	}
}

// end shows, once, that the worker is gone; the lock is held.
func (s *state) end(w *worker, reason string) {
	if w.gone {
		return
	}
	w.gone, w.Ready = true, false
	if w.removed != "" {
		reason = w.removed
	}
	s.feed.End(w.ID, reason)
	s.send(orchestrator.Gone, w, reason)
}

func (s *state) send(kind orchestrator.EventKind, w *worker, reason string) {
	view := w.Worker
	view.Ready = kind == orchestrator.Ready
	s.events.Send(orchestrator.Event{Kind: kind, Worker: view, Reason: reason})
}

// observePool records the state of a Deployment.
func (s *state) observePool(d *appsv1.Deployment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[d.Labels[labelRuntime]]; known == nil || !older(d, known) {
		s.pools[d.Labels[labelRuntime]] = d
	}
	s.announce()
}

// forgetPool records that a Deployment does not exist any more.
func (s *state) forgetPool(d *appsv1.Deployment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[d.Labels[labelRuntime]]; known != nil && known.UID == d.UID {
		delete(s.pools, d.Labels[labelRuntime])
	}
	s.announce()
}

// pool returns the runtime's Deployment, or nil, its generic workers that are not gone, and why the
// last one was lost.
func (s *state) pool(runtimeID string) (d *appsv1.Deployment, generic []worker, fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		if w.RuntimeID == runtimeID && w.Generic() && !w.gone {
			generic = append(generic, *w)
		}
	}
	return s.pools[runtimeID], generic, s.faults[runtimeID]
}

// workersThat returns copies of the workers that are not gone and for which is holds.
func (s *state) workersThat(is func(*worker) bool) (found []worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		if !w.gone && is(w) {
			found = append(found, *w)
		}
	}
	return found
}

// eachPod shows the pods of the workers that are not gone.
func (s *state) eachPod(show func(*corev1.Pod)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		if !w.gone {
			show(w.pod)
		}
	}
}

// await waits until the worker is as wanted; an error of kind faas.NotFound says that it is gone.
func (s *state) await(ctx context.Context, workerID string, wanted func(worker) bool) error {
	for {
		changed := s.changes()
		w, there := s.find(workerID)
		switch {
		case !there:
			return notThere(workerID)
		case wanted(w):
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "Worker %s is not as it was set yet.", workerID).WithCause(context.Cause(ctx))
		}
	}
}

// reached returns the address of a worker's agent as callers reach it; direct is the pod's own, ""
// while it has none. The lock is held.
func (s *state) reached(direct, workerID string) string {
	if direct == "" || s.gateways == nil {
		return direct
	}
	return tunnel.Target{Gateways: s.gateways, WorkerID: workerID}.Address()
}

// setGateways has the workers reached through other gateways from now on, and reports whether those
// are others than before.
func (s *state) setGateways(addresses []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(addresses, s.gateways) {
		return false
	}
	s.gateways = addresses
	for _, w := range s.workers {
		if w.gone {
			continue
		}
		w.Address = s.reached(w.Address, w.ID)
		s.feed.Set(w.Worker)
	}
	s.announce()
	return true
}
