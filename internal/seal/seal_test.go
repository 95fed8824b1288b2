package seal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

func derive(t *testing.T, letter, purpose string) *seal.Sealer {
	t.Helper()
	s, err := seal.Derive(faas.Secret(strings.Repeat(letter, seal.MinSecret)), purpose)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealed(t *testing.T) {
	s, same := derive(t, "a", "p"), derive(t, "a", "p")
	sealed := s.Seal("owner", "the password")
	if sealed == s.Seal("owner", "the password") {
		t.Error("the same secret is sealed to the same text twice")
	}
	if strings.Contains(sealed, "password") {
		t.Errorf("sealed: %s", sealed)
	}
	if got, err := same.Open("owner", sealed); err != nil || got.Reveal() != "the password" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	for what, open := range map[string]func() (faas.Secret, error){
		"another owner":   func() (faas.Secret, error) { return s.Open("stranger", sealed) },
		"another secret":  func() (faas.Secret, error) { return derive(t, "b", "p").Open("owner", sealed) },
		"another purpose": func() (faas.Secret, error) { return derive(t, "a", "q").Open("owner", sealed) },
		"a changed text":  func() (faas.Secret, error) { return s.Open("owner", "A"+sealed[1:]+"AAAA") },
		"a short text":    func() (faas.Secret, error) { return s.Open("owner", sealed[:8]) },
		"no text":         func() (faas.Secret, error) { return s.Open("owner", "") },
		"no base64":       func() (faas.Secret, error) { return s.Open("owner", "!"+sealed) },
	} {
		if got, err := open(); !errors.Is(err, seal.ErrSealed) || got != "" {
			t.Errorf("%s: %q, %v", what, got.Reveal(), err)
		}
	}
}

func TestSecretsThatAreTooShort(t *testing.T) {
	if _, err := seal.Derive("short", "p"); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("got %v", err)
	}
	if _, err := seal.New(make([]byte, 16)); err == nil {
		t.Error("a key of 16 bytes is taken")
	}
}
