package kubernetes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/seal"
)

func newVariables(t *testing.T, letter string) *seal.Variables {
	t.Helper()
	variables, err := seal.NewVariables(faas.Secret(strings.Repeat(letter, seal.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return variables
}

// variedTarget is of a function with an environment and a secret.
func variedTarget(variables *seal.Variables, protocol faas.Protocol, secret faas.Secret) faas.Target {
	target := imageTarget(protocol)
	target.Environment = faas.NewVariables(map[string]string{"LANG": "de", "HOME": "/srv"})
	target.Secrets = faas.NewVariables(map[string]string{
		"KEY": variables.Seal(target.Key.FunctionID, "KEY", secret),
	})
	return target
}

// TestEnvironmentSecret has containers of both protocols find their environment, of which their
// pods tell nothing.
func TestEnvironmentSecret(t *testing.T) {
	variables := newVariables(t, "a")
	o := privateOrchestrator(t, nil)
	o.cfg.Variables = variables
	owner := metav1.OwnerReference{Kind: "NetworkPolicy", Name: "workers", UID: "1"}
	run := variedTarget(variables, faas.ProtocolRun, "swordfish $(HOME)\n")
	serve := variedTarget(variables, faas.ProtocolHTTP, "swordfish")
	key, err := faas.NewWorkerKey(strings.Repeat("k", seal.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	o.cfg.Key = key
	server, err := o.cfg.serverPod("worker", serve, owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target faas.Target
		pod    *corev1.Pod
		secret string
		own    []string // variables that the pod names itself
	}{
		{run, callPodOf(t, o.cfg, orchestrator.ImageCall{ExecutionID: executionID, Target: run}),
			"swordfish $(HOME)\n", []string{"TMPDIR"}},
		{serve, server, "swordfish", []string{"TMPDIR", "PORT"}},
	} {
		for range 2 {
			if err := o.keepSecrets(t.Context(), c.target, owner); err != nil {
				t.Fatal(err)
			}
		}
		spec, err := json.Marshal(c.pod)
		if err != nil || strings.Contains(string(spec), "swordfish") || strings.Contains(string(spec), "/srv") {
			t.Errorf("the pod tells a value: %s, %v", spec, err)
		}
		container := c.pod.Spec.Containers[len(c.pod.Spec.Containers)-1]
		names := []string{}
		for _, variable := range container.Env {
			names = append(names, variable.Name)
		}
		if !slices.Equal(names, c.own) || len(container.EnvFrom) != 1 {
			t.Fatalf("the container has %v and %+v, want %v", names, container.EnvFrom, c.own)
		}
		secret, err := o.cluster.secrets().Get(t.Context(), container.EnvFrom[0].SecretRef.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for name, value := range secret.Data {
			found[name] = string(value)
		}
		if want := map[string]string{"LANG": "de", "HOME": "/srv", "KEY": c.secret}; !maps.Equal(found, want) {
			t.Errorf("the container finds %v, want %v", found, want)
		}
		if len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != "1" {
			t.Errorf("owned by %+v", secret.OwnerReferences)
		}
	}
	if n := len(secretsOf(t, o)); n != 2 {
		t.Errorf("%d secrets for two environments", n)
	}
	o.ForgetFunction(t.Context(), run.Key.FunctionID)
	if n := len(secretsOf(t, o)); n != 0 {
		t.Errorf("a deleted function has %d secrets", n)
	}
}

// TestEnvironmentThatCannotBeRead was sealed by another secret of the service's, or the service has
// none.
func TestEnvironmentThatCannotBeRead(t *testing.T) {
	o := privateOrchestrator(t, nil)
	target := variedTarget(newVariables(t, "b"), faas.ProtocolRun, "swordfish")
	for _, variables := range []*seal.Variables{newVariables(t, "a"), nil} {
		o.cfg.Variables = variables
		err := o.keepSecrets(t.Context(), target, metav1.OwnerReference{})
		if faas.KindOf(err) != faas.Invalid || len(secretsOf(t, o)) != 0 {
			t.Errorf("%v, and there are %d secrets", err, len(secretsOf(t, o)))
		}
	}
}

// TestNoEnvironment makes no secret for functions without variables.
func TestNoEnvironment(t *testing.T) {
	o, target := privateOrchestrator(t, nil), imageTarget(faas.ProtocolRun)
	if err := o.keepSecrets(t.Context(), target, metav1.OwnerReference{}); err != nil || len(secretsOf(t, o)) != 0 {
		t.Errorf("%v, and there are %d secrets", err, len(secretsOf(t, o)))
	}
	pod := callPodOf(t, o.cfg, orchestrator.ImageCall{ExecutionID: executionID, Target: target})
	if c := pod.Spec.Containers[0]; len(c.EnvFrom) != 0 || len(c.Env) != 2 {
		t.Errorf("the container has %+v and %+v", c.Env, c.EnvFrom)
	}
}
