package kubernetes

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// removal is the deletion of one pod, tried until it succeeds or the orchestrator is closed.
type removal struct {
	done chan struct{} // closed when it ended
	err  error         // set before done is closed: why the API server refused
}

// Remove ends the worker at once and returns when its pod is gone from Kubernetes, or ctx is. Its containers end within seconds. What
// failed for the API server's absence goes on being tried.
func (o *Orchestrator) Remove(ctx context.Context, workerID string) error {
	w, there := o.find(workerID)
	if !there {
		return nil
	}
	if o.closed() {
		return errClosed()
	}
	removal := o.remove(workerID, w.pod.UID, "removed")
	select {
	case <-removal.done:
	case <-ctx.Done():
		return faas.Errorf(faas.Unavailable, "Worker %s did not end in time.", workerID).WithCause(ctx.Err())
	}
	if removal.err != nil {
		return refused("Worker "+workerID+" cannot be ended", removal.err)
	}
	return nil
}

// remove begins to delete the pod, or joins who does so already.
func (o *Orchestrator) remove(workerID string, uid types.UID, reason string) *removal {
	o.removing.Lock()
	defer o.removing.Unlock()
	if under := o.removals[workerID]; under != nil {
		return under
	}
	r := &removal{done: make(chan struct{})}
	o.removals[workerID] = r
	o.because(workerID, uid, reason)
	o.wait.Go(func() {
		r.err = insist(o.ctx, func(ctx context.Context) error { return o.deletePod(ctx, workerID, uid) })
		if r.err == nil {
			o.deleted(workerID, uid)
		} else if !o.closed() {
			o.log.Error("a worker cannot be ended", "worker", workerID, "error", r.err)
		}
		o.removing.Lock()
		delete(o.removals, workerID)
		o.removing.Unlock()
		close(r.done)
	})
	return r
}

// deletePod deletes without grace: the agent of a worker that is removed has no call left, or never will have an answer.
func (o *Orchestrator) deletePod(ctx context.Context, name string, uid types.UID) error {
	err := o.client.CoreV1().Pods(o.cfg.Namespace).Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: pointer(int64(0)), Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // gone, and perhaps another has its name
		return nil
	}
	return err
}

// because remembers why the pod is deleted, for the event of its end.
func (s *state) because(workerID string, uid types.UID, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[workerID]; w != nil && w.pod.UID == uid {
		w.removed = reason
	}
}
