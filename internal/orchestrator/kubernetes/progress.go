package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// maxReason is how many bytes of Kubernetes' or a container's own text a reason holds.
const maxReason = 600

const (
	// stuckFor is how long a temporary fault of a new worker may last before it counts: of a
	// registry, say, or a volume that does not exist yet.
	stuckFor = 15 * time.Second
	// givenUpAfter is how many starts of a new worker's container must fail for the pool to fail.
	givenUpAfter = 3
)

// errOverdue is the cause of a context that ends because a pool's time is up.
var errOverdue = errors.New("the pool's time is up")

// failedError says that no worker of a pool became ready, and why.
type failedError struct{ reason string }

func (e *failedError) Error() string { return e.reason }

// awaitPool waits until the pool has a ready worker of its template, unless its size is 0, and none
// of another. made is the Deployment as it was set.
func (p *pools) awaitPool(ctx context.Context, pool orchestrator.Pool, made *appsv1.Deployment) error {
	var stuckSince time.Time
	seen := false
	for {
		changed := p.state.changes()
		now, generic, fault := p.state.pool(pool.RuntimeID)
		if now == nil && seen {
			return faas.Errorf(faas.Conflict, "The pool was deleted meanwhile.")
		}
		var again <-chan time.Time
		if now != nil && now.Generation >= made.Generation {
			seen = true
			if err := superseded(pool, now); err != nil {
				return err
			}
			at := progressOf(now, generic)
			switch {
			case at.others == 0 && (at.ready > 0 || pool.Size == 0):
				return nil
			case at.ready > 0 || at.stuck == "":
				stuckSince = time.Time{}
			case at.hopeless:
				return &failedError{at.stuck}
			case stuckSince.IsZero():
				stuckSince = time.Now()
				again = time.After(stuckFor)
			case time.Since(stuckSince) >= stuckFor:
				return &failedError{at.stuck}
			default:
				again = time.After(stuckFor - time.Since(stuckSince))
			}
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return p.overdue(ctx, now, generic, fault)
		}
	}
}

// superseded returns an error when another engine has changed the Deployment meanwhile: it rolled
// the image back, say.
func superseded(pool orchestrator.Pool, now *appsv1.Deployment) error {
	if rejected, there := imageIn(now, annotationRejected); there && rejected.same(imageOf(pool)) {
		return errNoneCameUp(pool, rejected.Reason)
	}
	for _, c := range now.Spec.Template.Spec.Containers {
		if c.Name == runtimeContainer && c.Image != pool.Image {
			return faas.Errorf(faas.Conflict, "The pool was changed to image %s meanwhile.", c.Image)
		}
	}
	return nil
}

func errNoneCameUp(pool orchestrator.Pool, reason string) error {
	return faas.Errorf(faas.Unavailable, "No worker of image %s came up: %s", clip(pool.Image, maxReason), reason)
}

// progress is how far a pool has come in changing to a template.
type progress struct {
	ready        int    // workers of the template that can be claimed
	unintroduced int    // those that could be, had an engine introduced them
	others       int    // workers of other templates
	stuck        string // what one of the template's says it fails of, "" when none does
	hopeless     bool   // it will not pass
}

func progressOf(d *appsv1.Deployment, generic []worker) (p progress) {
	template := d.Spec.Template.Labels[labelTemplate]
	for _, w := range generic {
		switch {
		case w.pod.Labels[labelTemplate] != template:
			p.others++
		case w.Ready:
			p.ready++
		case w.Unintroduced:
			p.unintroduced++
		case !p.hopeless:
			if reason, hopeless := stuck(w.pod); reason != "" {
				p.stuck, p.hopeless = reason, hopeless
			}
		}
	}
	return p
}

