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

// claims makes generic workers functions' own.
type claims struct {
	*cluster
	state    *state
	policies *policies
	removals *removals
	resizer  *resizer
}

// afterFirstCall delays the writes to Kubernetes, so that the first call, for which the worker was
// specialised, does not compete with them for the API server and the node. Nobody waits for the
// writes. Until then the pool's limits hold (docs/adr/0010).
const afterFirstCall = 150 * time.Millisecond

// Claimed labels the pod, a moment later, with the function that it belongs to now, which releases
// it from its ReplicaSet, and sets the function's own limits. It returns when both are done. An
// error of kind faas.NotFound says that the worker is gone.
func (c *claims) Claimed(ctx context.Context, workerID string, claim orchestrator.Claim) error {
	w, there := c.state.find(workerID)
	switch {
	case c.closed():
		return errClosed()
	case !there:
		return notThere(workerID)
	case !w.Generic() && w.Key != claim.Target.Key:
		return faas.Errorf(faas.Conflict, "Worker %s serves %s.", workerID, w.Key)
	}
	ctx, release := c.within(ctx)
	defer release()
	select {
	case <-time.After(afterFirstCall):
	case <-ctx.Done(): // what is written still is worth a try
	}
	if w.Generic() {
		if err := c.label(ctx, w, claim); err != nil {
			return err
		}
	}
	return c.resizer.resize(ctx, w, claim)
}

func notThere(workerID string) error {
	return faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
}

// label makes the worker the function's own in Kubernetes, in one request.
func (c *claims) label(ctx context.Context, w worker, claim orchestrator.Claim) error {
	owner, err := c.policies.owner(ctx)
	if err != nil {
		return refused("The owner of workers", err)
	}
	patch, err := claimPatch(w, claim, owner)
	if err != nil {
		return err
	}
	var pod *corev1.Pod
	err = retry(ctx, func(ctx context.Context) (err error) {
		pod, err = c.pods().Patch(ctx, w.ID, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err): // the uid is another's
		return notThere(w.ID)
	case err != nil:
		return refused("Worker "+w.ID+" cannot be claimed", err)
	}
	c.removals.seen(pod)
	if _, there := c.state.find(w.ID); !there {
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

// warmReserve is more than a warm runtime takes with all its slots, in bytes: its footprint is
// known only after the specialisation.
const warmReserve = 128 << 20

// Prepare raises the memory limit of a worker whose function may use more than the pool's ceiling
// grants, and waits until it is in force: a resize later would come after the function was killed.
// Others are not kept waiting. What they have too much, their agent does not let them use.
func (c *claims) Prepare(ctx context.Context, workerID string, target faas.Target) error {
	limits := raisedLimits(target, c.cfg.Ceiling)
	if limits == nil || c.resizer.impossible.Load() {
		return nil
	}
	w, there := c.state.find(workerID)
	switch {
	case c.closed():
		return errClosed()
	case !there:
		return notThere(workerID)
	}
	ctx, release := c.within(ctx)
	defer release()
	if err := c.resizer.set(ctx, w.ID, limits); err != nil {
		return c.resizer.problem(w.ID, err)
	}
	done, err := c.resizer.awaitInForce(ctx, w.ID, limits)
	if err == nil && !done {
		c.log.Warn("a worker's greater memory limit is not in force yet; its function has the pool's until then",
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
