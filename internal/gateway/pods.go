package gateway

import (
	"context"
	"errors"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// Pods knows the workers of a namespace from Kubernetes. While that does not answer, the workers
// that were there stay known.
type Pods struct {
	selector labels.Selector
	client   kubeclient.Pods
	known    cache.SharedIndexInformer
	prefix   string // of keys
}

// FollowPods follows the pods of the namespace that the selector selects, until ctx ends; ready
// bounds the first list.
func FollowPods(
	ctx, ready context.Context, client kubeclient.Client, namespace, selector string,
) (*Pods, error) {
	parsed, err := labels.Parse(selector)
	if err != nil {
		return nil, err
	}
	pods := client.Pods(namespace)
	p := &Pods{selector: parsed, client: pods, prefix: namespace + "/"}
	p.known = cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return pods.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return pods.Watch(ctx, o)
		},
	}, &corev1.Pod{}, 0, cache.Indexers{})
	if err := p.known.SetTransform(onlyAddress); err != nil {
		return nil, err
	}
	go p.known.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ready.Done(), p.known.HasSynced) {
		return nil, errors.New("the pods of workers could not be listed in time")
	}
	return p, nil
}

// onlyAddress drops all of a pod but its name and what Address looks at.
func onlyAddress(object any) (any, error) {
	pod, is := object.(*corev1.Pod)
	if !is {
		return object, nil
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion, Labels: pod.Labels,
		},
		Spec:   corev1.PodSpec{HostNetwork: pod.Spec.HostNetwork},
		Status: corev1.PodStatus{PodIP: pod.Status.PodIP},
	}, nil
}

// Address implements Workers. A pod that is not known is asked for: a caller may have heard of a
// new one first.
func (p *Pods) Address(ctx context.Context, workerID string) (string, error) {
	if len(validation.NameIsDNSSubdomain(workerID, false)) > 0 {
		return "", ErrNoWorker // it would be a path of Kubernetes' API
	}
	object, known, err := p.known.GetStore().GetByKey(p.prefix + workerID)
	if err != nil {
		return "", err
	}
	if known {
		if address := p.agentOf(object.(*corev1.Pod)); address != "" {
			return address, nil
		}
	}
	pod, err := p.client.Get(ctx, workerID, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", ErrNoWorker
	case err != nil:
		return "", err
	}
	if address := p.agentOf(pod); address != "" {
		return address, nil
	}
	return "", ErrNoWorker
}

// agentOf returns where the agent of a worker's pod listens; "" where the pod has none. A pod in
// its node's network is no worker: its address is the node's.
func (p *Pods) agentOf(pod *corev1.Pod) string {
	if !p.selector.Matches(labels.Set(pod.Labels)) || pod.Spec.HostNetwork || pod.Status.PodIP == "" {
		return ""
	}
	return net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(podlayout.Port))
}
