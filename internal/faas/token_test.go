package faas_test

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestWorkerToken(t *testing.T) {
	secret := strings.Repeat("s", faas.MinWorkerSecret)
	key, err := faas.NewWorkerKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	same, _ := faas.NewWorkerKey(secret)
	other, _ := faas.NewWorkerKey(secret + "x")
	check, err := faas.NewTokenChecker(key.Public(), "worker-1")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{
		key.Token("worker-1"):   true,
		same.Token("worker-1"):  true, // another process with the same secret
		key.Token("worker-2"):   false,
		other.Token("worker-1"): false,
		"":                      false,
		"no base64!":            false,
		key.Public():            false,
	} {
		if check.Valid(token) != want {
			t.Errorf("token %q: want valid %v", token, want)
		}
	}
}

func TestWorkerKeyRefusesWhatCanBeGuessed(t *testing.T) {
	if _, err := faas.NewWorkerKey("secret"); err == nil || strings.Contains(err.Error(), "secret\"") {
		t.Errorf("got %v", err)
	}
	if _, err := faas.NewTokenChecker("c2hvcnQ", "w"); err == nil {
		t.Error("a short public key was taken")
	}
}
