package kubernetes

import (
	"bytes"
	"os"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

// TestRightsAreThoseOfTheManifests compares what faas-manage grants with what deploy/ does.
func TestRightsAreThoseOfTheManifests(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/kubernetes/base/accounts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string][]rbacv1.PolicyRule{}
	for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var role rbacv1.Role
		if err := yaml.Unmarshal(part, &role); err == nil && role.Rules != nil {
			granted[role.Kind] = role.Rules
		}
	}
	for kind, want := range map[string][]rbacv1.PolicyRule{"Role": engineRules(), "ClusterRole": reviewRules()} {
		if !equality.Semantic.DeepEqual(granted[kind], want) {
			t.Errorf("the manifest's %s grants %v, faas-manage %v", kind, granted[kind], want)
		}
	}
}
