package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestSpoiledIsBounded(t *testing.T) {
	var s spoiled
	s.init()
	now := time.Now()
	bad := faas.Errorf(faas.Invalid, "No.")
	for n := range maxSpoiled + 10 {
		s.remember("f", fmt.Sprint(n), bad, now)
		if len(s.known) > maxSpoiled {
			t.Fatalf("%d are known", len(s.known))
		}
	}
	s.remember("g", "new", bad, now.Add(spoiledFor))
	if s.of("g", "new", now.Add(spoiledFor)) == nil || len(s.known) != 1 {
		t.Errorf("what is over stays: %d are known", len(s.known))
	}
}

func TestOnlyTheContentsOwnFaultsAreRemembered(t *testing.T) {
	var s spoiled
	s.init()
	now := time.Now()
	for kind, want := range map[faas.Kind]bool{
		faas.Invalid: true, faas.OverQuota: true, faas.TooLarge: true,
		faas.Unavailable: false, faas.Busy: false, faas.Outdated: false, faas.Internal: false, faas.Forbidden: false, faas.Unauthenticated: false,
	} {
		s.remember("f", string(kind), faas.Errorf(kind, "No."), now)
		if got := s.of("f", string(kind), now) != nil; got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
	s.remember("f", "", faas.Errorf(faas.Invalid, "There is no object."), now)
	s.remember("f", "fine", nil, now)
	if s.of("f", "", now) != nil || s.of("f", "fine", now) != nil || s.of("g", string(faas.Invalid), now) != nil {
		t.Error("something else is remembered")
	}
}
