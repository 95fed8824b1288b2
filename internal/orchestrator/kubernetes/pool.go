package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// maxPool is the most workers that a pool may have: more is a mistake.
const maxPool = 10_000

// SetPool creates or changes the runtime's Deployment and waits until a worker of it is ready and
// none of an older image is left. When none becomes ready within Config.Progress, or it is certain
// before that none will, the pool is rolled back to the last image that worked, if there is one,
// and the error says what Kubernetes said. Several engines may do so at once.
func (o *Orchestrator) SetPool(ctx context.Context, pool orchestrator.Pool) error {
	if o.closed() {
		return errClosed()
	}
	if pool.Size < 0 || pool.Size > maxPool {
		return faas.Errorf(faas.Invalid, "A pool cannot have a size of %d.", pool.Size)
	}
	if err := orchestrator.CheckUnplaced(pool); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.cfg.Progress, errOverdue)
	defer cancel()
	ctx, release := o.within(ctx)
	defer release()
	policy, err := o.ensurePolicy(ctx)
	if err != nil {
		return refused("The pool cannot be made", err)
	}
	want, err := o.cfg.deployment(pool, ownedBy(policy))
	if err != nil {
		return err
	}
	made, err := o.apply(ctx, want)
	if err != nil {
		return refused("The pool cannot be made", err)
	}
	if err := o.reduceTo(ctx, pool.RuntimeID, made.Spec.Template.Labels[labelTemplate]); err != nil {
		return err
	}
	err = o.awaitPool(ctx, pool, made)
	var failed *failedError
	switch {
	case errors.As(err, &failed):
		return o.rollBack(pool, made, failed.reason)
	case err != nil:
		return err
	}
	if pool.Size > 0 {
		o.prove(ctx, pool, made)
	}
	return nil
}

// apply creates the Deployment, or changes it if it is not as wanted or lacks pods, and returns it.
func (o *Orchestrator) apply(ctx context.Context, want *appsv1.Deployment) (made *appsv1.Deployment, err error) {
	deployments := o.deployments()
	err = retry(ctx, func(ctx context.Context) error {
		have, err := deployments.Get(ctx, want.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			made, err = deployments.Create(ctx, want, metav1.CreateOptions{})
			return retryConflict(err)
		case err != nil:
			return err
		case have.DeletionTimestamp != nil:
			return errBeingDeleted
		case !differs(have, want) && !lacks(have):
			made = have
			return nil
		}
		next := merged(have, want)
		if differs(have, want) {
			delete(next.Annotations, annotationRejected)
		} else {
			now := time.Now().UTC().Format(time.RFC3339Nano)
			metav1.SetMetaDataAnnotation(&next.ObjectMeta, annotationSetAgain, now)
		}
		made, err = deployments.Update(ctx, next, metav1.UpdateOptions{})
		return retryConflict(err)
	})
	if err == nil {
		o.observePool(made)
	}
	return made, err
}

// errBeingDeleted says that a Deployment of the same name is still being deleted; the attempt is
// repeated.
var errBeingDeleted = errors.New("the pool is still being deleted")

// prove annotates the Deployment with the image that its workers came up with, so that a later
// change that fails can be rolled back to it. If that fails, only the rollback is not possible.
func (o *Orchestrator) prove(ctx context.Context, pool orchestrator.Pool, made *appsv1.Deployment) {
	now := imageOf(pool)
	if proven, there := imageIn(made, annotationProven); there && proven.same(now) {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": made.UID, "annotations": map[string]any{annotationProven: now.String()},
	}})
	if err == nil {
		err = retry(ctx, func(ctx context.Context) error {
			_, err := o.deployments().Patch(ctx, made.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
	}
	if err != nil {
		o.log.Warn("a pool's image could not be recorded as working", "pool", made.Name, "error", err)
	}
}

// rollBackTimeout bounds how long a rollback may take.
const rollBackTimeout = 30 * time.Second

// rollBack sets the pool's last proven image again and returns the error for the caller of SetPool.
func (o *Orchestrator) rollBack(pool orchestrator.Pool, made *appsv1.Deployment, reason string) error {
	failure := errNoneCameUp(pool, reason)
	proven, there := imageIn(made, annotationProven)
	if !there || proven.same(imageOf(pool)) {
		return failure
	}
	ctx, cancel := context.WithTimeout(o.ctx, rollBackTimeout)
	defer cancel()
	if err := o.tryRollBack(ctx, pool, proven, reason); err != nil {
		o.log.Error("a pool could not go back to its last image", "pool", made.Name, "image", proven.Image, "error", err)
		return failure
	}
	return &orchestrator.WentBackError{Image: proven.Image, Reason: failure}
}

func (o *Orchestrator) tryRollBack(ctx context.Context, pool orchestrator.Pool, proven image, reason string) error {
	rejected := imageOf(pool)
	rejected.Reason = reason
	deployments := o.deployments()
	return retry(ctx, func(ctx context.Context) error {
		have, err := deployments.Get(ctx, "pool-"+pool.RuntimeID, metav1.GetOptions{})
		if err != nil {
			return err
		}
		bad, err := o.cfg.template(pool)
		if err != nil {
			return err
		}
		if have.Spec.Template.Labels[labelTemplate] != bad.Labels[labelTemplate] {
			return nil // somebody has changed it since
		}
		back := pool
		back.Image, back.Trusted = proven.Image, proven.Trusted
		next := have.DeepCopy()
		if next.Spec.Template, err = o.cfg.template(back); err != nil {
			return err
		}
		next.Annotations[annotationRejected] = rejected.String()
		_, err = deployments.Update(ctx, next, metav1.UpdateOptions{})
		return retryConflict(err)
	})
}

// DeletePool deletes the runtime's Deployment and returns when all its generic workers are being
// deleted.
func (o *Orchestrator) DeletePool(ctx context.Context, runtimeID string) error {
	if o.closed() {
		return errClosed()
	}
	name, err := poolName(runtimeID)
	if err != nil {
		return nil //nolint:nilerr // of such an id there can be no pool
	}
	ctx, release := o.within(ctx)
	defer release()
	err = retry(ctx, func(ctx context.Context) error {
		return o.deployments().Delete(ctx, name, metav1.DeleteOptions{
			PropagationPolicy: pointer(metav1.DeletePropagationBackground),
		})
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return refused("The pool cannot be deleted", err)
	}
	if err := o.Reduce(ctx, runtimeID); err != nil {
		return err
	}
	for {
		changed := o.changes()
		if d, generic, _ := o.pool(runtimeID); d == nil && len(generic) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "The pool's workers did not end in time.").WithCause(context.Cause(ctx))
		}
	}
}
