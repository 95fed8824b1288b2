package kubernetes

import (
	"context"
	"errors"
	"strings"
	"testing"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// TestIdentityIsTheAgentsAlone has no other container of a worker see what the pod is known by.
func TestIdentityIsTheAgentsAlone(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS = faas.TLSRequired
	pool := podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "runtime"})
	server, err := cfg.serverPod("worker", imageTarget(faas.ProtocolHTTP), metav1.OwnerReference{})
	if err != nil {
		t.Fatal(err)
	}
	for name, pod := range map[string]corev1.PodTemplateSpec{
		"pool": pool, "server": {ObjectMeta: server.ObjectMeta, Spec: server.Spec},
	} {
		if got := pod.Annotations[annotationTLS]; got != string(faas.TLSRequired) {
			t.Errorf("%s: annotated as %q", name, got)
		}
		for _, c := range pod.Spec.Containers {
			mounted := false
			for _, m := range c.VolumeMounts {
				mounted = mounted || m.Name == identityVolume
			}
			if agents := c.Name == agentContainer; mounted != agents {
				t.Errorf("%s: container %s has the identity mounted: %v", name, c.Name, mounted)
			}
			if c.StartupProbe != nil && c.StartupProbe.HTTPGet.Scheme != corev1.URISchemeHTTPS {
				t.Errorf("%s: the agent is asked by %s", name, c.StartupProbe.HTTPGet.Scheme)
			}
		}
	}
}

// reviewing is an API server that says so much of every token.
func reviewing(said authv1.TokenReviewStatus, err error) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authv1.TokenReview).DeepCopy()
		if len(review.Spec.Audiences) != 1 || review.Spec.Audiences[0] != podlayout.IdentityAudience {
			return true, nil, errors.New("for whom is it?")
		}
		review.Status = said
		return true, review, err
	})
	return client
}

func TestVouch(t *testing.T) {
	const uid = "5d2e1c3a-0000-4000-8000-000000000001"
	good := func() authv1.TokenReviewStatus {
		return authv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{podlayout.IdentityAudience},
			User: authv1.UserInfo{
				Username: "system:serviceaccount:" + testConfig(t).Namespace + ":default",
				Extra:    map[string]authv1.ExtraValue{tokenPodName: {"worker"}, tokenPodUID: {uid}},
			},
		}
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "tokenreviews"}, "", nil)
	for name, try := range map[string]struct {
		change func(*authv1.TokenReviewStatus)
		err    error
		ok     bool
	}{
		"its own": {func(*authv1.TokenReviewStatus) {}, nil, true},
		"unknown": {func(s *authv1.TokenReviewStatus) {
			s.Authenticated = false
		}, nil, false},
		"for others": {func(s *authv1.TokenReviewStatus) {
			s.Audiences = []string{"vault"}
		}, nil, false},
		"another pod's": {func(s *authv1.TokenReviewStatus) {
			s.User.Extra[tokenPodName] = authv1.ExtraValue{"other"}
		}, nil, false},
		"one of before": {func(s *authv1.TokenReviewStatus) {
			s.User.Extra[tokenPodUID] = authv1.ExtraValue{"other"}
		}, nil, false},
		"no pod's": {func(s *authv1.TokenReviewStatus) {
			s.User.Extra = nil
		}, nil, false},
		"another namespace's": {func(s *authv1.TokenReviewStatus) {
			s.User.Username = "system:serviceaccount:other:default"
		}, nil, false},
		"forbidden":          {func(*authv1.TokenReviewStatus) {}, forbidden, false},
		"Kubernetes is away": {func(*authv1.TokenReviewStatus) {}, errors.New("connection refused"), false},
	} {
		said := good()
		try.change(&said)
		o := newOrchestrator(testConfig(t), kubeclienttest.Of(reviewing(said, try.err)))
		pod := &corev1.Pod{}
		pod.Name, pod.UID = "worker", uid
		o.observe(pod)
		err := o.Vouch(context.Background(), "worker", "token")
		if (err == nil) != try.ok {
			t.Errorf("%s: %v", name, err)
		}
		missing := apierrors.IsForbidden(try.err) // a right: somebody has to do something
		if errors.Is(err, workertls.ErrNoVouching) != (try.err != nil) || (o.Problem() != nil) != missing {
			t.Errorf("%s: %v, and the problem is %v", name, err, o.Problem())
		}
		if err := o.Vouch(context.Background(), "another", "token"); err == nil {
			t.Errorf("%s: a worker that is not there was known", name)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestClaimKeepsThatTLSWasSpoken has other engines speak TLS only with a worker that has done so.
func TestClaimKeepsThatTLSWasSpoken(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Annotations = map[string]string{annotationTLS: string(faas.TLSAccepted)}
	for _, secured := range []bool{false, true} {
		patch, err := claimPatch(worker{pod: pod}, orchestrator.Claim{
			Target: faas.Target{Key: faas.Key{FunctionID: runtimeID, Revision: 1}, ProjectID: "project"}, Secured: secured,
		}, metav1.OwnerReference{})
		if err != nil || strings.Contains(string(patch), `"`+annotationTLS+`":"require"`) != secured {
			t.Errorf("secured %v: %s, %v", secured, patch, err)
		}
	}
	for value, want := range map[string]faas.TLS{
		"": "", "accept": "accept", "require": "require", "of a later release": "require",
	} {
		pod.Annotations[annotationTLS] = value
		if w, err := workerOf(pod, ready); err != nil || w.TLS != want {
			t.Errorf("%q is read as %q: %v", value, w.TLS, err)
		}
	}
}
