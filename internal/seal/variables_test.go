package seal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

func newVariables(t *testing.T, letter string) *seal.Variables {
	t.Helper()
	v, err := seal.NewVariables(faas.Secret(strings.Repeat(letter, seal.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVariables(t *testing.T) {
	v := newVariables(t, "a")
	target := faas.Target{
		Key: faas.Key{FunctionID: "f"}, Environment: faas.NewVariables(map[string]string{"A": "1"}),
		Secrets: faas.NewVariables(map[string]string{"B": v.Seal("f", "B", "two"), "C": v.Seal("f", "C", "")}),
	}
	got, err := v.Environment(target)
	if err != nil || len(got) != 3 || got["A"] != "1" || got["B"] != "two" || got["C"] != "" {
		t.Errorf("got %q, %v", map[string]string(got), err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); strings.Contains(shown, "two") {
		t.Errorf("printed as %s", shown)
	}
	for n := range 50 {
		if size := v.Size(v.Seal("f", "B", faas.Secret(strings.Repeat("x", n)))); size != n {
			t.Errorf("a secret of %d bytes has %d", n, size)
		}
	}
	if v.Size("x") != 0 {
		t.Error("what is sealed by nobody has a size")
	}
}

// TestVariablesThatCannotBeRead has what was sealed for another function, for another name, or by
// another secret.
func TestVariablesThatCannotBeRead(t *testing.T) {
	v := newVariables(t, "a")
	for what, sealed := range map[string]string{
		"another function": v.Seal("g", "B", "two"), "another name": v.Seal("f", "A", "two"),
		"another secret": newVariables(t, "b").Seal("f", "B", "two"), "no sealed text": "two",
	} {
		target := faas.Target{
			Key: faas.Key{FunctionID: "f"}, Secrets: faas.NewVariables(map[string]string{"B": sealed}),
		}
		_, err := v.Environment(target)
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "secret B of function f") ||
			!strings.Contains(err.Error(), "set the function's secrets anew.") {
			t.Errorf("%s: %v", what, err)
		}
		target.Key.Version = 3
		if _, err = v.Environment(target); !strings.Contains(err.Error(), "make another version") {
			t.Errorf("%s, of a version: %v", what, err)
		}
	}
	var none *seal.Variables
	if _, err := none.Environment(faas.Target{Secrets: `{"B":"x"}`}); faas.KindOf(err) != faas.Invalid {
		t.Errorf("without a secret of the service's: %v", err)
	}
	if got, err := none.Environment(faas.Target{Environment: `{"A":"1"}`}); err != nil || got["A"] != "1" {
		t.Errorf("without a secret of the service's: %v, %v", got, err)
	}
}
