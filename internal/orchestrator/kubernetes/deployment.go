package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Annotations of a pool's Deployment.
const (
	// annotationProven is the last image, as JSON, that workers came up with: a failed change is
	// rolled back to it.
	annotationProven = "faas.openstack.org/proven"
	// annotationRejected is the image, as JSON, from which a change was rolled back, and why.
	annotationRejected = "faas.openstack.org/rejected"
	// annotationSetAgain is when a Deployment that lacked pods was last set again. Its ReplicaSet
	// gets the annotation too, which makes Kubernetes look at it again. A ReplicaSet makes no pods
	// while it waits to hear of the end of one that it deleted; it never does of a worker that was
	// claimed in that moment. It gives up after five minutes, but only when something changes.
	annotationSetAgain = "faas.openstack.org/set-again"
)

// image is what distinguishes one generation of a pool's workers from another.
type image struct {
	Image   string `json:"image"`
	Trusted bool   `json:"trusted"`
	Reason  string `json:"reason,omitempty"` // of a rejected one: why
}

func (i image) same(other image) bool { return i.Image == other.Image && i.Trusted == other.Trusted }

func imageOf(pool orchestrator.Pool) image { return image{Image: pool.Image, Trusted: pool.Trusted} }

func (i image) String() string {
	text, err := json.Marshal(i)
	if err != nil {
		panic(err) // strings and a bool
	}
	return string(text)
}

// imageIn reads an image from an annotation; false when there is none.
func imageIn(d *appsv1.Deployment, note string) (image, bool) {
	var i image
	err := json.Unmarshal([]byte(d.Annotations[note]), &i)
	return i, err == nil && i.Image != ""
}

// poolName returns the name of a runtime's Deployment. A pod's name is that name and 17 characters,
// and must be a valid host name.
func poolName(runtimeID string) (string, error) {
	name := "pool-" + runtimeID
	if wrong := validation.IsDNS1123Label(name + "-0123456789-01234"); checkLabel("", runtimeID) != nil || len(wrong) > 0 {
		return "", errNotALabel("runtime's id", runtimeID)
	}
	return name, nil
}

// deployment returns the pool's Deployment. The owner is the namespace's NetworkPolicy.
func (c Config) deployment(pool orchestrator.Pool, owner metav1.OwnerReference) (*appsv1.Deployment, error) {
	name, err := poolName(pool.RuntimeID)
	if err != nil {
		return nil, err
	}
	template, err := c.template(pool)
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", name, err)
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: c.Namespace,
			Labels:          map[string]string{labelName: workerName, labelRuntime: pool.RuntimeID},
			OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: pointer(int32(pool.Size)),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{labelPool: pool.RuntimeID}},
			Template: template,
			// No old worker ends before a new one is ready, so a bad image leaves the pool as it
			// was.
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: pointer(intstr.FromInt32(0)), MaxSurge: pointer(intstr.FromString("50%")),
				},
			},
			RevisionHistoryLimit:    pointer(int32(1)),
			ProgressDeadlineSeconds: pointer(max(1, int32(c.Progress/time.Second))),
		},
	}, nil
}

// differs reports whether the existing Deployment is not as wanted. Fields that are not set in want
// are ignored: Kubernetes fills in their defaults.
func differs(have, want *appsv1.Deployment) bool {
	return have.Spec.Replicas == nil || *have.Spec.Replicas != *want.Spec.Replicas ||
		have.Spec.Template.Labels[labelTemplate] != want.Spec.Template.Labels[labelTemplate] ||
		!equality.Semantic.DeepDerivative(want.Spec, have.Spec) ||
		!equality.Semantic.DeepEqual(want.OwnerReferences, have.OwnerReferences)
}

// lacks reports whether Kubernetes has made fewer pods than the Deployment asks for.
func lacks(have *appsv1.Deployment) bool {
	return have.Spec.Replicas != nil && have.Status.Replicas < *have.Spec.Replicas
}

// merged returns the existing Deployment with the wanted one applied to it.
func merged(have, want *appsv1.Deployment) *appsv1.Deployment {
	next := have.DeepCopy()
	next.Spec, next.OwnerReferences = want.Spec, want.OwnerReferences
	if next.Labels == nil {
		next.Labels = map[string]string{}
	}
	maps.Copy(next.Labels, want.Labels)
	return next
}
