// Package kubeclient asks Kubernetes' API for the kinds of objects that the service uses, by
// client-go's REST client. client-go's own clientset brings the types of every API group along,
// which are half of a program's size, and some of its memory for as long as it runs.
package kubeclient

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// Client is a client of one cluster. New returns one; tests make it of client-go's fake clientset,
// by kubeclienttest. An empty namespace means all of them.
type Client interface {
	Pods(namespace string) Pods
	Secrets(namespace string) Secrets
	Services(namespace string) Services
	Events(namespace string) Events
	Nodes() Nodes
	Deployments(namespace string) Deployments
	NetworkPolicies(namespace string) NetworkPolicies
	Leases(namespace string) Leases
	TokenReviews() TokenReviews
}

// Resource is the collection of one kind of objects, with the methods of client-go's typed clients.
// T is a pointer to the kind, L one to its list.
type Resource[T, L any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, options metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
	Patch(
		ctx context.Context, name string, kind types.PatchType, patch []byte, options metav1.PatchOptions,
		subresources ...string,
	) (T, error)
}

type (
	// Secrets is the collection of secrets.
	Secrets = Resource[*corev1.Secret, *corev1.SecretList]
	// Services is the collection of services.
	Services = Resource[*corev1.Service, *corev1.ServiceList]
	// Events is the collection of events.
	Events = Resource[*corev1.Event, *corev1.EventList]
	// Nodes is the collection of nodes.
	Nodes = Resource[*corev1.Node, *corev1.NodeList]
	// Deployments is the collection of Deployments.
	Deployments = Resource[*appsv1.Deployment, *appsv1.DeploymentList]
	// NetworkPolicies is the collection of network policies.
	NetworkPolicies = Resource[*netv1.NetworkPolicy, *netv1.NetworkPolicyList]
	// Leases is the collection of Leases.
	Leases = Resource[*coordinationv1.Lease, *coordinationv1.LeaseList]
)

// Pods is the collection of pods.
type Pods interface {
	Resource[*corev1.Pod, *corev1.PodList]
	// GetLogs returns a request for the log of a pod's container.
	GetLogs(name string, options *corev1.PodLogOptions) *rest.Request
}

// TokenReviews can only be created: the answer is the review.
type TokenReviews interface {
	Create(ctx context.Context, review *authv1.TokenReview, options metav1.CreateOptions) (*authv1.TokenReview, error)
}
