package gateway

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
)

// Only agents of workers have an address for callers, whatever they ask for.
func TestPods(t *testing.T) {
	const selector = "app=worker,protocol!=run"
	pod := func(name, ip string, host bool, labels ...string) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "faas", Labels: map[string]string{}},
			Spec:       corev1.PodSpec{HostNetwork: host}, Status: corev1.PodStatus{PodIP: ip},
		}
		for i := 0; i < len(labels); i += 2 {
			p.Labels[labels[i]] = labels[i+1]
		}
		return p
	}
	client := fake.NewClientset(
		pod("worker", "10.0.0.1", false, "app", "worker"),
		pod("server", "2001:db8::1", false, "app", "worker", "protocol", "http"),
		pod("call", "10.0.0.2", false, "app", "worker", "protocol", "run"),
		pod("node", "192.0.2.1", true, "app", "worker"),
		pod("other", "10.0.0.3", false, "app", "other"),
		pod("young", "", false, "app", "worker"),
	)
	pods, err := FollowPods(t.Context(), t.Context(), kubeclienttest.Of(client), "faas", selector)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"worker": "10.0.0.1:8090", "server": "[2001:db8::1]:8090",
		"call": "", "node": "", "other": "", "young": "", "none": "", "": "",
		"169.254.169.254": "", "../secrets/faas-gateway-identity": "", "worker/log": "",
	} {
		got, err := pods.Address(t.Context(), id)
		if got != want || (want == "") != errors.Is(err, ErrNoWorker) {
			t.Errorf("%q: %q, %v", id, got, err)
		}
	}
	// A worker that was made a moment ago is found before the news of it.
	late := pod("late", "10.0.0.9", false, "app", "worker")
	if _, err := client.CoreV1().Pods("faas").Create(t.Context(), late, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := pods.Address(t.Context(), "late"); got != "10.0.0.9:8090" {
		t.Errorf("a new worker: %q, %v", got, err)
	}
}
