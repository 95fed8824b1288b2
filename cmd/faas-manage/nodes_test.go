package main

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// TestClusterPrepareLooksAtNodes holds what is said of a cluster against what it has.
func TestClusterPrepareLooksAtNodes(t *testing.T) {
	node := func(name string, labels map[string]string, taints ...corev1.Taint) runtime.Object {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{Taints: taints},
		}
	}
	kept := corev1.Taint{Key: "dedicated", Value: "faas", Effect: corev1.TaintEffectNoSchedule}
	workers := map[string]string{"pool": "faas"}
	mine := config.Kubernetes{NodeSelector: []string{"pool=faas"}}
	for _, test := range []struct {
		name        string
		k           config.Kubernetes
		has         []runtime.Object
		says, fails string
	}{
		{
			"any node", config.Kubernetes{}, []runtime.Object{node("a", nil), node("b", nil, kept)},
			"Nodes: 1 of 2 take workers", "",
		},
		{
			"labels", mine, []runtime.Object{node("a", nil)},
			"", "none of the cluster's 1 nodes takes workers: none has all labels",
		},
		{
			"taint", mine, []runtime.Object{node("a", workers, kept)},
			"", "tolerations does not name dedicated=faas:NoSchedule",
		},
		{
			"tolerated", config.Kubernetes{NodeSelector: mine.NodeSelector, Tolerations: []string{"dedicated:NoSchedule"}},
			[]runtime.Object{node("a", workers, kept)}, "Nodes: 1 of 1 take workers", "",
		},
		{
			"of another value", config.Kubernetes{Tolerations: []string{"dedicated=others"}},
			[]runtime.Object{node("a", workers, kept)}, "", "tolerations does not name dedicated=faas:NoSchedule",
		},
		{"grows", config.Kubernetes{NodeSelector: mine.NodeSelector, MagnumMaxNodes: 3}, nil, "Nodes: 0 of 0", ""},
		{"no RuntimeClass", config.Kubernetes{UntrustedClass: "gvisor"}, nil, "", "there is no RuntimeClass gvisor"},
		{
			"RuntimeClass", config.Kubernetes{TrustedClass: "kata", UntrustedClass: "kata"},
			[]runtime.Object{node("a", nil), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "kata"}}},
			"RuntimeClass kata: is there\nNodes", "",
		},
		{
			"priority", config.Kubernetes{PriorityClass: "low", Priority: -5}, []runtime.Object{node("a", nil)},
			"PriorityClass low: made, with value -5", "",
		},
		{
			"priority that is there", config.Kubernetes{PriorityClass: "low", Priority: 5},
			[]runtime.Object{node("a", nil), kubernetes.PriorityClass("low", 7)},
			"PriorityClass low: is there with value 7, not 5", "",
		},
	} {
		client, out := fake.NewClientset(test.has...), bytes.Buffer{}
		err := settleBy(t.Context(), client, test.k, &out)
		switch {
		case test.fails == "" && err != nil,
			test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
			t.Errorf("%s: %v, want %q", test.name, err, test.fails)
		case !strings.Contains(out.String(), test.says):
			t.Errorf("%s: said %q, want %q", test.name, out.String(), test.says)
		}
		if test.k.PriorityClass == "" {
			continue
		}
		class, err := client.SchedulingV1().PriorityClasses().Get(t.Context(), "low", metav1.GetOptions{})
		if err != nil || test.k.Priority == -5 && (class.Value != -5 || *class.PreemptionPolicy != corev1.PreemptNever) {
			t.Errorf("%s: the class is %+v, %v", test.name, class, err)
		}
	}
}
