package kubernetes

import (
	"strconv"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// state is what is known of the cluster: what the informers told last. Whoever waits for a change of it takes changes() before
// looking.
type state struct {
	mu      sync.Mutex
	workers map[string]*worker            // by pod name
	pools   map[string]*appsv1.Deployment // by runtime id
	policy  *netv1.NetworkPolicy          // nil: there is none
	words   map[string]string             // by runtime id: why its last generic worker ended that was lost before another came up
	changed chan struct{}                 // closed, and replaced, with every change
	events  orchestrator.Fanout
	feed    orchestrator.Feed // of the workers that are not gone; it is changed under mu
}

// worker is a pod as it was told last. The pod is the informer's: it is never changed.
type worker struct {
	faas.Worker
	pod      *corev1.Pod
	health   health
	restarts int    // when it was told of as ready last
	gone     bool   // its end was told of; the pod may still be there
	removed  string // why this process deletes it, "" if it does not
}

func newState() *state {
	return &state{
		workers: map[string]*worker{}, pools: map[string]*appsv1.Deployment{}, words: map[string]string{},
		changed: make(chan struct{}),
	}
}

// changes gives a channel that is closed with the next change.
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

// find gives a copy of what is known of a worker that is not gone.
func (s *state) find(workerID string) (worker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[workerID]
	if w == nil || w.gone {
		return worker{}, false
	}
	return *w, true
}

// observe takes in what is told of a pod, by an informer or in answer to a request. must says that it is lost and must be deleted,
// and reason why.
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
	wasReady := w.health == ready && w.pod != nil
	restarts, _ := restartsOf(pod)
	w.Worker, w.pod, w.health = view, pod, health
	switch {
	case w.gone:
	case health == leaving || health == lost:
		s.end(w, reason)
		if health == lost && view.Generic() {
			s.words[view.RuntimeID] = reason
		}
	case wasReady && (health != ready || restarts != w.restarts) && view.Generic():
		s.tell(orchestrator.Gone, w, ending(pod)) // and it may come back
		wasReady = false
	}
	if !w.gone {
		s.feed.Set(w.Worker)
	}
	if health == ready && !w.gone {
		w.restarts = restarts
		if !wasReady && view.Generic() {
			delete(s.words, view.RuntimeID)
			s.tell(orchestrator.Ready, w, "")
		}
	}
	return health == lost, reason
}

// forget takes in that a pod is there no more.
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

// older tells whether what is told of an object is less new than what is known of it: the answer to a request may overtake an
// informer. Versions count up, or nothing can be said of them.
func older(told, known metav1.Object) bool {
	a, errA := strconv.ParseUint(told.GetResourceVersion(), 10, 64)
	b, errB := strconv.ParseUint(known.GetResourceVersion(), 10, 64)
	return errA == nil && errB == nil && a < b
}

// deleted takes in that the API server has deleted the pod. The informer will say so too, later.
func (s *state) deleted(workerID string, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[workerID]; w != nil && w.pod.UID == uid {
		s.end(w, w.removed)
		s.announce()
	}
}

// end tells, once, that the worker is gone; the lock is held.
func (s *state) end(w *worker, reason string) {
	if w.gone {
		return
	}
	w.gone, w.Ready = true, false
	if w.removed != "" {
		reason = w.removed
	}
	s.feed.End(w.ID, reason)
	s.tell(orchestrator.Gone, w, reason)
}

func (s *state) tell(kind orchestrator.EventKind, w *worker, reason string) {
	view := w.Worker
	view.Ready = kind == orchestrator.Ready
	s.events.Send(orchestrator.Event{Kind: kind, Worker: view, Reason: reason})
}

// observePool takes in what is told of a Deployment.
func (s *state) observePool(d *appsv1.Deployment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[d.Labels[labelRuntime]]; known == nil || !older(d, known) {
		s.pools[d.Labels[labelRuntime]] = d
	}
	s.announce()
}

// forgetPool takes in that a Deployment is there no more.
func (s *state) forgetPool(d *appsv1.Deployment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[d.Labels[labelRuntime]]; known != nil && known.UID == d.UID {
		delete(s.pools, d.Labels[labelRuntime])
	}
	s.announce()
}

// observePolicy takes in what an informer tells of the NetworkPolicy; nil says that it is there no more.
func (s *state) observePolicy(policy *netv1.NetworkPolicy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = policy
}

func (s *state) knownPolicy() *netv1.NetworkPolicy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy
}

// pool gives the runtime's Deployment, or nil, its generic workers that are not gone, and why the last one was lost.
func (s *state) pool(runtimeID string) (d *appsv1.Deployment, generic []worker, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		if w.RuntimeID == runtimeID && w.Generic() && !w.gone {
			generic = append(generic, *w)
		}
	}
	return s.pools[runtimeID], generic, s.words[runtimeID]
}
