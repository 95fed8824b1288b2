package kubernetes

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
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

// removals deletes the pods of workers and calls.
type removals struct {
	*cluster
	state *state

	mu    sync.Mutex
	under map[string]*removal // by the pod's name: those under way
}

// seen records the state of a pod, and removes it if its worker is lost.
func (r *removals) seen(pod *corev1.Pod) {
	if must, reason := r.state.observe(pod); must && pod.DeletionTimestamp == nil {
		r.log.Warn("a worker ended by itself", "worker", pod.Name, "runtime_id", pod.Labels[labelRuntime],
			"function_id", pod.Labels[labelFunction], "reason", reason)
		r.remove(pod.Name, pod.UID, reason)
	}
}

// Remove ends the worker at once and returns when its pod is gone from Kubernetes, or ctx has
// ended. It does not wait for the kubelet, so it also removes a worker of a node that is dead; on a
// live one the containers end within seconds. While the API server is away, the deletion is tried
// again in the background.
func (r *removals) Remove(ctx context.Context, workerID string) error {
	w, there := r.state.find(workerID)
	if !there {
		return nil
	}
	if r.closed() {
		return errClosed()
	}
	removal := r.remove(workerID, w.pod.UID, "removed")
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
func (r *removals) remove(workerID string, uid types.UID, reason string) *removal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if under := r.under[workerID]; under != nil {
		return under
	}
	this := &removal{done: make(chan struct{})}
	r.under[workerID] = this
	r.state.because(workerID, uid, reason)
	r.wait.Go(func() {
		this.err = retry(r.ctx, func(ctx context.Context) error { return r.deletePod(ctx, workerID, uid) })
		if this.err == nil {
			r.state.deleted(workerID, uid)
		} else if !r.closed() {
			r.log.Error("a worker cannot be ended", "worker", workerID, "error", this.err)
		}
		r.mu.Lock()
		delete(r.under, workerID)
		r.mu.Unlock()
		close(this.done)
	})
	return this
}

// deletePod deletes the pod without a grace period: a worker that is removed runs no call, or none
// whose answer could still arrive. With a grace period the object would stay until its kubelet has
// answered, which that of a dead node never does.
func (r *removals) deletePod(ctx context.Context, name string, uid types.UID) error {
	err := r.pods().Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: pointer(int64(0)), Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // gone, and perhaps another has its name
		return nil
	}
	return err
}
