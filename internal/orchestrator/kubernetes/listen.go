package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// listen begins to follow pods and Deployments and returns when it knows all that there are. What it has learnt stays known while
// the API server is away.
func (o *Orchestrator) listen(ctx context.Context) error {
	o.informers = informers.NewSharedInformerFactoryWithOptions(o.client, 0,
		informers.WithNamespace(o.cfg.Namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = labelName + "=" + workerName }),
		informers.WithTransform(withoutManagedFields))
	pods := o.informers.Core().V1().Pods().Informer()
	pools := o.informers.Apps().V1().Deployments().Informer()
	policies := o.informers.Networking().V1().NetworkPolicies().Informer()
	podsHeard, errPods := pods.AddEventHandler(follow(o.podChanged, o.forget))
	poolsHeard, errPools := pools.AddEventHandler(follow(
		func(d *appsv1.Deployment) { o.observePool(d, false) },
		func(d *appsv1.Deployment) { o.observePool(d, true) }))
	policiesHeard, errPolicies := policies.AddEventHandler(follow(o.policyChanged, o.policyDeleted))
	if err := errors.Join(errPods, errPools, errPolicies); err != nil {
		return fmt.Errorf("follow workers: %w", err)
	}
	o.informers.Start(o.ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), podsHeard.HasSynced, poolsHeard.HasSynced, policiesHeard.HasSynced) {
		return fmt.Errorf("workers and pools could not be listed in time: %w", context.Cause(ctx))
	}
	return nil
}

func (o *Orchestrator) podChanged(pod *corev1.Pod) {
	if must, reason := o.observe(pod); must && pod.DeletionTimestamp == nil {
		o.log.Warn("a worker ended by itself", "worker", pod.Name, "runtime_id", pod.Labels[labelRuntime],
			"function_id", pod.Labels[labelFunction], "reason", reason)
		o.remove(pod.Name, pod.UID, reason)
	}
}

func (o *Orchestrator) policyChanged(policy *netv1.NetworkPolicy) {
	if policy.Name == policyName {
		o.observePolicy(policy)
	}
}

func (o *Orchestrator) policyDeleted(policy *netv1.NetworkPolicy) {
	if policy.Name == policyName {
		o.observePolicy(nil)
		o.log.Error("the workers' network policy was deleted, and Kubernetes ends all workers with it; it is made again with the next pool that is set")
	}
}

// follow turns an informer's callbacks into two: what there is now, and what is there no more.
func follow[T any](there, gone func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { as(object, there) },
		UpdateFunc: func(_, object any) { as(object, there) },
		DeleteFunc: func(object any) {
			if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = missed.Obj
			}
			as(object, gone)
		},
	}
}

func as[T any](object any, then func(T)) {
	typed, ok := object.(T)
	if !ok {
		panic("an informer of " + reflect.TypeFor[T]().String() + " told of a " + reflect.TypeOf(object).String())
	}
	then(typed)
}

// withoutManagedFields leaves out half of an object's bytes, which say who set the other half.
func withoutManagedFields(object any) (any, error) {
	if meta, ok := object.(metav1.Object); ok {
		meta.SetManagedFields(nil)
	}
	return object, nil
}
