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

// maxPool is the most workers that a pool may have: more than that is a slip of somebody's.
const maxPool = 10_000

// SetPool makes the runtime's Deployment what is given and waits until a worker of it has come up and none of an older image is
// left. When none comes up within Config.Progress, or it is plain before that none will, the pool goes back to the image that it
// came up with last, if there is such, and the error says what Kubernetes said. Several engines may do so at once.
func (o *Orchestrator) SetPool(ctx context.Context, pool orchestrator.Pool) error {
	if o.closed() {
		return errClosed()
	}
	if pool.Size < 0 || pool.Size > maxPool {
		return faas.Errorf(faas.Invalid, "A pool cannot have a size of %d.", pool.Size)
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
	err = o.awaitPool(ctx, pool, made)
	var failed *failedError
	switch {
	case errors.As(err, &failed):
		return o.goBack(pool, made, failed.reason)
	case err != nil:
		return err
	}
	if pool.Size > 0 {
		o.prove(ctx, pool, made)
	}
	return nil
}

// apply creates the Deployment or changes it, if it is not as wanted already, and gives it as it is then.
func (o *Orchestrator) apply(ctx context.Context, want *appsv1.Deployment) (made *appsv1.Deployment, err error) {
	deployments := o.client.AppsV1().Deployments(o.cfg.Namespace)
	err = insist(ctx, func(ctx context.Context) error {
		have, err := deployments.Get(ctx, want.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			made, err = deployments.Create(ctx, want, metav1.CreateOptions{})
			return outdated(err)
		case err != nil:
			return err
		case have.DeletionTimestamp != nil:
			return errBeingDeleted
		case !differs(have, want):
			made = have
			return nil
		}
		next := merged(have, want)
		delete(next.Annotations, noteRejected)
		made, err = deployments.Update(ctx, next, metav1.UpdateOptions{})
		return outdated(err)
	})
	if err == nil {
		o.observePool(made)
	}
	return made, err
}

// errBeingDeleted is waited out: a Deployment of the same name is on its way out.
var errBeingDeleted = errors.New("the pool is still being deleted")

// prove notes that workers come up with the image, so that a later change that fails can go back to it. That a note is not made
// costs no more than that.
func (o *Orchestrator) prove(ctx context.Context, pool orchestrator.Pool, made *appsv1.Deployment) {
	now := imageOf(pool)
	if proven, there := noted(made, noteProven); there && proven.same(now) {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": made.UID, "annotations": map[string]any{noteProven: now.String()},
	}})
	if err == nil {
		err = insist(ctx, func(ctx context.Context) error {
			_, err := o.client.AppsV1().Deployments(o.cfg.Namespace).Patch(ctx, made.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
	}
	if err != nil {
		o.log.Warn("a pool's image could not be noted as one that works", "pool", made.Name, "error", err)
	}
}

// goBackTimeout bounds how long changing back may take.
const goBackTimeout = 30 * time.Second

// goBack puts the pool's last proven image in place again and gives the error that tells why.
func (o *Orchestrator) goBack(pool orchestrator.Pool, made *appsv1.Deployment, reason string) error {
	failure := faas.Errorf(faas.Unavailable, "No worker of image %s came up: %s", clip(pool.Image, maxReason), reason)
	proven, there := noted(made, noteProven)
	if !there || proven.same(imageOf(pool)) {
		return failure
	}
	ctx, cancel := context.WithTimeout(o.ctx, goBackTimeout)
	defer cancel()
	if err := o.tryGoBack(ctx, pool, proven, reason); err != nil {
		o.log.Error("a pool could not go back to its last image", "pool", made.Name, "image", proven.Image, "error", err)
		return failure
	}
	return &orchestrator.WentBackError{Image: proven.Image, Reason: failure}
}

func (o *Orchestrator) tryGoBack(ctx context.Context, pool orchestrator.Pool, proven image, reason string) error {
	rejected := imageOf(pool)
	rejected.Reason = reason
	deployments := o.client.AppsV1().Deployments(o.cfg.Namespace)
	return insist(ctx, func(ctx context.Context) error {
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
		next.Annotations[noteRejected] = rejected.String()
		_, err = deployments.Update(ctx, next, metav1.UpdateOptions{})
		return outdated(err)
	})
}

// DeletePool deletes the runtime's Deployment and returns when its generic workers are on their way out.
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
	err = insist(ctx, func(ctx context.Context) error {
		return o.client.AppsV1().Deployments(o.cfg.Namespace).Delete(ctx, name, metav1.DeleteOptions{
			PropagationPolicy: pointer(metav1.DeletePropagationBackground),
		})
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return refused("The pool cannot be deleted", err)
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
