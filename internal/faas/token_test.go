package faas

import (
	"strings"
	"testing"
)

func TestWorkerToken(t *testing.T) {
	secret := strings.Repeat("s", MinWorkerSecret)
	key, err := NewWorkerKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewWorkerKey(secret)
	other, _ := NewWorkerKey(secret + "x")
	check, err := NewTokenChecker(key.Public(), "worker-1")
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
	if _, err := NewWorkerKey("secret"); err == nil || strings.Contains(err.Error(), "secret\"") {
		t.Errorf("got %v", err)
	}
	if _, err := NewTokenChecker("c2hvcnQ", "w"); err == nil {
		t.Error("a short public key was taken")
	}
}
