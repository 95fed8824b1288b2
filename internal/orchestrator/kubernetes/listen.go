package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// listen starts the informers of pods, Deployments and policies, and returns when they have listed
// everything. While the API server is away, the last known state stands.
func (o *Orchestrator) listen(ctx context.Context) error {
	pods, errPods := informer(o, &corev1.Pod{}, o.pods(), o.podSeen, o.podDeleted)
	pools, errPools := informer(o, &appsv1.Deployment{}, o.deployments(), o.observePool, o.forgetPool)
	policies, errPolicies := informer(o, &netv1.NetworkPolicy{},
		o.client.NetworkPolicies(o.cfg.Namespace), o.policyChanged, o.policyDeleted)
	if err := errors.Join(errPods, errPools, errPolicies); err != nil {
		return fmt.Errorf("follow workers: %w", err)
	}
	if !cache.WaitForCacheSync(ctx.Done(), pods, pools, policies) {
		return fmt.Errorf("workers and pools could not be listed in time: %w", context.Cause(ctx))
	}
	return nil
}

// collection is how a client lists and watches the objects of one kind.
type collection[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// listTimeout bounds one list of all objects of a kind.
const listTimeout = time.Minute

// informer follows the workers' objects of one kind until the orchestrator is closed. While the API
// server does not answer it asks again every two seconds: the default backoff of an informer grows
// to a minute, in which no worker would become ready.
func informer[T runtime.Object, L runtime.Object](
	o *Orchestrator, kind T, of collection[L], there, gone func(T),
) (cache.InformerSynced, error) {
	ours := func(options *metav1.ListOptions) { options.LabelSelector = labelName + "=" + workerName }
	i := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (list runtime.Object, err error) {
			ours(&options)
			err = o.listening(ctx, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, listTimeout)
				defer cancel()
				list, err = of.List(ctx, options)
				return err
			})
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (stream watch.Interface, err error) {
			ours(&options)
			err = o.listening(ctx, func(ctx context.Context) error {
				stream, err = of.Watch(ctx, options)
				return err
			})
			return stream, err
		},
	}, kind, 0, cache.Indexers{})
	heard, err := i.AddEventHandler(follow(there, gone))
	if err == nil {
		err = i.SetTransform(withoutManagedFields)
	}
	if err != nil {
		return nil, err
	}
	o.wait.Go(func() { i.RunWithContext(o.ctx) })
	return heard.HasSynced, nil
}

// listening retries until the API server answers, and logs when it does not.
func (o *Orchestrator) listening(ctx context.Context, attempt func(ctx context.Context) error) error {
	failed := false
	err := retryLong(ctx, func(ctx context.Context) error {
		err := attempt(ctx)
		if err != nil && !failed && transient(err) && ctx.Err() == nil {
			failed = true
			o.log.Warn("the Kubernetes API does not answer; the known workers stay in use until it does", "error", err)
		}
		return err
	})
	if failed && err == nil {
		o.log.Info("the Kubernetes API answers again")
	}
	return err
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
	switch policy.Name {
	case agentsPolicyName:
		o.log.Error("the agents' network policy was deleted: no worker can be reached; " +
			"it is made again with the next pool that is set")
	case policyName:
		o.observePolicy(nil)
		o.log.Error("the workers' network policy was deleted, and Kubernetes ends all workers with it; " +
			"it is made again with the next pool that is set")
	}
}

// follow turns an informer's three callbacks into two: what exists now, and what does not exist any
// more.
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
		panic("an informer of " + reflect.TypeFor[T]().String() + " delivered a " + reflect.TypeOf(object).String())
	}
	then(typed)
}

// withoutManagedFields drops the field that says who set which other field: half of an object's
// bytes.
func withoutManagedFields(object any) (any, error) {
	if meta, ok := object.(metav1.Object); ok {
		meta.SetManagedFields(nil)
	}
	return object, nil
}
