package main

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openstack-faas/faas/internal/config"
)

// A cluster's gateway is that of deploy/kubernetes in the cluster's own namespace.
func TestGatewayObjects(t *testing.T) {
	objects, err := gatewayObjects(config.Kubernetes{
		Namespace: "elsewhere", GatewayImage: "registry.example.org/gateway:1", PullSecrets: []string{"mine"},
	})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, o := range objects {
		kinds[o.GetKind()]++
		if o.GetNamespace() != "elsewhere" || o.GetName() != "faas-gateway" {
			t.Errorf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
		}
		switch o.GetKind() {
		case "RoleBinding":
			subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
			if got := subjects[0].(map[string]any)["namespace"]; got != "elsewhere" {
				t.Errorf("the rights are of an account in %v", got)
			}
		case "Deployment":
			containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			secrets, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "imagePullSecrets")
			image := containers[0].(map[string]any)["image"]
			if image != "registry.example.org/gateway:1" || len(secrets) != 1 {
				t.Errorf("the image is %v, pulled with %v", image, secrets)
			}
		}
	}
	for _, kind := range []string{
		"ServiceAccount", "Role", "RoleBinding", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy",
	} {
		if kinds[kind] != 1 {
			t.Errorf("%d of kind %s", kinds[kind], kind)
		}
	}
}
