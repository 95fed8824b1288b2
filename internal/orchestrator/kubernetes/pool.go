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

// pools keeps a Deployment of generic workers for each runtime, and the workers beside it.
type pools struct {
	*cluster
	state    *state
	policies *policies
	removals *removals
}

// maxPool is the most workers that a pool may have: more is a mistake.
const maxPool = 10_000

// SetPool creates or changes the runtime's Deployment and waits until a worker of it is ready and
// none of an older image is left. When none becomes ready within Config.Progress, or it is certain
// before that none will, the pool is rolled back to the last image that worked, if there is one,
// and the error says what Kubernetes said. Several engines may do so at once.
func (p *pools) SetPool(ctx context.Context, pool orchestrator.Pool) error {
	if p.closed() {
		return errClosed()
	}
	if pool.Size < 0 || pool.Size > maxPool {
		return faas.Errorf(faas.Invalid, "A pool cannot have a size of %d.", pool.Size)
	}
	if err := orchestrator.CheckUnplaced(pool); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Progress, errOverdue)
	defer cancel()
	ctx, release := p.within(ctx)
	defer release()
	policy, err := p.policies.ensure(ctx)
	if err != nil {
		return refused("The pool cannot be made", err)
	}
	want, err := p.cfg.deployment(pool, ownedBy(policy))
	if err != nil {
		return err
	}
	made, err := p.apply(ctx, want)
	if err != nil {
		return refused("The pool cannot be made", err)
	}
	if err := p.reduceTo(ctx, pool.RuntimeID, made.Spec.Template.Labels[labelTemplate]); err != nil {
		return err
	}
	err = p.awaitPool(ctx, pool, made)
	var failed *failedError
	switch {
	case errors.As(err, &failed):
		return p.rollBack(pool, made, failed.reason)
	case err != nil:
		return err
	}
	if pool.Size > 0 {
		p.prove(ctx, pool, made)
	}
	return nil
}

// apply creates the Deployment, or changes it if it is not as wanted or lacks pods, and returns it.
func (p *pools) apply(ctx context.Context, want *appsv1.Deployment) (made *appsv1.Deployment, err error) {
	deployments := p.deployments()
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
		p.state.observePool(made)
	}
	return made, err
}

// errBeingDeleted says that a Deployment of the same name is still being deleted; the attempt is
// repeated.
var errBeingDeleted = errors.New("the pool is still being deleted")

// prove annotates the Deployment with the image that its workers came up with, so that a later
// change that fails can be rolled back to it. If that fails, only the rollback is not possible.
func (p *pools) prove(ctx context.Context, pool orchestrator.Pool, made *appsv1.Deployment) {
	now := imageOf(pool)
	if proven, there := imageIn(made, annotationProven); there && proven.same(now) {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": made.UID, "annotations": map[string]any{annotationProven: now.String()},
	}})
	if err == nil {
		err = retry(ctx, func(ctx context.Context) error {
			_, err := p.deployments().Patch(ctx, made.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
	}
	if err != nil {
		p.log.Warn("a pool's image could not be recorded as working", "pool", made.Name, "error", err)
	}
}

// rollBackTimeout bounds how long a rollback may take.
const rollBackTimeout = 30 * time.Second

// rollBack sets the pool's last proven image again and returns the error for the caller of SetPool.
func (p *pools) rollBack(pool orchestrator.Pool, made *appsv1.Deployment, reason string) error {
	failure := errNoneCameUp(pool, reason)
	proven, there := imageIn(made, annotationProven)
	if !there || proven.same(imageOf(pool)) {
		return failure
	}
	ctx, cancel := context.WithTimeout(p.ctx, rollBackTimeout)
	defer cancel()
	if err := p.tryRollBack(ctx, pool, proven, reason); err != nil {
		p.log.Error("a pool could not go back to its last image", "pool", made.Name, "image", proven.Image, "error", err)
		return failure
	}
	return &orchestrator.WentBackError{Image: proven.Image, Reason: failure}
}

func (p *pools) tryRollBack(ctx context.Context, pool orchestrator.Pool, proven image, reason string) error {
	rejected := imageOf(pool)
	rejected.Reason = reason
	deployments := p.deployments()
	return retry(ctx, func(ctx context.Context) error {
		have, err := deployments.Get(ctx, "pool-"+pool.RuntimeID, metav1.GetOptions{})
		if err != nil {
			return err
		}
		bad, err := p.cfg.template(pool)
		if err != nil {
			return err
		}
		if have.Spec.Template.Labels[labelTemplate] != bad.Labels[labelTemplate] {
			return nil // somebody has changed it since
		}
		back := pool
		back.Image, back.Trusted = proven.Image, proven.Trusted
		next := have.DeepCopy()
		if next.Spec.Template, err = p.cfg.template(back); err != nil {
			return err
		}
		next.Annotations[annotationRejected] = rejected.String()
		_, err = deployments.Update(ctx, next, metav1.UpdateOptions{})
		return retryConflict(err)
	})
}

// DeletePool deletes the runtime's Deployment and returns when all its generic workers are being
// deleted.
func (p *pools) DeletePool(ctx context.Context, runtimeID string) error {
	if p.closed() {
		return errClosed()
	}
	name, err := poolName(runtimeID)
	if err != nil {
		return nil //nolint:nilerr // of such an id there can be no pool
	}
	ctx, release := p.within(ctx)
	defer release()
	err = retry(ctx, func(ctx context.Context) error {
		return p.deployments().Delete(ctx, name, metav1.DeleteOptions{
			PropagationPolicy: pointer(metav1.DeletePropagationBackground),
		})
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return refused("The pool cannot be deleted", err)
	}
	if err := p.Reduce(ctx, runtimeID); err != nil {
		return err
	}
	for {
		changed := p.state.changes()
		if d, generic, _ := p.state.pool(runtimeID); d == nil && len(generic) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "The pool's workers did not end in time.").WithCause(context.Cause(ctx))
		}
	}
}
