package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/seal"
)

func newPasswords(t *testing.T, letter string) *seal.Passwords {
	t.Helper()
	passwords, err := seal.NewPasswords(faas.Secret(strings.Repeat(letter, seal.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return passwords
}

// privateTarget is of an image that bob may pull.
func privateTarget(passwords *seal.Passwords, password faas.Secret) faas.Target {
	target := imageTarget(faas.ProtocolRun)
	target.Image = "example.org:5000/a@sha256:1"
	target.Registry = faas.Registry{
		User: "bob", Sealed: passwords.Seal(target.Key.FunctionID, "example.org:5000/a:1", password),
	}
	return target
}

func secretsOf(t *testing.T, o *Orchestrator) []corev1.Secret {
	t.Helper()
	list, err := o.cluster.secrets().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// privateOrchestrator keeps its objects in memory: client-go's own double of an API server, for
// what no informer sees.
func privateOrchestrator(t *testing.T, passwords *seal.Passwords) *Orchestrator {
	t.Helper()
	cfg, err := Config{Namespace: "faas", AgentImage: "agent", Passwords: passwords}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	o := newOrchestrator(cfg, kubeclienttest.Of(fake.NewClientset()))
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func TestPullSecret(t *testing.T) {
	passwords := newPasswords(t, "a")
	o, target := privateOrchestrator(t, passwords), privateTarget(passwords, "pass:word")
	owner := metav1.OwnerReference{Kind: "NetworkPolicy", Name: "workers", UID: "1"}
	keep := func(target faas.Target) {
		t.Helper()
		if err := o.keepSecrets(t.Context(), target, owner); err != nil {
			t.Fatal(err)
		}
	}
	keep(target)
	keep(target)
	all := secretsOf(t, o)
	if len(all) != 1 {
		t.Fatalf("%d secrets, want one", len(all))
	}
	secret := all[0]
	var docker struct {
		Auths map[string]struct{ Auth string }
	}
	if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &docker); err != nil {
		t.Fatal(err)
	}
	auth, err := base64.StdEncoding.DecodeString(docker.Auths["example.org:5000"].Auth)
	if err != nil || string(auth) != "bob:pass:word" || secret.Type != corev1.SecretTypeDockerConfigJson {
		t.Errorf("the secret of type %s says %q for the registry, %v", secret.Type, auth, err)
	}
	if len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != "1" {
		t.Errorf("owned by %+v", secret.OwnerReferences)
	}
	pod := callPodOf(t, o.cfg, orchestrator.ImageCall{ExecutionID: executionID, Target: target})
	if refs := pod.Spec.ImagePullSecrets; len(refs) != 1 || refs[0].Name != secret.Name {
		t.Errorf("the pod is pulled with %+v, want %s", refs, secret.Name)
	}
	keep(privateTarget(passwords, "a new one"))
	if n := len(secretsOf(t, o)); n != 2 {
		t.Errorf("with another password there are %d secrets, want two", n)
	}
	keep(imageTarget(faas.ProtocolRun))
	if n := len(secretsOf(t, o)); n != 2 {
		t.Errorf("an image for everybody made a secret: there are %d", n)
	}
}

// TestPasswordsThatCannotBeRead has what was sealed for another function, for another registry, or
// by another secret.
func TestPasswordsThatCannotBeRead(t *testing.T) {
	passwords := newPasswords(t, "a")
	for what, change := range map[string]func(*faas.Target){
		"another function": func(target *faas.Target) { target.Key.FunctionID = executionID },
		"another registry": func(target *faas.Target) { target.Image = "evil.example.org/a@sha256:1" },
		"another secret": func(target *faas.Target) {
			target.Registry = privateTarget(newPasswords(t, "b"), "password").Registry
		},
	} {
		o, target := privateOrchestrator(t, passwords), privateTarget(passwords, "password")
		change(&target)
		err := o.keepSecrets(t.Context(), target, metav1.OwnerReference{})
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "code.registry_password") {
			t.Errorf("%s: %v", what, err)
		}
		if n := len(secretsOf(t, o)); n != 0 {
			t.Errorf("%s: %d secrets were made", what, n)
		}
	}
}

// TestUnusedPullSecretsAreSwept lets time pass, with one secret used again and a stranger's beside.
func TestUnusedPullSecretsAreSwept(t *testing.T) {
	ctx := context.Background()
	passwords := newPasswords(t, "a")
	o := privateOrchestrator(t, passwords)
	strangers := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "strangers"}}
	if _, err := o.cluster.secrets().Create(ctx, strangers, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now().Truncate(time.Second) // as the notes are
	note := func(target faas.Target, at time.Time) string {
		t.Helper()
		secret, err := o.cfg.pullSecret(target, metav1.OwnerReference{})
		if err == nil {
			err = o.noteSecret(ctx, secret, at)
		}
		if err != nil {
			t.Fatal(err)
		}
		return secret.Name
	}
	used := privateTarget(passwords, "one")
	kept, swept := note(used, begun), note(privateTarget(passwords, "two"), begun)
	there := func(want ...string) {
		t.Helper()
		names := map[string]bool{}
		for _, secret := range secretsOf(t, o) {
			names[secret.Name] = true
		}
		for _, name := range want {
			if !names[name] {
				t.Errorf("%s is gone", name)
			}
		}
		if len(names) != len(want) {
			t.Errorf("there are %v, want %v", names, want)
		}
	}
	sweep := func(now time.Time) {
		t.Helper()
		if err := o.sweepSecrets(ctx, now); err != nil {
			t.Fatal(err)
		}
	}
	note(used, begun.Add(noteAgain))
	sweep(begun.Add(secretUnused))
	there("strangers", kept, swept)
	sweep(begun.Add(secretUnused + time.Minute))
	there("strangers", kept)
	o.ForgetFunction(ctx, executionID)
	there("strangers", kept)
	o.ForgetFunction(ctx, used.Key.FunctionID)
	there("strangers")
	if again := note(used, begun.Add(time.Hour)); again != kept {
		t.Errorf("made again as %s", again)
	}
}