// stuck says what keeps the pod from becoming ready, "" while nothing does; hopeless reports that
// it is not temporary.
func stuck(pod *corev1.Pod) (reason string, hopeless bool) {
	for _, c := range pod.Status.ContainerStatuses {
		ended, waiting := c.State.Terminated, c.State.Waiting
		if waiting != nil && waiting.Reason == "CrashLoopBackOff" {
			ended = c.LastTerminationState.Terminated
		}
		switch {
		case ended != nil:
			return fmt.Sprintf("its %s ends again and again: %s", c.Name, terminated(ended)), c.RestartCount >= givenUpAfter-1
		case waiting == nil || waiting.Reason == "":
		case waiting.Reason == "ContainerCreating" || waiting.Reason == "PodInitializing":
		case waiting.Reason == "InvalidImageName" || waiting.Reason == "ErrImageNeverPull":
			return said(c.Name, waiting), true
		default: // ErrImagePull, ImagePullBackOff, CreateContainerError, RunContainerError and their like
			return said(c.Name, waiting), false
		}
	}
	return "", false
}

func said(container string, waiting *corev1.ContainerStateWaiting) string {
	return fmt.Sprintf("its %s cannot start: %s: %s", container, waiting.Reason, clip(waiting.Message, maxReason))
}

// overdue ends the wait for a pool whose time is up. A pool with a ready worker is good enough,
// though not all of it is as wanted.
func (p *pools) overdue(ctx context.Context, now *appsv1.Deployment, generic []worker, fault string) error {
	if now == nil {
		return faas.Errorf(faas.Unavailable, "No worker was ready in time.").WithCause(context.Cause(ctx))
	}
	at := progressOf(now, generic)
	switch {
	case at.ready > 0:
		return nil
	case !errors.Is(context.Cause(ctx), errOverdue): // called off: nothing is known about the pool
		return faas.Errorf(faas.Unavailable, "No worker was ready in time.").WithCause(context.Cause(ctx))
	case *now.Spec.Replicas == 0:
		return faas.Errorf(faas.Unavailable, "The pool's workers did not end in time.").WithCause(context.Cause(ctx))
	case at.stuck != "":
		return &failedError{at.stuck}
	case fault != "":
		return &failedError{fault}
	case at.unintroduced > 0: // which says nothing of the image
		return faas.Errorf(faas.Unavailable, "No worker could be introduced to this service: the engines' logs say why.")
	}
	return &failedError{p.overdueReason(now, generic)}
}

// overdueReason looks for the reason in what scheduler and controllers have reported, then in the
// events of the pods, which are not watched.
func (p *pools) overdueReason(now *appsv1.Deployment, generic []worker) string {
	for _, condition := range now.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return clip(condition.Message, maxReason)
		}
	}
	template := now.Spec.Template.Labels[labelTemplate]
	for _, w := range generic {
		if w.pod.Labels[labelTemplate] != template {
			continue
		}
		if said := unscheduled(w.pod); said != "" {
			return said
		}
		if restarts, _ := restartsOf(w.pod); restarts > 0 {
			return ending(w.pod)
		}
		if warning := p.lastWarning(w.pod); warning != "" {
			return warning
		}
	}
	return fmt.Sprintf("it was not ready within %s", p.cfg.Progress)
}

// lastWarning lists the events of a pod and returns the newest warning, "" when there is none or
// they cannot be listed.
func (p *pools) lastWarning(pod *corev1.Pod) string {
	ctx, cancel := context.WithTimeout(p.ctx, attemptTimeout)
	defer cancel()
	events, err := p.client.Events(p.cfg.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "type=Warning,involvedObject.uid=" + string(pod.UID),
	})
	if err != nil {
		p.log.Warn("the events of a pod cannot be read", "worker", pod.Name, "error", err)
		return ""
	}
	var newest *corev1.Event
	for i := range events.Items {
		if e := &events.Items[i]; newest == nil || e.LastTimestamp.After(newest.LastTimestamp.Time) {
			newest = e
		}
	}
	if newest == nil {
		return ""
	}
	return clip(newest.Reason+": "+newest.Message, maxReason)
}
