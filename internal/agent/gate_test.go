package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestSignedToken(t *testing.T) {
	key, err := faas.NewWorkerKey(strings.Repeat("secret", 6))
	if err != nil {
		t.Fatal(err)
	}
	checker, err := faas.NewTokenChecker(key.Public(), "w")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	gate := &signedToken{checker: checker, now: func() time.Time { return now }}
	good := key.Token("w")
	for range 2 * maxChecks {
		if gate.admits(key.Token("v")) || gate.admits("") {
			t.Fatal("a stranger was let in")
		}
	}
	if gate.admits(good) {
		t.Error("more was checked in a second than may be")
	}
	now = now.Add(time.Second)
	for range 2 {
		if !gate.admits(good) {
			t.Error("the token was refused")
		}
	}
	for range 2 * maxChecks { // nothing is checked any more, so nothing is used up
		if gate.admits(key.Token("v")) || gate.admits("") || gate.admits(good[1:]) {
			t.Fatal("a stranger was let in")
		}
	}
	if !gate.admits(good) {
		t.Error("the token was refused")
	}
}
