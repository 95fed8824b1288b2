package kubernetes

import (
	"context"
	"errors"
	"maps"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Workers beside a pool are pods of their own. Were they the ReplicaSet's, it would replace each
// one that is claimed by another, which competes with those that callers still wait for; and its
// size cannot be lowered with each claim, for then it would end one that is starting.

// Extend makes n pods from the template of the pool's Deployment, all at once.
func (p *pools) Extend(ctx context.Context, pool orchestrator.Pool, n int) (ids []string, err error) {
	if p.closed() {
		return nil, errClosed()
	}
	d, _, _ := p.state.pool(pool.RuntimeID)
	if d == nil {
		return nil, orchestrator.ErrNoPool(pool.RuntimeID)
	}
	ctx, release := p.within(ctx)
	defer release()
	owner, err := p.policies.owner(ctx)
	if err != nil {
		return nil, refused("The owner of workers", err)
	}
	var failures []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			pod := extraPod(d, owner)
			err := p.createExtra(ctx, pod)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, err)
			} else {
				ids = append(ids, pod.Name)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return ids, refused("Workers beside the pool of runtime "+pool.RuntimeID+" cannot be made", err)
	}
	return ids, nil
}

// extraPod returns a pod of the Deployment's template that no ReplicaSet selects.
func extraPod(d *appsv1.Deployment, owner metav1.OwnerReference) *corev1.Pod {
	template := d.Spec.Template.DeepCopy()
	labels := maps.Clone(template.Labels)
	delete(labels, labelPool)
	labels[labelExtra] = d.Labels[labelRuntime]
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-x" + rand.String(15), Namespace: d.Namespace,
			Labels: labels, Annotations: template.Annotations, OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: template.Spec,
	}
}

// createExtra makes a pod. That it is there already says that the answer to an attempt was lost.
func (p *pools) createExtra(ctx context.Context, pod *corev1.Pod) error {
	var made *corev1.Pod
	err := retry(ctx, func(ctx context.Context) (err error) {
		made, err = p.pods().Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			made, err = p.pods().Get(ctx, pod.Name, metav1.GetOptions{})
		}
		return err
	})
	if err == nil {
		p.removals.seen(made)
	}
	return err
}

// Reduce deletes the pods beside the pool that were not claimed. One that is claimed at the same
// moment ends its calls first, as when a pool shrinks.
func (p *pools) Reduce(ctx context.Context, runtimeID string) error {
	return p.reduceTo(ctx, runtimeID, "")
}

// reduceTo keeps those that were made from the template.
func (p *pools) reduceTo(ctx context.Context, runtimeID, template string) error {
	extra := p.state.workersThat(func(w *worker) bool {
		return w.Generic() && w.pod.Labels[labelExtra] == runtimeID && w.pod.Labels[labelTemplate] != template
	})
	for _, w := range extra {
		p.state.because(w.ID, w.pod.UID, "its pool became smaller")
		err := retry(ctx, func(ctx context.Context) error {
			only := &metav1.Preconditions{UID: &w.pod.UID}
			return p.pods().Delete(ctx, w.ID, metav1.DeleteOptions{Preconditions: only})
		})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return refused("Worker "+w.ID+" cannot be ended", err)
		}
	}
	return nil
}

var _ orchestrator.Extender = (*Orchestrator)(nil)
