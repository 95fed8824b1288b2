package kubeclient

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// codecs encode and decode objects and the options of requests.
type codecs struct {
	objects    runtime.NegotiatedSerializer
	parameters runtime.ParameterCodec
}

// newCodecs returns the codecs of all clients of the process, which are made with the first one.
var newCodecs = sync.OnceValue(func() codecs {
	scheme := newScheme()
	return codecs{
		objects:    serializer.NewCodecFactory(scheme).WithoutConversion(),
		parameters: runtime.NewParameterCodec(scheme),
	}
})

// newScheme returns a scheme of the kinds that Client has. The groups' own AddToScheme would add
// all of their kinds, and the linker keep the methods of each.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for group, kinds := range map[schema.GroupVersion][]runtime.Object{
		corev1.SchemeGroupVersion: {
			&corev1.Pod{}, &corev1.PodList{}, &corev1.PodLogOptions{}, &corev1.Secret{}, &corev1.SecretList{},
			&corev1.Service{}, &corev1.ServiceList{}, &corev1.Event{}, &corev1.EventList{},
			&corev1.Node{}, &corev1.NodeList{},
		},
		appsv1.SchemeGroupVersion:         {&appsv1.Deployment{}, &appsv1.DeploymentList{}},
		netv1.SchemeGroupVersion:          {&netv1.NetworkPolicy{}, &netv1.NetworkPolicyList{}},
		coordinationv1.SchemeGroupVersion: {&coordinationv1.Lease{}, &coordinationv1.LeaseList{}},
		authv1.SchemeGroupVersion:         {&authv1.TokenReview{}},
	} {
		scheme.AddKnownTypes(group, kinds...)
		metav1.AddToGroupVersion(scheme, group) // options, watch events
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"}) // Status, which is in no group
	return scheme
}
