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

// health says whether a pod can serve, and if not, what must happen to it.
type health int

const (
	starting health = iota // not ready; the kubelet sees to it
	ready
	leaving // somebody is deleting it
	lost    // it will never serve again and must be deleted
)

const (
	// provenAfter is how long a generic worker's container must have run for its end to be a crash,
	// after which the worker is replaced. An earlier end is a failed start, which the kubelet tries
	// again after a growing pause.
	provenAfter = 10 * time.Second
	// maxRestarts is how often a generic worker's start may fail before another worker replaces it:
	// the cause may be in the pod itself, such as the mark of a specialisation whose caller never
	// learned of it.
	maxRestarts = 5
)

// examine returns the pod's health and, unless it is ready, the reason.
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

// isReady goes by the condition ContainersReady, which only the kubelet sets. The node controller
// also sets the condition Ready: to false on all pods of a node that it has not heard from for 40
// s, and after an outage of the API server on all pods of the cluster, for up to a minute. Workers
// go on serving meanwhile. A worker on a node that is really dead is found by the engine's probe,
// within seconds, and removed.
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

// restartsOf counts the restarts of all containers. ended is how a container ended that does not
// run now; nil if all run.
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

// claimedRestarts returns how often the containers had restarted when the worker was claimed.
func claimedRestarts(pod *corev1.Pod) int {
	restarts, err := strconv.Atoi(pod.Annotations[annotationRestarts])
	if err != nil {
		return 0
	}
	return restarts
}

// ending says how the pod ended, or the container of it that ended last.
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

// terminated says how a container ended, with its last output.
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

// workerOf returns the pod as a worker.
func workerOf(pod *corev1.Pod, health health) (faas.Worker, error) {
	key, err := keyOf(pod)
	if err != nil {
		return faas.Worker{}, err
	}
	w := faas.Worker{
		ID: pod.Name, RuntimeID: pod.Labels[labelRuntime], Slots: faas.DefaultConcurrency,
		Ready: health == ready && isIntroduced(pod), Unintroduced: health == ready && !isIntroduced(pod),
		Key: key, ProjectID: pod.Labels[labelProject], StartedAt: pod.CreationTimestamp.Time, Node: pod.Spec.NodeName,
	}
	if slots, err := strconv.Atoi(pod.Annotations[annotationSlots]); err == nil {
		w.Slots = slots
	}
	switch tls := faas.TLS(pod.Annotations[annotationTLS]); tls {
	case faas.TLSNever, faas.TLSAccepted, faas.TLSRequired:
		w.TLS = tls
	default:
		w.TLS = faas.TLSRequired
	}
	if pod.Status.PodIP != "" {
		w.Address = "tcp:" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(podlayout.Port))
	}
	return w, nil
}
