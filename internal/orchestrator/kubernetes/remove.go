package kubernetes

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// removal is the deletion of one pod, which is tried until it succeeds or the orchestrator is
// closed.
type removal struct {
	done chan struct{} // closed when it ended
	err  error         // set before done is closed: why the API server refused
}

// Remove ends the worker at once and returns when its pod is gone from Kubernetes, or ctx has
// ended. It does not wait for the kubelet, so it also removes a worker of a node that is dead; on a
// live one the containers end within seconds. While the API server is away, the deletion is tried
// again in the background.
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

// remove starts the deletion of the pod, or returns the one that is under way.
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
		r.err = retry(o.ctx, func(ctx context.Context) error { return o.deletePod(ctx, workerID, uid) })
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

// deletePod deletes the pod without a grace period: a worker that is removed runs no call, or none
// whose answer could still arrive. With a grace period the object would stay until its kubelet has
// answered, which that of a dead node never does.
func (o *Orchestrator) deletePod(ctx context.Context, name string, uid types.UID) error {
	err := o.pods().Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: pointer(int64(0)), Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // gone, and perhaps another has its name
		return nil
	}
	return err
}

// because records why the pod is deleted, for the report of its end.
func (s *state) because(workerID string, uid types.UID, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.workers[workerID]; w != nil && w.pod.UID == uid {
		w.removed = reason
	}
}
