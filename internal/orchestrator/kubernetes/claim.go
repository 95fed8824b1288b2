package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// afterFirstCall delays the writes to Kubernetes, so that the first call, for which the worker was
// specialised, does not compete with them for the API server and the node. Nobody waits for the
// writes. Until then the pool's limits hold (docs/adr/0010).
const afterFirstCall = 150 * time.Millisecond

// Claimed labels the pod, a moment later, with the function that it belongs to now, which releases
// it from its ReplicaSet, and sets the function's own limits. It returns when both are done. An
// error of kind faas.NotFound says that the worker is gone.
func (o *Orchestrator) Claimed(ctx context.Context, workerID string, claim orchestrator.Claim) error {
	w, there := o.find(workerID)
	switch {
	case o.closed():
		return errClosed()
	case !there:
		return notThere(workerID)
	case !w.Generic() && w.Key != claim.Target.Key:
		return faas.Errorf(faas.Conflict, "Worker %s serves %s.", workerID, w.Key)
	}
	ctx, release := o.within(ctx)
	defer release()
	select {
	case <-time.After(afterFirstCall):
	case <-ctx.Done(): // what is written still is worth a try
	}
	if w.Generic() {
		if err := o.label(ctx, w, claim); err != nil {
			return err
		}
	}
	return o.resize(ctx, w, claim)
}

func notThere(workerID string) error {
	return faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
}

// label makes the worker the function's own in Kubernetes, in one request.
func (o *Orchestrator) label(ctx context.Context, w worker, claim orchestrator.Claim) error {
	owner, err := o.ownerReference(ctx)
	if err != nil {
		return refused("The owner of workers", err)
	}
	patch, err := claimPatch(w, claim, owner)
	if err != nil {
		return err
	}
	var pod *corev1.Pod
	err = retry(ctx, func(ctx context.Context) (err error) {
		pod, err = o.pods().Patch(ctx, w.ID, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err): // the uid is another's
		return notThere(w.ID)
	case err != nil:
		return refused("Worker "+w.ID+" cannot be claimed", err)
	}
	o.podChanged(pod)
	if _, there := o.find(w.ID); !there {
		return notThere(w.ID)
	}
	return nil
}

// claimPatch returns a patch that takes the pod out of its pool, sets an owner that outlives the
// pool, and names the function. The uid is a precondition: another pod of the same name is not
// changed.
func claimPatch(w worker, claim orchestrator.Claim, owner metav1.OwnerReference) ([]byte, error) {
	function, err := functionLabels(claim.Target)
	if err != nil {
		return nil, err
	}
	labels := map[string]any{labelPool: nil, labelExtra: nil}
	for name, value := range maps.All(function) {
		labels[name] = value
	}
	restarts, _ := restartsOf(w.pod)
	annotations := map[string]any{annotationRestarts: strconv.Itoa(restarts)}
	if claim.Secured {
		annotations[annotationTLS] = faas.TLSRequired
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": w.pod.UID, "labels": labels, "ownerReferences": []metav1.OwnerReference{owner},
		"annotations": annotations,
	}})
	if err != nil {
		return nil, fmt.Errorf("encode claim: %w", err)
	}
	return patch, nil
}

// await waits until the worker is as wanted; an error of kind faas.NotFound says that it is gone.
func (o *Orchestrator) await(ctx context.Context, workerID string, wanted func(worker) bool) error {
	for {
		changed := o.changes()
		w, there := o.find(workerID)
		switch {
		case !there:
			return notThere(workerID)
		case wanted(w):
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "Worker %s is not as it was set yet.", workerID).WithCause(context.Cause(ctx))
		}
	}
}

// warmReserve is more than a warm runtime takes with all its slots, in bytes: its footprint is
// known only after the specialisation.
const warmReserve = 128 << 20

// Prepare raises the memory limit of a worker whose function may use more than the pool's ceiling
// grants, and waits until it is in force: a resize later would come after the function was killed.
// Others are not kept waiting. What they have too much, their agent does not let them use.
func (o *Orchestrator) Prepare(ctx context.Context, workerID string, target faas.Target) error {
	limits := raisedLimits(target, o.cfg.Ceiling)
	if limits == nil || o.noResize.Load() {
		return nil
	}
	w, there := o.find(workerID)
	switch {
	case o.closed():
		return errClosed()
	case !there:
		return notThere(workerID)
	}
	ctx, release := o.within(ctx)
	defer release()
	if err := o.setLimits(ctx, w.ID, limits); err != nil {
		return o.notResized(w.ID, err)
	}
	done, err := o.awaitInForce(ctx, w.ID, limits)
	if err == nil && !done {
		o.log.Warn("a worker's greater memory limit is not in force yet; its function has the pool's until then",
			"worker", w.ID, "memory", limits.Memory().Value())
	}
	return err
}

// raisedLimits returns what a worker needs before a function that its pool's ceiling does not
// suffice for runs in it; nil for any other. All of the ceiling may be the warm runtime's.
func raisedLimits(target faas.Target, ceiling Resources) corev1.ResourceList {
	if target.MemorySize+warmReserve <= ceiling.Memory {
		return nil
	}
	return corev1.ResourceList{
		corev1.ResourceMemory: *resource.NewQuantity(ceiling.Memory+target.MemorySize, resource.BinarySI),
	}
}

// resize sets the function's own limits. In a cluster that cannot change a running pod the pool's
// ceiling stays in force, which is logged once.
func (o *Orchestrator) resize(ctx context.Context, w worker, claim orchestrator.Claim) error {
	if o.noResize.Load() {
		return nil
	}
	limits := ownLimits(claim, o.cfg.Request)
	if err := o.setLimits(ctx, w.ID, limits); err != nil {
		return o.notResized(w.ID, err)
	}
	return o.seeThrough(ctx, w.ID, limits)
}

// notResized returns why a worker could not be resized; nil where the cluster cannot resize any.
func (o *Orchestrator) notResized(workerID string, err error) error {
	switch {
	case apierrors.IsNotFound(err) && !lacksSubresource(err):
		return notThere(workerID)
	case lacksSubresource(err):
		o.noResize.Store(true)
		fallthrough
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		if !o.resizeRefused.Swap(true) {
			o.log.Warn("the cluster does not change the limits of running pods: functions run under the limits of their pools",
				"error", err)
		}
		return nil
	default:
		return refused("Limits of worker "+workerID, err)
	}
}

// setLimits asks the API server for the limits; it does not wait until they are in force.
func (o *Orchestrator) setLimits(ctx context.Context, workerID string, limits corev1.ResourceList) error {
	patch, err := resizePatch(limits)
	if err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := o.pods().Patch(ctx, workerID, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "resize")
		return err
	})
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
