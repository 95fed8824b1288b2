// Package kubeclienttest makes a kubeclient.Client of client-go's clientset, and so of its fake.
package kubeclienttest

import (
	"k8s.io/client-go/kubernetes"

	"github.com/openstack-faas/faas/internal/kubeclient"
)

// Of returns the clientset as a client.
func Of(set kubernetes.Interface) kubeclient.Client { return clientset{set} }

type clientset struct{ set kubernetes.Interface }

func (c clientset) Pods(namespace string) kubeclient.Pods { return c.set.CoreV1().Pods(namespace) }

func (c clientset) Secrets(namespace string) kubeclient.Secrets {
	return c.set.CoreV1().Secrets(namespace)
}

func (c clientset) Services(namespace string) kubeclient.Services {
	return c.set.CoreV1().Services(namespace)
}

func (c clientset) Events(namespace string) kubeclient.Events {
	return c.set.CoreV1().Events(namespace)
}

func (c clientset) Nodes() kubeclient.Nodes { return c.set.CoreV1().Nodes() }

func (c clientset) Deployments(namespace string) kubeclient.Deployments {
	return c.set.AppsV1().Deployments(namespace)
}

func (c clientset) NetworkPolicies(namespace string) kubeclient.NetworkPolicies {
	return c.set.NetworkingV1().NetworkPolicies(namespace)
}

func (c clientset) Leases(namespace string) kubeclient.Leases {
	return c.set.CoordinationV1().Leases(namespace)
}

func (c clientset) TokenReviews() kubeclient.TokenReviews {
	return c.set.AuthenticationV1().TokenReviews()
}
