package kubernetes

import (
	"errors"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const extraRuntime = "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0001"

// besidePool returns an orchestrator that knows a pool, on client-go's own double of an API server.
func besidePool(t *testing.T) (*Orchestrator, *fake.Clientset, *appsv1.Deployment) {
	t.Helper()
	client := fake.NewClientset()
	o := newOrchestrator(testConfig(t), kubeclienttest.Of(client))
	t.Cleanup(func() { _ = o.Close() })
	policy := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: policyName, UID: "policy"}}
	o.policies.note(policy)
	d, err := o.cfg.deployment(orchestrator.Pool{RuntimeID: extraRuntime, Image: "python", Size: 3}, ownedBy(policy))
	if err != nil {
		t.Fatal(err)
	}
	o.observePool(d)
	return o, client, d
}

func podsIn(t *testing.T, o *Orchestrator) []corev1.Pod {
	t.Helper()
	list, err := o.pods().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// TestPodsBesideAPool holds that no ReplicaSet selects the pods, that they are generic workers of
// the pool's template, and that they end with the policy that owns all workers.
func TestPodsBesideAPool(t *testing.T) {
	o, _, d := besidePool(t)
	pool := orchestrator.Pool{RuntimeID: extraRuntime}
	ids, err := o.Extend(t.Context(), pool, 3)
	if err != nil || len(ids) != 3 {
		t.Fatalf("%v, %v", ids, err)
	}
	for _, pod := range podsIn(t, o) {
		if _, selected := pod.Labels[labelPool]; selected || pod.Labels[labelExtra] != extraRuntime {
			t.Errorf("labels %v", pod.Labels)
		}
		if pod.Labels[labelTemplate] != d.Spec.Template.Labels[labelTemplate] || pod.Labels[labelName] != workerName {
			t.Errorf("labels %v", pod.Labels)
		}
		if len(pod.OwnerReferences) != 1 || pod.OwnerReferences[0].UID != "policy" {
			t.Errorf("owners %v", pod.OwnerReferences)
		}
		if !slices.Contains(ids, pod.Name) || pod.Spec.Containers[0].Image != "python" {
			t.Errorf("pod %s of image %s", pod.Name, pod.Spec.Containers[0].Image)
		}
	}
	for _, w := range o.Workers() {
		if !w.Generic() || w.Ready || w.RuntimeID != extraRuntime {
			t.Errorf("worker %+v", w)
		}
	}
	if n := len(o.Workers()); n != 3 {
		t.Errorf("%d workers are shown", n)
	}
	if d.Spec.Template.Labels[labelPool] != extraRuntime {
		t.Error("the pool's own template was changed")
	}
	if _, err := o.Extend(t.Context(), orchestrator.Pool{RuntimeID: "another"}, 1); faas.KindOf(err) != faas.NotFound {
		t.Errorf("beside no pool: %v", err)
	}
}

// TestPodsBesideAPoolEnd has one of three claimed, and the others end when nobody needs them.
func TestPodsBesideAPoolEnd(t *testing.T) {
	o, _, _ := besidePool(t)
	ids, err := o.Extend(t.Context(), orchestrator.Pool{RuntimeID: extraRuntime}, 3)
	if err != nil {
		t.Fatal(err)
	}
	w, there := o.find(ids[0])
	if !there {
		t.Fatal("a worker that was started is not known")
	}
	key := faas.Key{FunctionID: "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0002", Revision: 1}
	if err := o.label(t.Context(), w, orchestrator.Claim{Target: faas.Target{Key: key, ProjectID: "p"}}); err != nil {
		t.Fatal(err)
	}
	kept := w.pod.Labels[labelTemplate]
	if err := o.reduceTo(t.Context(), extraRuntime, kept); err != nil || len(podsIn(t, o)) != 3 {
		t.Fatalf("those of the pool's template end: %v", err)
	}
	if err := o.Reduce(t.Context(), extraRuntime); err != nil {
		t.Fatal(err)
	}
	left := podsIn(t, o)
	if len(left) != 1 || left[0].Name != ids[0] || left[0].Labels[labelExtra] != "" {
		t.Errorf("left are %v", left)
	}
}

// TestSomePodsBesideAPoolCannotBeMade returns those that could.
func TestSomePodsBesideAPoolCannotBeMade(t *testing.T) {
	o, client, _ := besidePool(t)
	asked := 0
	client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		if asked%2 == 0 {
			return false, nil, nil
		}
		return true, nil, invalidPod()
	})
	ids, err := o.Extend(t.Context(), orchestrator.Pool{RuntimeID: extraRuntime}, 4)
	var known *faas.Error
	if !errors.As(err, &known) || len(ids) != 2 || len(podsIn(t, o)) != 2 {
		t.Errorf("%v, %v", ids, err)
	}
}

// invalidPod is the answer of an API server that does not take the pod.
func invalidPod() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("exceeded quota"))
}
