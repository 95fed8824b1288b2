package webhook

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

const hook = "0192f3c4-5d6e-7f80-9a1b-2c3d4e5f6071"

func newKeys(t *testing.T, secret string) *Keys {
	t.Helper()
	k, err := NewKeys(faas.Secret(strings.Repeat(secret, MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestURLSecrets has a secret be good for its webhook and its generation, and for nothing else.
func TestURLSecrets(t *testing.T) {
	k, same, other := newKeys(t, "a"), newKeys(t, "a"), newKeys(t, "b")
	secret := k.URLSecret(hook, 12)
	if n, ok := same.Check(hook, secret); !ok || n != 12 {
		t.Errorf("another process with the same secret finds generation %d, %v", n, ok)
	}
	if _, ok := other.Check(hook, secret); ok {
		t.Error("the secret is good where the service's secret is another")
	}
	if _, ok := k.Check("0192f3c4-5d6e-7f80-9a1b-2c3d4e5f6072", secret); ok {
		t.Error("the secret is good for another webhook")
	}
	text := secret.Reveal()
	_, code, _ := strings.Cut(text, ".")
	forged := []string{
		"", ".", "12", "12.", "." + code, "1." + code, "13." + code, "012." + code, "+12." + code, "12 ." + code,
		"12.." + code, "-12." + code, text + "A", text + "=", text + "\n", text[:len(text)-1], strings.ToLower(text),
		"12." + strings.Repeat("A", len(code)),
		strings.Repeat("1", 1<<20) + "." + code, "99999999999999999999." + code,
	}
	for i := range code { // each letter matters
		forged = append(forged, "12."+code[:i]+string('A'+(code[i]+1)%26)+code[i+1:])
	}
	for _, f := range forged {
		if n, ok := k.Check(hook, faas.Secret(f)); ok && f != text {
			t.Errorf("%.100q is good, of generation %d", f, n)
		}
	}
	if printed := fmt.Sprint(secret); strings.Contains(printed, code) {
		t.Errorf("the secret is printed as %s", printed)
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	if _, err := NewKeys("short"); err == nil || !strings.Contains(err.Error(), "at least 32") {
		t.Errorf("got %v", err)
	}
}

// TestSealedSecrets opens what was sealed, by the same keys and for the same webhook only.
func TestSealedSecrets(t *testing.T) {
	k := newKeys(t, "a")
	sealed := k.Seal(hook, "a secret")
	if strings.Contains(sealed, "secret") {
		t.Fatalf("sealed as %q", sealed)
	}
	if k.Seal(hook, "a secret") == sealed {
		t.Error("two seals of one secret are the same")
	}
	if got, err := newKeys(t, "a").Open(hook, sealed); err != nil || got != "a secret" {
		t.Errorf("opened as %q, %v", got.Reveal(), err)
	}
	for what, open := range map[string]func() (faas.Secret, error){
		"other keys":      func() (faas.Secret, error) { return newKeys(t, "b").Open(hook, sealed) },
		"another webhook": func() (faas.Secret, error) { return k.Open("other", sealed) },
		"a changed seal":  func() (faas.Secret, error) { return k.Open(hook, "A"+sealed[1:]+"AAAA") },
		"a cut seal":      func() (faas.Secret, error) { return k.Open(hook, sealed[:8]) },
		"no seal":         func() (faas.Secret, error) { return k.Open(hook, "") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %q", what, got.Reveal())
		}
	}
}
