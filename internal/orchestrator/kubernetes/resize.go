package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// The kubelet refuses a memory limit below what the container uses, and with it the other limits of
// the same request. A function that quickly takes more memory than it may would so keep the pool's
// ceiling for its CPU too. So the two limits are set separately when they do not come into force
// together.

// resizer sets the limits of running workers.
type resizer struct {
	*cluster
	state *state

	impossible atomic.Bool // the cluster knows no way to change the limits of a running pod
	refused    atomic.Bool // it has been logged that the cluster refuses to change some
}

// resizeTimeout is how long to wait for the kubelet, which takes 0.3 to 0.5 s on a node with little
// to do.
const resizeTimeout = 5 * time.Second

// The pauses between attempts to set a memory limit that the kubelet refuses.
const (
	firstResizePause = 10 * time.Second
	maxResizePause   = 2 * time.Minute
)

// resize sets the function's own limits. In a cluster that cannot change a running pod the pool's
// ceiling stays in force, which is logged once.
func (r *resizer) resize(ctx context.Context, w worker, claim orchestrator.Claim) error {
	if r.impossible.Load() {
		return nil
	}
	limits := ownLimits(claim, r.cfg.Request)
	if err := r.set(ctx, w.ID, limits); err != nil {
		return r.problem(w.ID, err)
	}
	return r.seeThrough(ctx, w.ID, limits)
}

// problem returns why a worker could not be resized; nil where the cluster cannot resize any.
func (r *resizer) problem(workerID string, err error) error {
	switch {
	case apierrors.IsNotFound(err) && !lacksSubresource(err):
		return notThere(workerID)
	case lacksSubresource(err):
		r.impossible.Store(true)
		fallthrough
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		if !r.refused.Swap(true) {
			r.log.Warn("the cluster does not change the limits of running pods: functions run under the limits of their pools",
				"error", err)
		}
		return nil
	default:
		return refused("Limits of worker "+workerID, err)
	}
}

// set asks the API server for the limits; it does not wait until they are in force.
func (r *resizer) set(ctx context.Context, workerID string, limits corev1.ResourceList) error {
	patch, err := resizePatch(limits)
	if err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := r.pods().Patch(ctx, workerID, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "resize")
		return err
	})
}

// seeThrough waits until the limits that were set are in force. If the kubelet does not apply them
// in time, it sets the CPU limit alone before it returns, and goes on trying the memory limit in
// the background as long as the worker lives.
func (r *resizer) seeThrough(ctx context.Context, workerID string, limits corev1.ResourceList) error {
	done, err := r.awaitInForce(ctx, workerID, limits)
	if done || err != nil {
		return err
	}
	if _, bounded := limits[corev1.ResourceMemory]; !bounded {
		r.log.Warn("a worker's own cpu limit is not in force yet; the kubelet goes on trying", "worker", workerID)
		return nil
	}
	cpu := maps.Clone(limits)
	cpu[corev1.ResourceMemory] = *resource.NewQuantity(r.cfg.Ceiling.Memory, resource.BinarySI)
	if err := r.set(ctx, workerID, cpu); err != nil {
		return refused("Limits of worker "+workerID, err)
	}
	if done, err = r.awaitInForce(ctx, workerID, cpu); err != nil {
		return err
	}
	if !done {
		r.log.Warn("a worker's own cpu limit is not in force yet; the kubelet goes on trying", "worker", workerID)
	}
	r.wait.Go(func() { r.retryMemory(workerID, limits) })
	return nil
}

// awaitInForce waits up to resizeTimeout and reports whether the limits are in force.
func (r *resizer) awaitInForce(ctx context.Context, workerID string, limits corev1.ResourceList) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, resizeTimeout)
	defer cancel()
	err := r.state.await(waiting, workerID, func(w worker) bool { return inForce(w.pod, limits) })
	if faas.KindOf(err) == faas.Unavailable && waiting.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// retryMemory sets the limits again and again until they are in force, the worker is gone, or the
// orchestrator is closed.
func (r *resizer) retryMemory(workerID string, limits corev1.ResourceList) {
	pause := firstResizePause
	for try := 0; ; try++ {
		now := varied(limits, try)
		err := r.set(r.ctx, workerID, now)
		done := false
		if err == nil {
			done, err = r.awaitInForce(r.ctx, workerID, now)
		}
		if _, there := r.state.find(workerID); done || !there || r.ctx.Err() != nil {
			return
		}
		if try == 0 {
			r.log.Warn("a worker's own memory limit is not in force: it uses more already, and has its pool's ceiling "+
				"until it uses less; it is tried again",
				"worker", workerID, "memory", limits.Memory().Value(), "error", err)
		}
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return
		}
		pause = min(2*pause, maxResizePause)
	}
}

// varied returns the limits with one page of memory more at every other attempt: a kubelet ignores
// a request that changes nothing.
func varied(limits corev1.ResourceList, try int) corev1.ResourceList {
	const page = 4096
	limits = maps.Clone(limits)
	memory := limits.Memory().DeepCopy()
	memory.Add(*resource.NewQuantity(int64(try%2)*page, resource.BinarySI))
	limits[corev1.ResourceMemory] = memory
	return limits
}

// lacksSubresource reports whether the error is of an API server without pods/resize, which answers
// with the same status as for a pod that is gone.
func lacksSubresource(err error) bool {
	return apierrors.IsMethodNotSupported(err) ||
		apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// ownLimits returns what the runtime's container may use for the function. The limits are above the
// requests, because Kubernetes refuses lower ones. Without a known footprint there is no memory
// limit among them.
func ownLimits(claim orchestrator.Claim, request Resources) corev1.ResourceList {
	target := claim.Target
	cpu, memory := int64(target.CPU), claim.Footprint+target.MemorySize+faas.MemorySlack
	limits := amounts(max(cpu, request.CPU+1), max(memory, request.Memory+1), 0)
	delete(limits, corev1.ResourceEphemeralStorage)
	if claim.Footprint <= 0 {
		delete(limits, corev1.ResourceMemory)
	}
	return limits
}

func resizePatch(limits corev1.ResourceList) ([]byte, error) {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": runtimeContainer, "resources": map[string]any{"limits": limits}},
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode limits: %w", err)
	}
	return patch, nil
}

// inForce reports whether the runtime's container runs under the limits, by the kubelet's status.
func inForce(pod *corev1.Pod, limits corev1.ResourceList) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != runtimeContainer || c.Resources == nil {
			continue
		}
		for name, want := range limits {
			have, limited := c.Resources.Limits[name]
			if !limited || have.Cmp(want) != 0 {
				return false
			}
		}
		return true
	}
	return false
}
