package kubernetes

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
)

// deadNode makes a node that has no kubelet: what is to be done there is never done.
func deadNode(t *testing.T, o *Orchestrator) string {
	t.Helper()
	nodes := o.client.Nodes()
	node, err := nodes.Create(
		t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "dead-"}}, metav1.CreateOptions{},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return node.Name
}

// workerOn makes a generic worker of the node that looks ready, as one does whose node died a
// moment ago.
func workerOn(t *testing.T, o *Orchestrator, node string) string {
	t.Helper()
	accounts := clientOf(t, o.cfg.Kubeconfig).CoreV1().ServiceAccounts(o.cfg.Namespace)
	err := retry(
		t.Context(),
		func(ctx context.Context) error { // no pod is admitted before its namespace's account is there
			_, err := accounts.Get(ctx, "default", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return conflictError{err}
			}
			return err
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	template, err := o.cfg.template(pythonPool(1))
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName, pod.Spec.NodeName = "worker-", node
	if pod, err = o.pods().Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, "192.0.2.1"
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
	}
	pods := clientOf(t, o.cfg.Kubeconfig).CoreV1().Pods(o.cfg.Namespace)
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return pod.Name
}

// A worker whose node is dead is gone as soon as it is removed, for everybody: nobody waits for a
// kubelet that will not answer.
func TestRemoveFromADeadNode(t *testing.T) {
	o := open(t, clusterConfig(t))
	defer closing(t, o)
	node := deadNode(t, o)
	id := workerOn(t, o, node)
	o.until(t, "the worker", func(workers []faas.Worker) bool {
		return len(workers) == 1 && workers[0].ID == id && workers[0].Ready && workers[0].Node == node
	})
	if err := o.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if workers := o.Workers(); len(workers) > 0 {
		t.Errorf("the removed worker is shown: %+v", workers)
	}
	if pod, err := o.pods().Get(t.Context(), id, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("its pod is still there: %v, deleted at %v", err, pod.DeletionTimestamp)
	}
}
