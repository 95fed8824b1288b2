package kubernetes

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// callPods are the pods of calls, which are no workers, and who waits for them. Its zero value is ready.
type callPods struct {
	mu        sync.Mutex
	known     map[string]*corev1.Pod   // by name
	followers map[string]chan callNews // by name; each of one place, for the newest
}

// callNews is what is known of a call's pod now.
type callNews struct {
	pod  *corev1.Pod
	gone bool // it is there no more
}

// follow gives the news of a pod from now on.
func (c *callPods) follow(name string) (news <-chan callNews, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.followers == nil {
		c.followers = map[string]chan callNews{}
	}
	follower := make(chan callNews, 1)
	c.followers[name] = follower
	return follower, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.followers, name)
	}
}

// tell takes in what an informer tells of a call's pod.
func (c *callPods) tell(pod *corev1.Pod, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[string]*corev1.Pod{}
	}
	if gone {
		delete(c.known, pod.Name)
	} else {
		c.known[pod.Name] = pod
	}
	follower := c.followers[pod.Name]
	if follower == nil {
		return
	}
	select {
	case <-follower: // nobody has read what is older
	default:
	}
	follower <- callNews{pod, gone}
}

// abandoned gives the pods that nobody here waits for and that have outlived anybody elsewhere who might.
func (c *callPods) abandoned(now time.Time) (pods []*corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, pod := range c.known {
		if c.followers[name] == nil && pod.DeletionTimestamp == nil && now.After(expiry(pod)) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// endGrace is how long a pod stays after its end for those who still read its log. It is also how
// long the name of a pod whose creation was doubtful stays taken: see retire.
const endGrace = 2 * time.Minute

// expiry is when a call's pod is nobody's any more.
func expiry(pod *corev1.Pod) time.Time {
	for _, container := range pod.Status.ContainerStatuses {
		if ended := container.State.Terminated; ended != nil && !ended.FinishedAt.IsZero() {
			return ended.FinishedAt.Add(endGrace)
		}
	}
	life := time.Duration(0)
	if seconds := pod.Spec.ActiveDeadlineSeconds; seconds != nil {
		life = time.Duration(*seconds) * time.Second
	}
	return pod.CreationTimestamp.Add(life + endGrace)
}

// podTold takes in what an informer tells of a pod.
func (o *Orchestrator) podTold(pod *corev1.Pod) {
	if isCall(pod) {
		o.calls.tell(pod, false)
		return
	}
	o.podChanged(pod)
}

// podForgotten takes in that a pod is there no more.
func (o *Orchestrator) podForgotten(pod *corev1.Pod) {
	if isCall(pod) {
		o.calls.tell(pod, true)
		return
	}
	o.forget(pod)
}

// sweepEvery is the time between two looks for what dead engines have left behind.
const sweepEvery = 20 * time.Second

// sweepImages deletes the pods of image functions whose engine died before it could.
func (o *Orchestrator) sweepImages() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-o.ctx.Done():
			return
		case now := <-tick.C:
			o.sweepImagesOnce(now)
		}
	}
}

func (o *Orchestrator) sweepImagesOnce(now time.Time) {
	for _, pod := range o.calls.abandoned(now) {
		o.log.Warn("the pod of a call was left behind", "pod", pod.Name, "function_id", pod.Labels[labelFunction])
		o.remove(pod.Name, pod.UID, "its engine is gone")
	}
	for _, w := range o.stuckServers(now) {
		o.log.Warn("a function's server did not come up, and nobody waits for it", "worker", w.ID, "function_id", w.Key.FunctionID)
		o.remove(w.ID, w.pod.UID, "it did not come up in time")
	}
}

// stuckServers gives the workers that should have come up long ago.
func (o *Orchestrator) stuckServers(now time.Time) (stuck []worker) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.workers {
		if isServer(w.pod) && w.health == starting && !w.gone && now.Sub(w.StartedAt) > o.cfg.Progress+endGrace {
			stuck = append(stuck, *w)
		}
	}
	return stuck
}
