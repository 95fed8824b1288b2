package kubernetes

import (
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// health is what a pod is good for.
type health int

const (
	starting health = iota // not ready; the kubelet sees to it
	ready
	leaving // somebody is deleting it
	lost    // it will never serve again and must be deleted
)

const (
	// provenAfter is how long a generic worker's container must have run for its end not to count as a failed start, which
	// the kubelet tries again after a growing pause.
	provenAfter = 10 * time.Second
	// maxRestarts is how often a generic worker may start in vain before it is replaced by another: something of its own may
	// stand in its way, the mark of a specialisation that nobody was told of, say.
	maxRestarts = 5
)

// examine tells what the pod is good for and, unless it is ready, why not.
func examine(pod *corev1.Pod) (health, string) {
	switch {
	case pod.DeletionTimestamp != nil:
		return leaving, "it was deleted from Kubernetes"
	case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		return lost, ending(pod)
	}
	restarts, ended := restartsOf(pod)
	_, claimed := pod.Labels[labelFunction]
	switch {
	case claimed && (ended != nil || restarts > claimedRestarts(pod)):
		return lost, ending(pod)
	case !claimed && ended != nil && ended.FinishedAt.Sub(ended.StartedAt.Time) >= provenAfter && !isReady(pod):
		return lost, ending(pod)
	case !claimed && restarts >= maxRestarts && !isReady(pod):
		return lost, ending(pod)
	case isReady(pod) && pod.Status.PodIP != "":
		return ready, ""
	default:
		return starting, ending(pod)
	}
}

// isReady goes by what the kubelet says of the containers. The condition Ready is the control plane's word, too: it takes that back of every pod of a node
// that it has not heard of for a while, and when it could not hear itself, of all pods that there are, for up to a minute after. A worker on a node that is
// dead indeed does not answer when it is to be claimed, and is deleted then.
func isReady(pod *corev1.Pod) bool {
	said := map[corev1.PodConditionType]bool{}
	for _, condition := range pod.Status.Conditions {
		said[condition.Type] = condition.Status == corev1.ConditionTrue
	}
	if ready, known := said[corev1.ContainersReady]; known {
		return ready
	}
	return said[corev1.PodReady]
}

// restartsOf counts the restarts of all containers. ended is how one came to its end that does not run now.
func restartsOf(pod *corev1.Pod) (restarts int, ended *corev1.ContainerStateTerminated) {
	for _, c := range pod.Status.ContainerStatuses {
		restarts += int(c.RestartCount)
		switch {
		case c.State.Terminated != nil:
			ended = c.State.Terminated
		case c.State.Running == nil && c.LastTerminationState.Terminated != nil:
			ended = c.LastTerminationState.Terminated
		}
	}
	return restarts, ended
}

// claimedRestarts is how often the containers had restarted when the worker was claimed.
func claimedRestarts(pod *corev1.Pod) int {
	restarts, err := strconv.Atoi(pod.Annotations[noteRestarts])
	if err != nil {
		return 0
	}
	return restarts
}

// ending tells how the pod, or the container of it that ended last, came to its end.
func ending(pod *corev1.Pod) string {
	if pod.Status.Reason != "" { // Evicted, say
		return clip(pod.Status.Reason+": "+pod.Status.Message, maxReason)
	}
	var last *corev1.ContainerStateTerminated
	of := ""
	for _, c := range pod.Status.ContainerStatuses {
		for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if ended != nil && (last == nil || ended.FinishedAt.After(last.FinishedAt.Time)) {
				last, of = ended, c.Name
			}
		}
	}
	if last == nil {
		return "it is not ready"
	}
	return "its " + of + " ended: " + terminated(last)
}

// terminated tells how a container ended, and what it said last.
func terminated(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("status %d", t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" && t.Reason != "Completed" {
		text += " (" + t.Reason + ")"
	}
	if said := clipFront(t.Message, maxReason); said != "" {
		text += "; it said: " + said
	}
	return text
}

// workerOf gives the pod as a worker.
func workerOf(pod *corev1.Pod, health health) (faas.Worker, error) {
	key, err := keyOf(pod)
	if err != nil {
		return faas.Worker{}, err
	}
	w := faas.Worker{
		ID: pod.Name, RuntimeID: pod.Labels[labelRuntime], Slots: faas.DefaultConcurrency, Ready: health == ready,
		Key: key, ProjectID: pod.Labels[labelProject], StartedAt: pod.CreationTimestamp.Time,
	}
	if slots, err := strconv.Atoi(pod.Annotations[noteSlots]); err == nil {
		w.Slots = slots
	}
	if pod.Status.PodIP != "" {
		w.Address = "tcp:" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(podlayout.Port))
	}
	return w, nil
}
