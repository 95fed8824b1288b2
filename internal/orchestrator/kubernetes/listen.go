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

// listener follows the cluster by informers and brings what they report to whoever keeps it.
type listener struct {
	*cluster
	state    *state
	calls    *callPods
	policies *policies
	removals *removals
}

// listen starts the informers of pods, Deployments and policies, and returns when they have listed
// everything. While the API server is away, the last known state stands.
func (l *listener) listen(ctx context.Context) error {
	pods, errPods := informer(l, &corev1.Pod{}, l.pods(), l.podSeen, l.podDeleted)
	pools, errPools := informer(l, &appsv1.Deployment{}, l.deployments(), l.state.observePool, l.state.forgetPool)
	policies, errPolicies := informer(l, &netv1.NetworkPolicy{},
		l.client.NetworkPolicies(l.cfg.Namespace), l.policies.changed, l.policies.deleted)
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
	l *listener, kind T, of collection[L], there, gone func(T),
) (cache.InformerSynced, error) {
	ours := func(options *metav1.ListOptions) { options.LabelSelector = labelName + "=" + workerName }
	i := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (list runtime.Object, err error) {
			ours(&options)
			err = l.listening(ctx, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, listTimeout)
				defer cancel()
				list, err = of.List(ctx, options)
				return err
			})
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (stream watch.Interface, err error) {
			ours(&options)
			err = l.listening(ctx, func(ctx context.Context) error {
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
	l.wait.Go(func() { i.RunWithContext(l.ctx) })
	return heard.HasSynced, nil
}

// listening retries until the API server answers, and logs when it does not.
func (l *listener) listening(ctx context.Context, attempt func(ctx context.Context) error) error {
	failed := false
	err := retryLong(ctx, func(ctx context.Context) error {
		err := attempt(ctx)
		if err != nil && !failed && transient(err) && ctx.Err() == nil {
			failed = true
			l.log.Warn("the Kubernetes API does not answer; the known workers stay in use until it does", "error", err)
		}
		return err
	})
	if failed && err == nil {
		l.log.Info("the Kubernetes API answers again")
	}
	return err
}

// podSeen records what an informer reports of a pod.
func (l *listener) podSeen(pod *corev1.Pod) {
	if isCall(pod) {
		l.calls.observe(pod, false)
		return
	}
	l.removals.seen(pod)
}

// podDeleted records that a pod does not exist any more.
func (l *listener) podDeleted(pod *corev1.Pod) {
	if isCall(pod) {
		l.calls.observe(pod, true)
		return
	}
	l.state.forget(pod)
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
