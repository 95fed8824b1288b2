package kubernetes

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// callPods holds the pods of calls, which are no workers, and who waits for them. Its zero value is
// ready.
type callPods struct {
	mu        sync.Mutex
	known     map[string]*corev1.Pod     // by name
	followers map[string]chan callUpdate // by name; each of one place, for the newest
}

// callUpdate is the latest state of a call's pod.
type callUpdate struct {
	pod  *corev1.Pod
	gone bool // it is there no more
}

// follow returns a channel with the latest state of a pod, from now on. The caller must call stop.
func (c *callPods) follow(name string) (updates <-chan callUpdate, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.followers == nil {
		c.followers = map[string]chan callUpdate{}
	}
	follower := make(chan callUpdate, 1)
	c.followers[name] = follower
	return follower, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.followers, name)
	}
}

// observe records what an informer reports of a call's pod.
func (c *callPods) observe(pod *corev1.Pod, gone bool) {
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
	follower <- callUpdate{pod, gone}
}

// abandoned returns the pods that nobody here waits for and that are too old for another engine to
// wait for.
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

// expiry returns when no engine can need a call's pod any more.
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

// each shows the pods of calls.
func (c *callPods) each(show func(*corev1.Pod)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pod := range c.known {
		show(pod)
	}
}
