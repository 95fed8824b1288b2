package kubeclient

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// client is a Client with a REST client for each group. They share connections and the bound on
// requests a second.
type client struct {
	codecs
	core, apps, networking, coordination, authentication rest.Interface
}

// New returns a client of the cluster. It sends no request yet.
func New(access *rest.Config) (Client, error) {
	shared := rest.CopyConfig(access)
	c := &client{codecs: newCodecs()}
	shared.NegotiatedSerializer = c.objects
	if shared.UserAgent == "" {
		shared.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	if shared.RateLimiter == nil && shared.QPS > 0 {
		if shared.Burst <= 0 {
			return nil, fmt.Errorf("a bound of %v requests a second needs one of a burst", shared.QPS)
		}
		shared.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(shared.QPS, shared.Burst)
	}
	connections, err := rest.HTTPClientFor(shared)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		at    *rest.Interface
		group schema.GroupVersion
	}{
		{&c.core, corev1.SchemeGroupVersion},
		{&c.apps, appsv1.SchemeGroupVersion},
		{&c.networking, netv1.SchemeGroupVersion},
		{&c.coordination, coordinationv1.SchemeGroupVersion},
		{&c.authentication, authv1.SchemeGroupVersion},
	} {
		of := *shared
		of.GroupVersion, of.APIPath = &part.group, "/apis"
		if part.group.Group == "" {
			of.APIPath = "/api"
		}
		made, err := rest.RESTClientForConfigAndClient(&of, connections)
		if err != nil {
			return nil, err
		}
		*part.at = made
	}
	return c, nil
}

func (c *client) Secrets(namespace string) Secrets {
	return collection[corev1.Secret, corev1.SecretList](c, c.core, "secrets", namespace)
}

func (c *client) Services(namespace string) Services {
	return collection[corev1.Service, corev1.ServiceList](c, c.core, "services", namespace)
}

func (c *client) Events(namespace string) Events {
	return collection[corev1.Event, corev1.EventList](c, c.core, "events", namespace)
}

func (c *client) Nodes() Nodes {
	return collection[corev1.Node, corev1.NodeList](c, c.core, "nodes", "")
}

func (c *client) Deployments(namespace string) Deployments {
	return collection[appsv1.Deployment, appsv1.DeploymentList](c, c.apps, "deployments", namespace)
}

func (c *client) NetworkPolicies(namespace string) NetworkPolicies {
	return collection[netv1.NetworkPolicy, netv1.NetworkPolicyList](c, c.networking, "networkpolicies", namespace)
}

func (c *client) Leases(namespace string) Leases {
	return collection[coordinationv1.Lease, coordinationv1.LeaseList](c, c.coordination, "leases", namespace)
}

func (c *client) Pods(namespace string) Pods {
	return pods{collection[corev1.Pod, corev1.PodList](c, c.core, "pods", namespace)}
}

type pods struct {
	*resource[corev1.Pod, *corev1.Pod, corev1.PodList, *corev1.PodList]
}

// GetLogs implements Pods. The answer is text.
func (p pods) GetLogs(name string, options *corev1.PodLogOptions) *rest.Request {
	return p.client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(p.name).
		Name(name).SubResource("log").VersionedParams(options, p.parameters)
}

func (c *client) TokenReviews() TokenReviews { return tokenReviews{c} }

type tokenReviews struct{ *client }

// Create implements TokenReviews.
func (r tokenReviews) Create(
	ctx context.Context, review *authv1.TokenReview, options metav1.CreateOptions,
) (*authv1.TokenReview, error) {
	answer := &authv1.TokenReview{}
	err := r.authentication.Post().UseProtobufAsDefault().Resource("tokenreviews").
		VersionedParams(&options, r.parameters).Body(review).Do(ctx).Into(answer)
	return answer, err
}

// timeout returns how long the options let a request take; 0 for as long as its context.
func timeout(options metav1.ListOptions) time.Duration {
	if options.TimeoutSeconds == nil {
		return 0
	}
	return time.Duration(*options.TimeoutSeconds) * time.Second
}

// object is a pointer to a kind, or to a list of one.
type object[T any] interface {
	*T
	runtime.Object
}
