package openstack

import (
	"context"
	"log/slog"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/openstack-faas/faas/internal/clusteraccess"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// growth has a worker find no room: the engine has Magnum add a node. Then a node holds nothing: it
// is closed to pods, and Magnum is to take it. The mini cloud starts no second machine: the node
// that goes is one that the test has written into Kubernetes.
func growth(ctx context.Context, t *testing.T, service testkit.Session, cluster clusters.Cluster) {
	access, err := clusteraccess.Open(ctx, clusteraccess.Config{
		Cluster: cluster.UUID, Magnum: magnum.New(fixed{service}, nil), User: "test", Group: "system:masters",
		Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	defer access.Close()
	admin, err := kubernetes.NewForConfig(access.REST())
	must(t, err)
	nodesOf := func() int {
		found, err := clusters.Get(ctx, service.Magnum(t), cluster.UUID).Extract()
		must(t, err)
		return found.NodeCount
	}
	if count := nodesOf(); count != 1 {
		t.Fatalf("it has %d nodes at first", count)
	}
	_, err = admin.CoreV1().Pods("faas").Create(ctx, tooLarge(), metav1.CreateOptions{})
	must(t, err)
	await(ctx, t, "Magnum has a second node", func() bool { return nodesOf() == 2 })
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "second"}, Spec: corev1.NodeSpec{ProviderID: "openstack:///5ec0"},
	}
	_, err = admin.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	must(t, err)
	must(t, admin.CoreV1().Pods("faas").Delete(ctx, "too-large", metav1.DeleteOptions{}))
	await(ctx, t, "Magnum has one node again", func() bool { return nodesOf() == 1 })
	all, err := admin.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	must(t, err)
	for _, n := range all.Items {
		if n.Spec.Unschedulable != (n.Name == "second") {
			t.Errorf("node %s: unschedulable is %t", n.Name, n.Spec.Unschedulable)
		}
	}
}

// tooLarge is a worker that no node has room for.
func tooLarge() *corev1.Pod {
	yes, no, user := true, false, int64(10001)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "too-large", Labels: map[string]string{"app.kubernetes.io/name": "faas-worker"},
		},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "c", Image: "docker.io/faas-mini/python3:dev",
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")},
				},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}
